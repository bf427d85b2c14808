"""Files for GKE and Cloud TPU: what stands in them, and what a shell makes of hostile values."""

import itertools
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import hostile
import pytest
import tiny
import yaml

from gan_jax.cli.main import main
from gan_jax.host.errors import ConfigError
from gan_jax.sweeps import launch
from gan_jax.sweeps import rows as rows_lib
from gan_jax.sweeps.launch import jobset, overview, tpu_vm, tpus
from gan_jax.sweeps.product import param, product, seeds

JOBSET = {"image": "eu.io/a/gan:1@sha256:0", "topology": "v5e:2x4", "hosts": "3", "claim": "runs"}
TPU_VM = {"zone": "us-west4-a", "topology": "v5e:2x4", "hosts": "3", "prepare": "pip install x"}
WORDS = ("--sweep", "losses", "--config.gen.lr=1e-3")
SHELL = (  # what a shell, a template or Kubernetes would like to make more of
    "a b'c\"d$(touch x)`touch x`$HOME\\ %s {name} ; & | * # !! ~ <(touch x) é",
    "a'; touch x; '\ntouch x\n$(touch x)",
    "$(JOB_COMPLETION_INDEX) $$(JOB_COMPLETION_INDEX) $",
    "-x=$1 ${hosts} $#",
)
TOOL = """#!{python}
# Stands for gcloud, and runs here what it is to run on a VM; and for gan-jax there.
import json, os, subprocess, sys
words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
with open(os.environ["LOG"], "a") as log:
    log.write(json.dumps(words) + chr(10))
if " ".join(words).startswith(os.environ.get("FAIL", "-")):
    sys.exit(9)
if words[4] == "ssh":
    sys.exit(subprocess.call(["bash", "-c", words[-1].removeprefix("--command=")]))
"""


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "a config's.py"
    file.write_text('"""Größe\n"$(x)" """\n')
    return str(file)


def sweep(config, **other):
    return tpus.Sweep(config, "/data/runs/a", WORDS, 12)._replace(**other)


def parts(text):
    """(the ConfigMap, the Job, its pod, its container) of a JobSet's file."""
    said = json.loads(text)
    assert said["kind"] == "List"
    first, second = said["items"]
    (rows,) = second["spec"]["replicatedJobs"]
    assert rows["replicas"] == 1
    job = rows["template"]["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    return first, job, pod, container


def test_a_jobset_has_a_pod_for_each_share(config):
    first, job, pod, container = parts(jobset.text(sweep(config + ":big"), JOBSET))
    assert container["command"] == [
        *("gan-jax", "sweep", "--config", "/gan-jax/config.py:big", "--workdir", "/data/runs/a"),
        *WORDS,
        *("--share", "$(JOB_COMPLETION_INDEX)/3"),
    ]
    assert job["completions"] == job["parallelism"] == 3
    assert job["completionMode"] == "Indexed"
    assert container["env"][0]["name"] == "JOB_COMPLETION_INDEX"
    assert container["image"] == JOBSET["image"]
    assert first["data"] == {"config.py": Path(config).read_text()}
    assert pod["restartPolicy"] == "Never"  # a podFailurePolicy asks for it
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"folder": "/data/runs", "config": "/gan-jax"}
    folder, files = pod["volumes"]
    assert folder == {"name": "folder", "persistentVolumeClaim": {"claimName": "runs"}}
    assert files == {"name": "config", "configMap": {"name": first["metadata"]["name"]}}


def test_a_preempted_pod_comes_again_and_a_failed_share_does_not(config):
    _, job, _, container = parts(jobset.text(sweep(config), JOBSET))
    saved, gone, ended = job["podFailurePolicy"]["rules"]
    assert saved["action"] == gone["action"] == "Ignore"
    assert saved["onExitCodes"]["values"] == [75]
    assert gone["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert (ended["action"], ended["onExitCodes"]["values"]) == ("FailIndex", [1, 65, 66, 78])
    for rule in (saved, ended):
        assert rule["onExitCodes"]["operator"] == "In"
        assert rule["onExitCodes"]["containerName"] == container["name"]
    assert job["backoffLimitPerIndex"] > 0


@pytest.mark.parametrize("topology", tpus.TPUS)
def test_a_slice_is_one_hosts(topology, config):
    """As many chips as the topology has, and never more than a host's."""
    _, _, pod, container = parts(jobset.text(sweep(config), JOBSET | {"topology": topology}))
    name, sizes = topology.split(":")
    chips = container["resources"]["limits"]["google.com/tpu"]
    assert chips == math.prod(map(int, sizes.split("x"))) <= (8 if name in ("v5e", "v6e") else 4)
    chosen = pod["nodeSelector"]
    assert chosen["cloud.google.com/gke-tpu-topology"] == sizes
    label = chosen["cloud.google.com/gke-tpu-accelerator"]
    assert re.fullmatch(f"tpu-{name.replace('v5e', 'v5-lite')}-(podslice|slice)", label)
    tpu = tpus.TPUS[topology]
    cores = chips * (2 if name in ("v4", "v5p") else 1)  # two cores a chip, and types count cores
    assert tpu.kind == f"{name.replace('v5e', 'v5litepod')}-{cores}"
    assert f"--accelerator-type={tpu.kind} --version={tpu.runtime})" in tpu_vm.text(
        sweep(config), TPU_VM | {"topology": topology}
    )


@pytest.fixture
def cloud(tmp_path, monkeypatch):
    """cloud(text) runs a script with a stand-in for gcloud: (exit code, calls by VM, what ran)."""
    tools, log = tmp_path / "tools", tmp_path / "log"
    tools.mkdir()
    for name in ("gcloud", "gan-jax"):
        (tools / name).write_text(TOOL.format(python=sys.executable))
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setenv("LOG", str(log))

    def run(text, **environment):
        log.write_text("")
        file, env = tmp_path / "start.sh", os.environ | environment
        file.write_text(text)
        done = subprocess.run(["bash", str(file)], env=env, cwd=tools, check=False, timeout=60)
        every = [json.loads(line) for line in log.read_text().splitlines()]
        calls = {}
        for name, *words in every:
            if name == "gcloud":
                assert words[:3] == ["compute", "tpus", "tpu-vm"]
                vm = words[5 if words[3] == "scp" else 4].partition(":")[0]
                calls.setdefault(vm, []).append(words[3:])
        assert sorted(f.name for f in tools.iterdir()) == ["gan-jax", "gcloud"]  # nothing touched
        return done.returncode, calls, sorted(words for words in every if words[0] == "gan-jax")

    return run


def test_a_script_makes_a_vm_for_each_share_and_deletes_it(cloud, config):
    given = TPU_VM | {"prepare": "true", "spot": "true", "project": "p-1", "name": "ring"}
    code, calls, ran = cloud(tpu_vm.text(sweep(config + ":big"), given))
    assert code == 0
    assert sorted(calls) == ["ring-0", "ring-1", "ring-2"]
    where = ["--zone=us-west4-a", "--project=p-1"]
    for vm, each in calls.items():
        create, scp, ssh, delete = each
        kind = ["--accelerator-type=v5litepod-8", "--version=v2-alpha-tpuv5-lite", "--spot"]
        assert create == ["create", vm, *where, *kind]
        copy = ["scp", config, f"{vm}:{tpu_vm.COPY}", *where, "--worker=all"]
        assert scp == copy
        assert ssh[:-1] == ["ssh", vm, *where, "--worker=all"]
        assert delete == ["delete", vm, *where, "--quiet"]
    words = ["gan-jax", "sweep", "--config", f"{tpu_vm.COPY}:big", "--workdir", "/data/runs/a"]
    assert ran == [[*words, *WORDS, "--share", f"{i}/3"] for i in range(3)]


@pytest.mark.parametrize(
    ("fail", "verbs"),
    [
        ("gcloud compute tpus tpu-vm create", ["create"]),  # it is somebody else's: not deleted
        ("gcloud compute tpus tpu-vm scp", ["create", "scp", "delete"]),
        ("gan-jax", ["create", "scp", "ssh", "delete"]),
        ("gcloud compute tpus tpu-vm delete", ["create", "scp", "ssh", "delete"]),
    ],
)
def test_a_vm_is_deleted_whatever_came(fail, verbs, cloud, config):
    code, calls, _ = cloud(tpu_vm.text(sweep(config), TPU_VM | {"prepare": "true"}), FAIL=fail)
    assert code == 9
    assert [[call[0] for call in each] for each in calls.values()] == [verbs] * 3


def test_the_preparation_may_go_to_another_folder(cloud, config):
    given = TPU_VM | {"prepare": "cd /usr", "hosts": "1"}
    code, calls, (words,) = cloud(tpu_vm.text(sweep(config), given))
    (scp,) = (call for call in calls["gan-jax-0"] if call[0] == "scp")
    assert code == 0
    assert Path(words[3]).is_absolute()
    assert scp[2] == f"gan-jax-0:{words[3]}"


def test_a_share_is_not_trained_where_the_preparation_failed(cloud, config):
    code, calls, ran = cloud(tpu_vm.text(sweep(config), TPU_VM | {"prepare": "false"}))
    assert (code, ran) == (1, [])
    assert all(each[-1][0] == "delete" for each in calls.values())


@pytest.mark.parametrize("name", SHELL)
def test_hostile_names_stay_names(name, cloud, tmp_path):
    """As the config's argument, the workdir, the sweep and an override."""
    file = tmp_path / "config.py"
    file.write_text(name)
    others = [s for s in hostile.STRINGS if "\0" not in s and "\ud800" not in s]  # never in a word
    words = ("--sweep", name, f"--config.a={name}", *others)
    hard = sweep(f"{file}:{name}", workdir=f"/data/{name}/a", words=words)
    code, _, ran = cloud(tpu_vm.text(hard, TPU_VM | {"prepare": "true", "hosts": "1"}))
    flags = ["--workdir", f"/data/{name}/a", *words, "--share"]
    assert ran == [["gan-jax", "sweep", "--config", f"{tpu_vm.COPY}:{name}", *flags, "0/1"]]
    assert code == 0
    first, _, _, container = parts(jobset.text(hard, JOBSET))
    words = ["gan-jax", "sweep", "--config", f"/gan-jax/config.py:{name}", *flags, "7/3"]
    assert [expand(word) for word in container["command"]] == words
    assert first["data"]["config.py"] == name
    assert container["volumeMounts"][0]["mountPath"] == f"/data/{name}"


def test_a_jobset_is_read_as_yaml_letter_by_letter(config, tmp_path):
    """YAML has no surrogates, folds what it takes for an end of a line, and refuses controls."""
    odd = "\U0001f600 \x00\x7f\x80\x85\u2028\u2029\ufeff\uffff é \\ud83d \U0010ffff"
    Path(config).write_text(odd, encoding="utf-8")
    text = jobset.text(sweep(config, workdir=f"/data/{odd[1:]}/\U0001f600"), JOBSET)
    assert yaml.safe_load(text) == json.loads(text)
    assert parts(text)[0]["data"]["config.py"] == odd


def test_a_jobset_holds_no_bytes_that_are_no_letters(config):
    with pytest.raises(ConfigError, match=r"'\\udcff', a byte that is no UTF-8: name --workdir"):
        jobset.text(sweep(config, workdir="/data/\udcff/a"), JOBSET)
    Path(config).write_bytes(b"# coding: latin-1\n# \xe9")
    with pytest.raises(ConfigError, match="expected UTF-8"):
        jobset.text(sweep(config), JOBSET)


def expand(word):
    """What Kubernetes makes of a word of a command: $(NAME) is a value, $$ is $."""
    values = {"$(JOB_COMPLETION_INDEX)": "7", "$$": "$"}
    return re.sub(r"\$\$|\$\(\w+\)", lambda found: values.get(found[0], "LEAK"), word)


@pytest.mark.parametrize("launcher", [jobset, tpu_vm])
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"topology": "v5e:4x4"}, "a slice of one host: v4:2x2x1, v5e:1x1"),
        ({"topology": "v5e:2x2|v"}, "a slice of one host"),
        ({"hosts": "0"}, "how many hosts"),
        ({"hosts": "13"}, "there are 12 rows"),
        ({"hosts": "3 "}, "how many hosts"),
        ({"name": "A"}, "up to 32 of a-z"),
        ({"name": "a\n"}, "up to 32 of a-z"),
        ({"name": "a" * 33}, "up to 32 of a-z"),
        ({"name": "-a"}, "up to 32 of a-z"),
        ({"image": "a b", "zone": "b; c"}, "expected a "),
        ({"claim": "../a", "project": "$(x)"}, "expected "),
        ({"hostz": "3"}, "Did you mean 'hosts'"),
    ],
)
def test_options_are_what_they_should_be(launcher, options, says, config):
    right = JOBSET if launcher is jobset else TPU_VM
    wrong = {k: v for k, v in options.items() if k in launcher.OPTIONS or len(options) == 1}
    with pytest.raises(ConfigError, match=re.escape(says)):
        launcher.text(sweep(config), right | wrong)


def test_a_claim_in_capitals_is_told_what_a_name_is_made_of(config):
    told = "--option claim='CLAIM': expected the name of a persistent volume claim, of a-z, 0-9"
    with pytest.raises(ConfigError, match=re.escape(told)):
        jobset.text(sweep(config), JOBSET | {"claim": "CLAIM"})


def test_an_option_that_is_missing_is_named(config):
    for launcher, right in ((jobset, JOBSET), (tpu_vm, TPU_VM)):
        for key in right:
            given = {k: v for k, v in right.items() if k != key}
            with pytest.raises(ConfigError, match=f"needs --option {key}=...: "):
                launcher.text(sweep(config), given)


@pytest.mark.parametrize("workdir", ["runs/a", "/a", "/", "/data/../a"])
def test_a_workdir_is_a_folder_of_all_hosts(workdir, config):
    for launcher, right in ((jobset, JOBSET), (tpu_vm, TPU_VM)):
        with pytest.raises(ConfigError, match="a folder that all hosts see"):
            launcher.text(sweep(config, workdir=workdir), right)


def test_shares_are_all_rows_once_and_cut_few_cohorts():
    settings = product(seeds(5), param("batch_size", [4, 8]))
    everything = rows_lib.resolve(tiny.config(data__name="ring"), settings)
    for count in range(1, 11):
        shares, index = overview.shares(f"{count - 1}/{count}", everything)
        assert index == count - 1
        rows = [[row.id for cohort in share for row in cohort.rows] for share in shares]
        assert sorted(itertools.chain(*rows)) == sorted(row.id for row in everything)
        assert {len(each) for each in rows} <= {10 // count, -(-10 // count)}
        assert sum(len(share) for share in shares) <= count + 1
        assert all(overview.shares(f"{i}/{count}", everything) == (shares, i) for i in range(count))
    assert overview.shares(None, everything) == ([rows_lib.group(everything)], 0)


@pytest.mark.parametrize("text", ["3/3", "-1/2", "0/0", "0/11", "1", "a/b", "1/2/3", ""])
def test_a_share_that_is_not_there(text):
    everything = rows_lib.resolve(tiny.config(data__name="ring"), seeds(10))
    with pytest.raises(ConfigError, match="--share is"):
        overview.shares(text, everything)


SWEEP = """
from gan_jax.config import get_config
from gan_jax.sweeps.product import seeds
SWEEPS = {"s": seeds(4)}
"""


@pytest.fixture
def run(tmp_path, capsys):
    """run(*words) -> (exit code, stdout, stderr) of a sweep of four rows."""
    file = tmp_path / "sweep.py"
    file.write_text(SWEEP)

    def run(*words):
        code = main(["sweep", "--config", str(file), "--workdir", str(tmp_path / "w"), *words])
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--launcher", "jobset"), "writes a file: expected --out FILE"),
        (("--out", "x"), "--out: expected --launcher jobset or tpu_vm"),
        (("--launcher", "slurm", "--out", "x"), "--out: expected --launcher jobset or tpu_vm"),
        (("--option", "a=b"), "--option: expected another --launcher than local"),
        (("--launcher", "slurm", "--share", "0/2"), "--share: expected no --launcher slurm"),
        (("--launcher", "k8s"), "choose from jobset, local, slurm, tpu_vm"),
        (("--launcher", "slurm", "--workers", "0"), "--workers is 0"),
        (("--launcher", "slurm", "--option", "x y"), "expected KEY=VALUE"),
        (("--chunk", "0"), "--chunk is 0: expected at least 1"),
    ],
)
def test_flags_that_do_not_fit(words, says, run, tmp_path):
    code, out, err = run(*words)
    assert (code, out) == (78, "")
    assert says in err
    assert err.count("\n") == 1
    assert not (tmp_path / "w").exists()


def test_the_file_is_written_and_nothing_is_started(run, tmp_path):
    out = tmp_path / "a file.json"
    given = [f"--option={key}={value}" for key, value in JOBSET.items()]
    flags = ["--rows", "1:4", "--workers", "2", "--hang_seconds", "60", "--retry_failed"]
    words = ["--config.gen.lr=1e-3", "--launcher", "jobset", "--out", str(out), *given, *flags]
    words += ["--chunk", "2"]
    code, told, err = run(*words)
    assert (code, err) == (0, "")
    assert told.startswith(f"kubectl apply -f '{out}' trains it; ")
    assert told.count("\n") == 1
    command = parts(out.read_text())[-1]["command"]
    ours = ["--sweep", "s", "--config.gen.lr=1e-3", "--chunk", "2", *flags]
    assert command[6:] == [*ours, "--share", "$(JOB_COMPLETION_INDEX)/3"]
    assert not (tmp_path / "w").exists()
    code, told, err = run(*words[:4], str(out / "such"), *words[5:])
    assert code == 74
    code, told, err = run(*words, "--rows", "1:3")
    assert (code, told) == (78, "")
    assert "there are 2 rows" in err


def test_shares_of_a_sweep_write_the_same_rows_and_train_their_own(run, tmp_path, monkeypatch):
    asked, texts = [], []

    def end(workdir, said, ids, workers, hang_seconds):
        asked.append([r for c in said["cohorts"] if c["id"] in ids for r in c["rows"]])
        launch.fail(workdir, {"id": "x", "rows": asked[-1][:1]}, "no")
        for row in asked[-1][1:]:
            (workdir / "rows" / row).mkdir(parents=True)
            (workdir / "rows" / row / "summary.json").write_text('{"status": "diverged"}')

    monkeypatch.setattr("gan_jax.sweeps.launch.local.tend", end)
    for share in ("0/2", "1/2"):
        code, told, err = run("--share", share)
        assert (code, told[:19]) == (1, f"share {share} has ended")
        assert "1 of 2 rows failed" in err
        said = launch.read(tmp_path / "w")
        texts.append(json.dumps({k: said[k] for k in ("rows", "cohorts")}))
        assert not (tmp_path / "w/table.json").exists()
    assert texts[0] == texts[1]
    assert len(said["cohorts"]) == 2
    assert sorted(itertools.chain(*asked)) == sorted(row["id"] for row in said["rows"])
    monkeypatch.setattr("gan_jax.sweeps.launch.local.tend", lambda *a: asked.append(None))
    run("--share", "1/2", "--retry_failed")
    status = [launch.status(tmp_path / "w", part[0]) for part in asked[:2]]
    assert status == ["failed", None]  # only its own are tried again
