"""SLURM: what is submitted and what comes back, by stand-ins; then all of it on a real node."""

import json
import os
import re
import sys
import time
from pathlib import Path

import one_node_slurm
import pytest
import tiny

from gan_jax.cli.main import main
from gan_jax.host import stop
from gan_jax.host.errors import ConfigError, WorkdirBusyError
from gan_jax.host.locks import hold
from gan_jax.sweeps import launch
from gan_jax.sweeps import rows as rows_lib
from gan_jax.sweeps.launch import local, options, slurm, task
from gan_jax.sweeps.product import param, product, seeds

SWEEP = """
from gan_jax.config import get_config as defaults
from gan_jax.sweeps.product import chain, param, product, seeds

def get_config():
    c = defaults()
    c.data.name, c.steps, c.batch_size, c.latent.dim = "ring", 2000, 16, 2
    c.gen.args.hidden = c.disc.args.hidden = (4,)
    c.log_every_steps = 5
    c.checkpoint_every_steps = 100
    c.eval_every_steps = c.sample_every_steps = 2000
    c.eval_samples = 50
    return c

SWEEPS = {"three": chain(seeds(2), [{"batch_size": 8}])}
"""
TOOL = """#!/bin/sh
(echo {name}; for word in "$@"; do echo "$word"; done; echo) >> {log}
{body}
"""


@pytest.fixture(autouse=True)
def _calm():
    yield
    stop.reset()


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """tools(name, body) puts a stand-in on the PATH; tools.calls() lists what was called."""
    folder = tmp_path / "tools"
    folder.mkdir()
    log = folder / "log"
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def put(name, body):
        file = folder / name
        file.write_text(TOOL.format(name=name, log=log, body=body))
        file.chmod(0o755)
        return str(file)

    def calls():
        text = log.read_text() if log.exists() else ""
        return [call.splitlines() for call in text.split("\n\n") if call.strip()]

    put.calls = calls
    put("squeue", "")
    put("scontrol", "")
    put("sbatch", f"cat > {folder}/script; echo 41")
    put.script = folder / "script"
    return put


@pytest.fixture
def sweep(tmp_path):
    """(folder, rows.json) of a sweep of four cohorts of two rows."""
    settings = product(param("batch_size", [4, 5, 6, 7]), seeds(2))
    everything = rows_lib.resolve(tiny.config(data__name="ring"), settings)
    folder = tmp_path / "a sweep's 100%"
    cohorts = rows_lib.group(everything)
    return folder, launch.begin(folder, "name", "file", "command", everything, cohorts)


def ids(said):
    return [cohort["id"] for cohort in said["cohorts"]]


def end(folder, said, number, status="done"):
    for row in said["cohorts"][number]["rows"]:
        (folder / "rows" / row).mkdir(parents=True, exist_ok=True)
        (folder / "rows" / row / "summary.json").write_text(json.dumps({"status": status}))


def flag(call, name):
    (value,) = (w.removeprefix(f"--{name}=") for w in call if w.startswith(f"--{name}="))
    return value


def test_what_has_not_ended_and_is_not_queued_is_submitted(sweep, tools):
    folder, said = sweep
    end(folder, said, 0)
    tools("squeue", "echo 2; echo N/A")
    told = slurm.submit(
        folder, said, set(ids(said)), 5, 60.0, {"partition": "a b", "exclusive": ""}
    )
    asked, call = tools.calls()
    assert asked[0] == "squeue"
    assert "--array" in asked
    assert flag(asked, "name") == flag(call, "job-name") == slurm.job_name(folder)
    assert call[0] == "sbatch"
    assert flag(call, "array") == "1,3%5"
    assert flag(call, "output") == f"{folder}/slurm/%A_%a.txt".replace("100%", "100%%")
    assert flag(call, "signal").startswith("B:TERM@")
    assert call[-2:] == ["--partition=a b", "--exclusive"]
    assert {"--requeue", "--parsable", "--open-mode=append"} <= set(call)
    assert (folder / "slurm").is_dir()
    assert told.startswith(
        "job 41: 2 cohorts submitted to SLURM, 1 cohorts in SLURM's queue, 1 of 4"
    )
    assert "\n" not in told


def test_the_script_starts_the_task_of_its_number(sweep, tools, monkeypatch):
    folder, said = sweep
    shown = tools("shown", "")
    monkeypatch.setattr(sys, "executable", shown)
    slurm.submit(folder, said, {ids(said)[2]}, None, 0.5, {})
    assert flag(tools.calls()[-1], "array") == "2"
    os.system(f"SLURM_ARRAY_TASK_ID=2 sh {tools.script}")
    assert tools.calls()[-1] == [
        "shown",
        "-P",
        "-m",
        "gan_jax.sweeps.launch.task",
        str(folder),
        "2",
        "0.5",
    ]


def test_another_folder_has_jobs_of_another_name(tmp_path, monkeypatch):
    assert slurm.job_name(tmp_path / "a") != slurm.job_name(tmp_path / "b")
    monkeypatch.chdir(tmp_path)
    assert slurm.job_name(Path("a")) == slurm.job_name(tmp_path / "a")


def test_what_has_ended_or_waits_is_not_submitted_again(sweep, tools):
    folder, said = sweep
    tools("squeue", "echo 0; echo 1; echo 2; echo 3")
    told = slurm.submit(folder, said, set(ids(said)), None, 60.0, {})
    assert told.startswith("4 cohorts in SLURM's queue; ")
    for number in range(4):
        end(folder, said, number, ["done", "diverged", "failed", "done"][number])
    assert slurm.submit(folder, said, set(ids(said)), None, 60.0, {}) is None
    assert {call[0] for call in tools.calls()} == {"squeue"}


def test_two_submissions_at_once_are_one(sweep, tools):
    folder, said = sweep
    lock = hold(folder)
    with pytest.raises(WorkdirBusyError):
        slurm.submit(folder, said, set(ids(said)), None, 60.0, {})
    os.close(lock)
    slurm.submit(folder, said, set(ids(said)), None, 60.0, {})
    slurm.submit(folder, said, set(ids(said)), None, 60.0, {})  # the lock is free again


def test_failed_rows_are_forgiven_by_who_submits(sweep, tools):
    folder, said = sweep
    end(folder, said, 1, "failed")
    rows = said["cohorts"][1]["rows"]
    lock = hold(folder)
    with pytest.raises(WorkdirBusyError):
        slurm.submit(folder, said, {ids(said)[1]}, None, 60.0, {}, rows)
    assert [launch.status(folder, row) for row in rows] == ["failed"] * 2
    os.close(lock)
    slurm.submit(folder, said, {ids(said)[1]}, None, 60.0, {}, rows)
    assert flag(tools.calls()[-1], "array") == "1"


def test_each_call_notes_how_cohorts_are_run(sweep, tools):
    folder, said = sweep
    (folder / "cohorts" / ids(said)[1]).mkdir(parents=True)
    (folder / "cohorts" / ids(said)[1] / "how.json").write_text('{"chunk": 2, "how": "vmap"}')
    slurm.submit(folder, said, set(ids(said)), None, 60.0, {})
    assert [c.get("chunk") for c in launch.read(folder)["cohorts"]] == [None, 2, None, None]


@pytest.mark.parametrize("key", ["array", "output", "out", "job-name", "wra", "signal", "requeue"])
def test_what_gan_jax_sets_itself_is_refused(key, sweep, tools):
    with pytest.raises(ConfigError, match=f"--option {key}: gan-jax sets array, "):
        slurm.submit(*sweep, set(), None, 60.0, {key: "1"})


def test_slurms_complaint_is_one_line(sweep, tools, monkeypatch):
    folder, said = sweep
    tools("sbatch", "echo 'sbatch: error: no' >&2; echo ' such partition' >&2; exit 1")
    with pytest.raises(ConfigError, match=r"sbatch failed: sbatch: error: no such partition$"):
        slurm.submit(folder, said, set(ids(said)), None, 60.0, {})
    tools("squeue", "sleep 5")
    monkeypatch.setattr(slurm, "ANSWER_SECONDS", 0.2)
    with pytest.raises(ConfigError, match=r"squeue said nothing for 0\.2 s"):
        slurm.submit(folder, said, set(ids(said)), None, 60.0, {})
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(ConfigError, match="squeue is not there: call this where SLURM"):
        slurm.submit(folder, said, set(ids(said)), None, 60.0, {})


@pytest.mark.parametrize("name", ["a\nb", "a\\b"])
def test_a_folder_that_slurm_cannot_name_is_refused(name, tmp_path, tools):
    with pytest.raises(ConfigError, match="SLURM has no name"):
        slurm.submit(tmp_path / name, {}, set(), None, 60.0, {})


@pytest.mark.parametrize("text", ["", "=x", "--wrap=x", "Aa=1", "a b=1", "a=b\nc", "a=\x1b[2J"])
def test_options_are_a_name_and_a_line(text):
    with pytest.raises(ConfigError, match="--option '"):
        options.parse([text])


def test_options_by_name():
    assert options.parse(["a=b,c=d", "e-1"]) == {"a": "b,c=d", "e-1": ""}
    with pytest.raises(ConfigError, match="--option a is given twice"):
        options.parse(["a=b", "a=c"])


@pytest.fixture
def worker(tools, monkeypatch):
    """worker(body): what a worker does instead of training."""
    monkeypatch.setattr(local, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(stop, "install", lambda: None)
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "41")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "1")
    return lambda body: monkeypatch.setattr(sys, "executable", tools("worker", body))


def test_a_task_trains_its_cohort(sweep, tools, worker):
    folder, said = sweep
    row = said["cohorts"][1]["rows"]
    write = """echo '{"status": "done"}' > "$4/rows/$row/summary.json\""""
    done = f'for row in {" ".join(row)}; do mkdir -p "$4/rows/$row"; {write}; done'
    worker(done)
    assert task.main(str(folder), "1", "60") == 0
    (call,) = tools.calls()
    assert call == [
        "worker",
        "-P",
        "-m",
        "gan_jax.sweeps.launch.worker",
        str(folder),
        ids(said)[1],
        "1",
    ]
    assert [launch.status(folder, r) for r in row] == ["done"] * 2
    assert task.main(str(folder), "1", "60") == 0  # it has ended: nothing is trained again
    assert len(tools.calls()) == 1


@pytest.mark.parametrize("number", ["", "x2", "99", "-1", "4(x2)", "²"])
def test_a_task_without_a_number_says_so(number, sweep, capsys):
    folder, _ = sweep
    assert task.main(str(folder), number, "60") == ConfigError.code
    assert f"SLURM_ARRAY_TASK_ID is {number!r}: expected 0 to 3" in capsys.readouterr().err


def test_a_failed_task_says_why(sweep, worker, tools):
    folder, said = sweep
    worker("echo 'gan-jax: no memory' >&2; exit 70")
    assert task.main(str(folder), "1", "60") == 1
    for number, cohort in enumerate(said["cohorts"]):
        for row in cohort["rows"]:
            assert launch.status(folder, row) == ("failed" if number == 1 else None)
    found = json.loads((folder / "rows" / row_of(said, 1) / "summary.json").read_text())
    assert found["reason"] == "no memory"
    log = folder / "rows" / row_of(said, 1) / found["log"]
    assert log.read_text() == "gan-jax: no memory\n"


def test_a_signal_only_asks_a_task_from_the_start(sweep, worker, monkeypatch):
    seen = []
    monkeypatch.setattr(local, "tend", lambda *args: seen.append(stop._watch.has_work))
    assert task.main(str(sweep[0]), "1", "60") == 1
    assert seen == [True]


def row_of(said, number):
    return said["cohorts"][number]["rows"][0]


def test_a_cohort_that_another_process_trains_is_left_to_it(sweep, worker):
    folder, said = sweep
    worker(f"exit {WorkdirBusyError.code}")
    assert task.main(str(folder), "1", "60") == WorkdirBusyError.code
    assert launch.status(folder, row_of(said, 1)) is None


@pytest.mark.parametrize(("state", "back"), [("RUNNING", True), ("COMPLETING", False), ("", False)])
def test_a_stopped_task_goes_back_unless_slurm_is_ending_it(state, back, sweep, worker, tools):
    folder, said = sweep
    tools("squeue", f"echo {state}")
    stop.keep_work()
    stop.on_signal(15)
    assert task.main(str(folder), "1", "60") == 75
    calls = tools.calls()
    assert calls[0][0] == "squeue"
    assert flag(calls[0], "jobs") == "41_1"
    assert calls[1:] == ([["scontrol", "requeue", "41_1"]] if back else [])
    assert launch.status(folder, row_of(said, 1)) is None


def test_a_requeue_that_is_refused_is_said(sweep, worker, tools, capsys):
    tools("squeue", "echo RUNNING")
    tools("scontrol", "echo Requested operation is presently disabled >&2; exit 1")
    stop.keep_work()
    stop.on_signal(15)
    assert task.main(str(sweep[0]), "1", "60") == 75
    assert "scontrol failed: Requested operation" in capsys.readouterr().err


@pytest.fixture
def node(monkeypatch):
    """A SLURM of one node; its commands find it by the environment."""
    absent = [tool for tool in one_node_slurm.TOOLS if not one_node_slurm.where(tool)]
    if absent:
        tiny.missing("slurm", absent[0], "apt-get install slurm-wlm munge")
    with one_node_slurm.cluster() as env:
        monkeypatch.setenv("SLURM_CONF", env["SLURM_CONF"])
        yield


def wait_until(ready, seconds=240):
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.05)


def preempt(folder, said, job, commands):
    """Each task once, when it is well under way; what has been done leaves the commands."""
    for number in list(commands):
        lines = folder / "rows" / row_of(said, number) / "metrics.jsonl"
        if lines.exists() and lines.read_bytes().count(b"\n") > 40:
            slurm.ask(*commands.pop(number).split(), f"{job}_{number}")
    return not commands


def went_on(folder, row_id, step):
    """Whether its rate was counted anew right after that step: it was not repeated."""
    text = (folder / "rows" / row_id / "timing.jsonl").read_text()
    rates = {line["step"]: line["steps_per_second"] for line in map(json.loads, text.splitlines())}
    return rates[step + 5] < rates[step] / 2


@pytest.mark.slow
@pytest.mark.slurm
def test_an_array_that_is_preempted_ends_as_the_local_launcher_does(node, tmp_path, capsys):
    """One task is asked to stop and goes back itself, the other is put back by SLURM."""
    file, there, here = tmp_path / "config.py", tmp_path / "there", tmp_path / "here"
    file.write_text(SWEEP)

    def run(workdir, *words):
        code = main(["sweep", "--config", str(file), "--workdir", str(workdir), *words])
        out, err = capsys.readouterr()
        return code, out, err

    code, out, err = run(here, "--workers", "2")
    assert code == 0, err
    code, _, err = run(there, "--launcher", "slurm", "--option", "partition=nowhere")
    assert code == 78
    assert re.fullmatch("gan-jax: sbatch failed: .*partition.*\n", err)
    submit = ("--launcher", "slurm", "--option", "time=10")
    code, out, err = run(there, *submit)
    job = re.match(r"job (\d+): 2 cohorts submitted", out)[1]
    assert code == 0, err
    code, out, err = run(there, *submit)
    assert (code, out[:30]) == (0, "2 cohorts in SLURM's queue; lo"), err

    said = launch.read(there)
    every = [row["id"] for row in said["rows"]]
    commands = {0: "scancel --batch --signal=TERM", 1: "scontrol requeue"}
    wait_until(lambda: not commands or preempt(there, said, job, commands))
    wait_until(lambda: not slurm.ask("squeue", "--noheader"))
    assert None not in [launch.status(there, row) for row in every]
    code, out, err = run(there, *submit)
    assert code == 0, err
    assert "| batch_size |" in out

    for number, cohort in enumerate(said["cohorts"]):
        log = (there / "cohorts" / cohort["id"] / "log.txt").read_text()
        (stopped,) = re.findall(r"stopped at step (\d+) of 2000", log)
        assert all(went_on(there, row, int(stopped)) for row in cohort["rows"])
        assert (there / f"slurm/{job}_{number}.txt").read_text().count("rows ended") == 1
    for row in every:
        one, other = (d / "rows" / row / "metrics.jsonl" for d in (here, there))
        assert one.read_bytes() == other.read_bytes()
    tables = [(d / "table.json").read_text().replace(str(d), "DIR") for d in (here, there)]
    assert tables[0] == tables[1]
    assert (
        slurm.ask("squeue", "--noheader", "--states=all", "--array", "--format=%F")
        == f"{job}\n{job}"
    )
