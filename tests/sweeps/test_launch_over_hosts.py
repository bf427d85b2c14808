"""One run over several hosts: what stands in the files, and all of it on a real SLURM node."""

import json
import re
import shutil
import subprocess
import time

import one_node_slurm
import pytest
import tiny

from gan_jax.cli.main import main
from gan_jax.host.errors import ConfigError
from gan_jax.sweeps.launch import over_hosts, slurm

JOBSET = {"image": "eu.io/a/gan:1", "topology": "v5e:4x8", "claim": "runs", "name": "big"}
TPU_VM = {"zone": "us-west4-a", "topology": "v4:2x2x4", "prepare": "pip install x"}
EXPERIMENT = """
from gan_jax.config import get_config as defaults

def get_config():
    c = defaults()
    c.data.name, c.steps, c.batch_size = "digits", 1000, 16
    c.gen.args.hidden = c.disc.args.hidden = (4,)
    c.log_every_steps = 10
    c.eval_every_steps = c.sample_every_steps = 1000
    c.checkpoint_every_steps = 100
    c.eval_samples = 50
    return c
"""


@pytest.fixture
def run(tmp_path):
    file = tmp_path / "a config's.py"
    file.write_text(EXPERIMENT)
    return over_hosts.Run(f"{file}:big", "/data/runs/a", ("--config.gen.lr=$HOME 1e-3",))


@pytest.mark.parametrize(
    ("topology", "kind", "chips", "hosts"),
    [
        ("v5e:2x4", "v5litepod-8", 8, 1),
        ("v5e:16x16", "v5litepod-256", 4, 64),
        ("v4:2x2x4", "v4-32", 4, 4),
        ("v5p:4x4x4", "v5p-128", 4, 16),
        ("v6e:4x4", "v6e-16", 4, 4),
    ],
)
def test_hosts_of_a_slice(topology, kind, chips, hosts):
    found = over_hosts.slice_of(topology)
    assert (found.kind, found.chips, found.hosts) == (kind, chips, hosts)


def test_a_slice_of_part_of_a_host_is_refused():
    with pytest.raises(ConfigError, match="expected a multiple of 4 chips"):
        over_hosts.slice_of("v5e:3x3")


def test_a_jobsets_pods_start_again_together(run):
    said = json.loads(over_hosts.jobset_text(run, JOBSET))
    _, jobset = said["items"]
    spec = jobset["spec"]
    assert spec["network"] == {"enableDNSHostnames": True}
    assert spec["failurePolicy"]["maxRestarts"] == 3
    (rule,) = spec["failurePolicy"]["rules"]
    assert (rule["action"], rule["onJobFailureReasons"]) == ("FailJobSet", ["PodFailurePolicy"])
    (job,) = spec["replicatedJobs"]
    job = job["template"]["spec"]
    assert job["completions"] == job["parallelism"] == 8
    assert job["backoffLimit"] == 0
    ignored, disrupted, final = job["podFailurePolicy"]["rules"]
    assert (ignored["action"], ignored["onExitCodes"]["values"]) == ("Ignore", [75, 134])
    assert disrupted["onPodConditions"][0]["type"] == "DisruptionTarget"
    assert (final["action"], final["onExitCodes"]["values"]) == ("FailJob", [3, 4, 65, 66, 78])
    (container,) = job["template"]["spec"]["containers"]
    assert {rule["onExitCodes"]["containerName"] for rule in (ignored, final)} == {
        container["name"]
    }
    words = container["command"]
    assert words[:4] == ["gan-jax", "train", "--config", "/gan-jax/config.py:big"]
    assert "--config.gen.lr=$$HOME 1e-3" in words
    assert words[-2:] == ["--hosts", "big-run-0-0.big:8476,8,$(JOB_COMPLETION_INDEX)"]
    assert container["resources"]["limits"] == {"google.com/tpu": 4}


@pytest.mark.parametrize("queued", ["true", "false"])
def test_a_script_calls_all_hosts_of_a_slice(run, tmp_path, queued):
    text = over_hosts.tpu_vm_text(run, TPU_VM | {"queued": queued, "spot": "true"})
    file = tmp_path / "script"
    file.write_text(text)
    assert subprocess.run(["bash", "-n", file], check=False).returncode == 0
    if shutil.which("shellcheck"):
        assert subprocess.run(["shellcheck", file], check=False).returncode == 0
    assert text.count("--worker=all") == 2
    assert "--accelerator-type=v4-32" in text
    assert "--spot" in text
    assert "--hosts auto" in text
    created = "queued-resources create" if queued == "true" else "tpu-vm create"
    assert created in text
    assert text.index(created) < text.index("tpu-vm ssh") < text.rindex(" delete ")


def test_a_folder_that_hosts_do_not_share_is_refused(run):
    for make, options in ((over_hosts.jobset_text, JOBSET), (over_hosts.tpu_vm_text, TPU_VM)):
        with pytest.raises(ConfigError, match="expected a folder that all hosts see"):
            make(run._replace(workdir="runs/a"), options)


def test_launching_is_checked_before_anything_is_written(tmp_path, capsys):
    file, out = tmp_path / "config.py", tmp_path / "out"
    file.write_text(EXPERIMENT)
    words = ["train", "--config", str(file), "--workdir", "/data/runs/a"]
    for more, problem in (
        (["--launcher", "jobset"], "writes a file: expected --out FILE"),
        (["--out", str(out)], "expected --launcher jobset or tpu_vm"),
        (["--launcher", "jobset", "--out", str(out), "--hosts", "auto"], "expected no --launcher"),
        (["--launcher", "jobset", "--out", str(out), "--config.gen.lr=x"], "gen.lr"),
        (["--launcher", "tpu_vm", "--out", str(out)], "needs --option zone"),
    ):
        assert main([*words, *more]) == 78
        assert problem in capsys.readouterr().err
        assert not out.exists()
    assert main([*words, "--launcher", "slurm", "--option", "output=x"]) == 78


@pytest.fixture
def node(monkeypatch):
    """A SLURM of one node; its commands find it by the environment."""
    absent = [tool for tool in one_node_slurm.TOOLS if not one_node_slurm.where(tool)]
    if absent:
        tiny.missing("slurm", absent[0], "apt-get install slurm-wlm munge")
    with one_node_slurm.cluster() as env:
        monkeypatch.setenv("SLURM_CONF", env["SLURM_CONF"])
        yield


@pytest.mark.slow
@pytest.mark.slurm
def test_a_job_of_two_processes_is_preempted_and_goes_on(node, tmp_path, capsys):
    file, workdir = tmp_path / "config.py", tmp_path / "run"
    file.write_text(EXPERIMENT)
    words = ["train", "--config", str(file), "--workdir", str(workdir), "--launcher", "slurm"]
    words += ["--option", "ntasks=2", "--option", "time=10"]
    assert main(words) == 0
    said = capsys.readouterr().out
    job = re.match(r"job (\d+) submitted", said)[1]
    assert main(words) == 0
    assert "in SLURM's queue" in capsys.readouterr().out
    wait_until(
        lambda: (workdir / "checkpoints").exists() and (workdir / "checkpoints/100").exists()
    )
    slurm.ask("scancel", "--signal=TERM", job)
    wait_until(lambda: not slurm.ask("squeue", "--noheader"))
    summary = json.loads((workdir / "summary.json").read_text())
    log = (tmp_path / f"run.slurm/{job}.txt").read_text()
    assert (summary["status"], summary["step"]) == ("done", 1000), log
    assert log.count("stopped at step") in (1, 2), log  # the other process says the same
    assert "goes on from step" in log


def wait_until(is_so, seconds=150):
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.5)
