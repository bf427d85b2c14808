"""The launcher of this machine with stand-ins for its workers, and what it keeps in a folder."""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import tiny

from gan_jax.games import Setup
from gan_jax.host import stop
from gan_jax.host.errors import (
    CannotWriteError,
    ConfigError,
    DataCorruptError,
    PreemptedError,
    WorkdirBusyError,
)
from gan_jax.host.locks import hold
from gan_jax.host.versions import cores, hardware
from gan_jax.sweeps import launch
from gan_jax.sweeps import rows as rows_lib
from gan_jax.sweeps.launch import local, overview, worker
from gan_jax.sweeps.product import param, product, seeds

REAL = sys.executable
DONE = """for row in $ROWS; do
  mkdir -p "$4/rows/$row"
  echo '{"status": "done"}' > "$4/rows/$row/summary.json"
done"""


@pytest.fixture(autouse=True)
def _calm(monkeypatch):
    monkeypatch.setattr(local, "POLL_SECONDS", 0.01)
    monkeypatch.delenv("SLURM_CPUS_ON_NODE", raising=False)
    yield
    stop.reset()


@pytest.fixture
def sweep(tmp_path):
    """(folder, rows.json) of a sweep of three cohorts of two rows."""
    settings = product(param("batch_size", [4, 5, 6]), seeds(2))
    everything = rows_lib.resolve(tiny.config(data__name="ring"), settings)
    cohorts = rows_lib.group(everything)
    return tmp_path / "w", launch.begin(
        tmp_path / "w", "name", "file", "command", everything, cohorts
    )


@pytest.fixture
def stand_in(tmp_path, sweep, monkeypatch):
    """stand_in(script) is what a worker does: $4 the folder, $5 the cohort, $ROWS its rows."""
    _, said = sweep
    cases = "\n".join(f'  {c["id"]}) ROWS="{" ".join(c["rows"])}" ;;' for c in said["cohorts"])

    def put(script):
        file = tmp_path / "worker"
        file.write_text(
            f'#!/bin/bash\necho "$@" >> {tmp_path}/calls\ncase $5 in\n{cases}\nesac\n{script}\n'
        )
        file.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(file))

    put.calls = lambda: (tmp_path / "calls").read_text().splitlines()
    return put


def ids(said):
    return [cohort["id"] for cohort in said["cohorts"]]


def states(folder, said):
    return [[launch.status(folder, row) for row in c["rows"]] for c in said["cohorts"]]


def reasons(folder, said, number):
    files = [folder / "rows" / row / "summary.json" for row in said["cohorts"][number]["rows"]]
    return [json.loads(file.read_text())["reason"] for file in files]


def test_a_worker_for_each_cohort_that_has_not_ended(sweep, stand_in):
    folder, said = sweep
    stand_in(DONE)
    local.run(folder, said, set(ids(said)[:2]), workers=1)
    assert states(folder, said) == [["done"] * 2, ["done"] * 2, [None] * 2]
    local.run(folder, said, set(ids(said)), workers=2)
    words, all_of_them = "-P -m gan_jax.sweeps.launch.worker", cores()
    first = [f"{words} {folder} {cohort} {all_of_them}" for cohort in ids(said)[:2]]
    half = max(1, all_of_them // 2)
    assert stand_in.calls() == [*first, f"{words} {folder} {ids(said)[2]} {half}"]


def test_the_report_is_refreshed_at_the_start_and_while_workers_run(sweep, stand_in, monkeypatch):
    folder, said = sweep
    assert local.REFRESH_SECONDS < 60
    monkeypatch.setattr(local, "REFRESH_SECONDS", 0.3)
    stand_in(f"sleep 1.5\n{DONE}")
    seen = []

    def refresh():
        seen.append(sum(s is None for each in states(folder, said) for s in each))

    began = time.monotonic()
    local.run(folder, said, {ids(said)[0]}, refresh=refresh)
    assert seen[0] == 6  # before any row has ended
    assert 3 <= len(seen) <= 2 + (time.monotonic() - began) / 0.3


def test_so_many_workers_at_a_time(sweep, stand_in, tmp_path):
    folder, said = sweep
    here, count = f"{tmp_path}/at", f"ls {tmp_path}/at.* | wc -l >> {tmp_path}/most"
    stand_in(f"touch {here}.$$; {count}; sleep 0.3; rm {here}.$$\n{DONE}")
    local.run(folder, said, set(ids(said)), workers=2)
    assert max(map(int, (tmp_path / "most").read_text().split())) == 2


def test_slurm_may_grant_fewer_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    assert cores() == 3
    for granted, count in (("1", 1), ("4096", 3), ("2(x2)", 2), ("", 3), ("x2", 3), ("0", 3)):
        monkeypatch.setenv("SLURM_CPUS_ON_NODE", granted)
        assert cores() == count


def test_macos_shows_all_cores_and_trains_a_sweep(sweep, stand_in, monkeypatch):
    """Its os has no sched_getaffinity."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    folder, said = sweep
    stand_in(DONE)
    local.run(folder, said, set(ids(said)), workers=2)
    assert {call.split()[-1] for call in stand_in.calls()} == {"3"}
    assert hardware().split(", ")[1] == "6 cores"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo; echo first; echo ' gan-jax: last '; echo; exit 3", "last"),
        ("exit 3", "ended with 3"),
        ("kill -9 $$", "killed by SIGKILL (out of memory?)"),
        ("kill -11 $$", "killed by SIGSEGV"),
        ("kill -15 $$", "killed by SIGTERM"),
        ("exit 75", "its worker was stopped from outside"),
        ("printf '%01000d' 7; exit 1", "0" * 500),
        ("exec sleep 60", "said nothing for 1 s: ended"),
    ],
)
def test_a_worker_that_failed_takes_no_other_with_it(script, reason, sweep, stand_in):
    folder, said = sweep
    stand_in(f"if [ $5 = {ids(said)[1]} ]; then {script}; else {DONE}\nfi")
    local.run(folder, said, set(ids(said)), hang_seconds=1.0 if "sleep" in script else 60.0)
    assert states(folder, said) == [["done"] * 2, ["failed"] * 2, ["done"] * 2]
    assert reasons(folder, said, 1) == [reason] * 2


@pytest.fixture
def asleep(monkeypatch):
    """Both clocks are set forward by 1000 s at a first look at a worker, as after a sleep."""
    away = []
    for name in ("time", "monotonic"):
        now = getattr(time, name)
        monkeypatch.setattr(time, name, lambda now=now: now() + sum(away))
    return lambda: away or away.append(1000.0)


def test_a_machine_that_slept_has_no_hung_workers(sweep, stand_in, asleep, monkeypatch):
    folder, said = sweep
    stand_in(f"sleep 0.3\n{DONE}")
    monkeypatch.setattr(local.Bar, "update", lambda *args: asleep())
    local.run(folder, said, {ids(said)[0]}, hang_seconds=60.0)
    assert states(folder, said)[0] == ["done"] * 2


def test_a_machine_that_slept_lets_its_workers_save(sweep, stand_in, asleep, tmp_path, monkeypatch):
    folder, said = sweep
    stand_in(f"trap 'touch {tmp_path}/asked; sleep 0.3; touch {tmp_path}/saved; exit 75' TERM")
    with (tmp_path / "worker").open("a") as file:
        file.write(f"touch {tmp_path}/on\nwhile :; do sleep 0.02; done")
    on = tmp_path / "on"
    monkeypatch.setattr(local.Bar, "update", lambda *args: on.exists() and stop.on_signal(15))
    end, soon = local._Worker.end, threading.Timer(0.1, asleep)
    monkeypatch.setattr(
        local._Worker,
        "end",
        lambda worker, number: end(worker, number) or (number == 15 and soon.start()),
    )
    with pytest.raises(PreemptedError):
        local.run(folder, said, {ids(said)[0]})
    assert (tmp_path / "saved").exists()


def test_an_environment_in_which_no_row_can_be_trained_fails_no_row(sweep, stand_in):
    folder, said = sweep
    stand_in(f"echo gan-jax: no such device; exit {worker.UNFIT}")
    with pytest.raises(ConfigError, match=r"^no such device$"):
        local.run(folder, said, set(ids(said)))
    assert states(folder, said) == [[None] * 2] * 3
    words = [REAL, "-P", "-m", "gan_jax.sweeps.launch.worker", str(folder), ids(said)[0], "1"]
    environ = os.environ | {"JAX_PLATFORMS": "cuda,none"}
    with subprocess.Popen(
        words, env=environ, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as real:
        assert real.stderr
        assert b"gan-jax: JAX_PLATFORMS=cuda,none names no device" in real.stderr.read()
        assert real.wait() == worker.UNFIT


def test_a_cohort_without_a_place_for_its_log_is_one_line(sweep, stand_in):
    folder, said = sweep
    stand_in(DONE)
    (folder / "cohorts").write_text("")
    with pytest.raises(CannotWriteError, match=r"^cannot write .*: (Not a|File exists)"):
        local.run(folder, said, set(ids(said)))


def test_a_worker_that_beats_does_not_hang(sweep, stand_in):
    folder, said = sweep
    beat = 'for i in 1 2 3 4 5 6 7 8; do sleep 0.15; cp $0 "$4/cohorts/$5/progress.json"; done'
    stand_in(f"{beat}\n{DONE}")
    local.run(folder, said, {ids(said)[0]}, hang_seconds=1.0)
    assert states(folder, said)[0] == ["done"] * 2


def test_a_stop_is_passed_on_and_nobody_has_failed(sweep, stand_in, tmp_path, monkeypatch):
    folder, said = sweep
    trap = f"trap 'sleep 0.2; touch {tmp_path}/saved; exit 75' TERM"
    stand_in(f"{trap}\ntouch {tmp_path}/on\nwhile :; do sleep 0.02; done")
    on = tmp_path / "on"
    monkeypatch.setattr(local.Bar, "update", lambda *args: on.exists() and stop.on_signal(15))
    with pytest.raises(PreemptedError, match=r"stopped, saved in .*6 rows were to do"):
        local.run(folder, said, set(ids(said)))
    assert (tmp_path / "saved").exists()
    assert states(folder, said) == [[None] * 2] * 3
    assert len(stand_in.calls()) == 1  # no other was started


def test_a_worker_that_does_not_save_in_time_is_told_of(sweep, stand_in, tmp_path, monkeypatch):
    folder, said = sweep
    stand_in(f"trap '' TERM\ntouch {tmp_path}/on\nwhile :; do sleep 0.02; done")
    on = tmp_path / "on"
    monkeypatch.setattr(local.Bar, "update", lambda *args: on.exists() and stop.on_signal(15))
    monkeypatch.setattr(local, "GRACE_SECONDS", 0.5)
    with pytest.raises(PreemptedError, match=r"but 1 of 1 cohorts did not save within 0.5 s"):
        local.run(folder, said, set(ids(said)))


def test_after_a_stop_no_worker_starts(sweep, stand_in, tmp_path):
    folder, said = sweep
    stand_in(DONE)
    stop.keep_work()
    stop.on_signal(15)
    with pytest.raises(PreemptedError):
        local.run(folder, said, set(ids(said)))
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize("script", ["kill -15 $$", "exit 75"])
def test_a_worker_may_hear_of_a_stop_first(script, sweep, stand_in, monkeypatch):
    """A scheduler signals all processes of a job."""
    folder, said = sweep
    stand_in(script)
    monkeypatch.setattr(local, "_stop_requested_soon", lambda: stop.on_signal(15) or True)
    with pytest.raises(PreemptedError):
        local.run(folder, said, set(ids(said)))
    assert states(folder, said) == [[None] * 2] * 3


def test_a_stop_that_comes_a_little_later_is_waited_for(monkeypatch):
    answers = iter([False, False, True])
    monkeypatch.setattr(stop, "requested", lambda: next(answers))
    assert local._stop_requested_soon()
    monkeypatch.setattr(stop, "requested", lambda: False)
    assert not local._stop_requested_soon()


def test_only_who_holds_the_folder_forgives_failed_rows(sweep, stand_in):
    folder, said = sweep
    stand_in(DONE)
    launch.fail(folder, said["cohorts"][0], "no")
    again = said["cohorts"][0]["rows"]
    lock = hold(folder)
    with pytest.raises(WorkdirBusyError):
        local.run(folder, said, set(ids(said)), again=again)
    assert states(folder, said)[0] == ["failed"] * 2
    os.close(lock)
    local.run(folder, said, set(ids(said)), again=again)
    assert states(folder, said) == [["done"] * 2] * 3


def test_rows_of_another_process_have_not_failed(sweep, stand_in):
    folder, said = sweep
    stand_in(f"if [ $5 = {ids(said)[1]} ]; then exit {WorkdirBusyError.code}; else {DONE}\nfi")
    with pytest.raises(WorkdirBusyError, match=f"rows of 1 cohorts .*{ids(said)[1]}.*run the same"):
        local.run(folder, said, set(ids(said)))
    assert states(folder, said) == [["done"] * 2, [None] * 2, ["done"] * 2]


def test_one_launcher_at_a_time(sweep, stand_in):
    folder, said = sweep
    stand_in(DONE)
    lock = hold(folder)
    with pytest.raises(WorkdirBusyError):
        local.run(folder, said, set(ids(said)))
    os.close(lock)
    local.run(folder, said, set(ids(said)))
    local.run(folder, said, set(ids(said)))  # it has let go


def test_a_worker_dies_with_its_launcher(sweep, stand_in, tmp_path):
    """Its standard input ends."""
    folder, said = sweep
    stand_in("cat; exit 1")
    each = local._Worker(folder, said["cohorts"][0], 1)
    time.sleep(0.1)
    assert each.process.poll() is None
    each.close()
    assert each.process.wait(10) == 1


def test_a_worker_ends_at_the_end_of_its_input(monkeypatch):
    asked, ends = [], []
    answers = iter([b"x", b""])
    monkeypatch.setattr(worker.os, "read", lambda *what: asked.append(what) or next(answers))
    monkeypatch.setattr(worker.os, "_exit", ends.append)
    worker._end_with_launcher()
    assert (asked, ends) == ([(0, 1)] * 2, [1])


def test_how_far_a_worker_is(sweep, stand_in):
    folder, said = sweep
    stand_in("cat")
    each = local._Worker(folder, said["cohorts"][0], 1)
    assert each.done() == 0
    (each.folder / "progress.json").write_text('{"step": 30, "rows": 2}')
    assert each.done() == 60
    bar = local.Bar(said, said["cohorts"])
    assert bar.bar.total == 6 * said["rows"][0]["config"]["steps"]
    bar.update(each.done())
    assert bar.bar.n == 60
    for count in (2, 4):
        bar.ended(each.cohort)
        bar.update(0)
        assert bar.bar.n == count * said["rows"][0]["config"]["steps"]
    each.close()
    each.process.wait(10)


def test_a_busy_row_is_waited_for(monkeypatch):
    answers = iter([WorkdirBusyError("busy"), WorkdirBusyError("busy"), None])
    waited = []

    def train(workdir, cohort):
        answer = next(answers)
        if answer:
            raise answer

    monkeypatch.setattr(worker, "train", train)
    monkeypatch.setattr(worker.time, "sleep", waited.append)
    worker._wait_until_free(Path("w"), "c")
    assert len(waited) == 2
    answers = iter([WorkdirBusyError("busy")])
    monkeypatch.setattr(worker, "BUSY_SECONDS", -1.0)
    with pytest.raises(WorkdirBusyError):
        worker._wait_until_free(Path("w"), "c")


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        ((1024, 4096), (4096, 4096)),
        ((1024, -1), (65536, -1)),
        ((70000, 80000), None),
        ((-1, -1), None),
    ],
)
def test_a_worker_may_hold_many_files(limits, wanted, monkeypatch):
    given = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda which, pair: given.append(pair))
    worker._allow_many_files()
    assert given == ([wanted] if wanted else [])


def test_a_worker_trains_the_rows_of_its_cohort(sweep, monkeypatch):
    folder, said = sweep
    trained = []
    monkeypatch.setattr("gan_jax.sweeps.train_rows.train_rows", lambda *args: trained.append(args))
    worker.train(folder, ids(said)[1])
    configs, folders, cohort, chunk = trained[0]
    assert chunk == 0
    launch.write(folder, said | {"chunk": 3})
    worker.train(folder, ids(said)[1])
    assert trained[1][3] == 3
    assert [(c.batch_size, c.seed) for c in configs] == [(5, 0), (5, 1)]
    assert folders == [folder / "rows" / row for row in said["cohorts"][1]["rows"]]
    assert cohort == folder / "cohorts" / ids(said)[1]


def test_a_worker_trains_a_row_alone_as_a_run(sweep, monkeypatch):
    folder, said = sweep
    trained = []
    monkeypatch.setattr("gan_jax.training.run.train", lambda *args: trained.append(args))
    alone = said["cohorts"][0]["rows"][:1]
    said["cohorts"][0]["rows"] = alone
    launch.write(folder, said)
    worker.train(folder, ids(said)[0])
    ((setup, workdir),) = trained
    assert isinstance(setup, Setup)
    assert (setup.config.batch_size, setup.config.seed) == (4, 0)
    assert workdir == folder / "rows" / alone[0]


def test_a_cohort_is_trained_by_one_process(sweep):
    """What another one is saving is not cleared away."""
    folder, said = sweep
    cohort = folder / "cohorts" / ids(said)[0]
    saving = cohort / "checkpoints" / "5.saving-1"
    saving.mkdir(parents=True)
    lock = hold(cohort)
    with pytest.raises(WorkdirBusyError, match="in use"):
        worker.train(folder, ids(said)[0])
    os.close(lock)
    assert saving.is_dir()
    assert not (folder / "rows").exists()


def test_what_a_summary_says_is_final(sweep):
    folder, said = sweep
    cohort = said["cohorts"][0]
    first, second = cohort["rows"]
    file = folder / "rows" / first / "summary.json"
    assert launch.status(folder, first) is None
    file.parent.mkdir(parents=True)
    for text, status in (
        ('{"status": "preempted"}', None),
        ("{torn", None),
        ('{"status": "diverged"}', "diverged"),
    ):
        file.write_text(text)
        assert launch.status(folder, first) == status
    assert launch.pending(folder, said, ids(said)[:2]) == said["cohorts"][:2]
    launch.fail(folder, cohort, "why")
    assert states(folder, said)[0] == ["diverged", "failed"]
    assert [c["id"] for c in launch.pending(folder, said, ids(said))] == ids(said)[1:]
    launch.forgive(folder, [first])
    assert states(folder, said)[0] == ["diverged", "failed"]
    launch.forgive(folder, [first, second, said["cohorts"][1]["rows"][0]])
    assert states(folder, said)[0] == ["diverged", None]


LAUNCH = """
import sys
from gan_jax.cli.main import main
sys.executable, *words = sys.argv[1:]
sys.exit(main(words))
"""
CONFIG = """
from gan_jax.config import get_config
from gan_jax.sweeps.product import seeds
SWEEPS = {"s": seeds(1)}
"""


def test_accelerators_are_for_the_workers(tmp_path):
    """There is none here, so that a launcher that looked for one would end with an error."""
    (tmp_path / "config.py").write_text(CONFIG)
    (tmp_path / "worker").write_text(f"#!/bin/sh\necho $JAX_PLATFORMS > {tmp_path}/asked; exit 3\n")
    (tmp_path / "worker").chmod(0o755)
    words = ["sweep", "--config", "config.py", "--workdir", "w", "--share", "0/1"]
    done = subprocess.run(
        [REAL, "-c", LAUNCH, str(tmp_path / "worker"), *words],
        env=os.environ | {"JAX_PLATFORMS": "tpu"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, (tmp_path / "asked").read_text()) == (1, "tpu\n"), done.stderr
    assert launch.read(tmp_path / "w")["hardware"] is None


@pytest.mark.parametrize(
    ("ended", "noted"),
    [
        (None, True),
        (PreemptedError("stopped"), True),
        (WorkdirBusyError("another has the device"), False),
        (ConfigError("no such"), False),
    ],
)
def test_a_worker_that_has_trained_says_on_what(ended, noted, sweep, monkeypatch, capsys):
    folder, said = sweep
    first, last = ids(said)[0], ids(said)[-1]
    for cohort in (first, last):
        (folder / "cohorts" / cohort).mkdir(parents=True)
    (folder / "cohorts" / last / "hardware.json").write_text('{"hardware": "TPU v5 lite"}')

    def train(workdir, cohort):
        if ended:
            raise ended

    monkeypatch.setattr(worker, "_wait_until_free", train)
    assert worker._run(folder, first) == (ended.code if ended else 0)
    launch.note_how(folder)
    found = [hardware(), "TPU v5 lite"] if noted else ["TPU v5 lite"]
    assert launch.read(folder)["hardware"] == "; ".join(found)


def test_how_cohorts_were_run_is_taken_over(sweep):
    folder, said = sweep
    (folder / "cohorts" / ids(said)[1]).mkdir(parents=True)
    (folder / "cohorts" / ids(said)[1] / "how.json").write_text('{"chunk": 2, "how": "vmap"}')
    said["cohorts"][2]["rows"].pop()
    launch.write(folder, said)
    launch.note_how(folder)
    found = launch.read(folder)["cohorts"]
    assert [cohort.get("how") for cohort in found] == [None, "vmap", "alone"]
    assert found[1]["chunk"] == 2


def test_damaged_notes_of_a_cohort(sweep, caplog):
    """What it ran on is only told; how it is run has to stay."""
    folder, said = sweep
    place = folder / "cohorts" / ids(said)[1]
    place.mkdir(parents=True)
    for content in (b"", b"null", b"[]", b"[" * 100_000):
        (place / "hardware.json").write_bytes(content)
        launch.note_how(folder)
        (place / "how.json").write_bytes(content)
        with pytest.raises(DataCorruptError, match=r"how.json cannot be read .*or remove it"):
            launch.note_how(folder)
        (place / "how.json").unlink()
    assert len(caplog.messages) == 4  # of hardware.json, and nothing stopped


def test_how_a_cohort_is_run_is_noted_as_soon_as_it_is_chosen(sweep, stand_in, tmp_path):
    """The worker goes on when rows.json has it; what was added meanwhile stays."""
    folder, said = sweep
    rows = tmp_path / "w" / "rows.json"
    said["cohorts"][2]["why"] = "added"
    launch.write(folder, said)
    put = """echo '{"how": "map of '$5'"}' > "$4/cohorts/$5/how.json\""""
    stand_in(f'{put}\nuntil grep -q "map of $5" {rows}; do sleep 0.02; done\n{DONE}')
    local.run(folder, said, set(ids(said)[:2]), hang_seconds=20.0)
    assert states(folder, said) == [["done"] * 2, ["done"] * 2, [None] * 2]
    found = launch.read(folder)["cohorts"]
    assert [c.get("how") for c in found] == [*(f"map of {i}" for i in ids(said)[:2]), None]
    assert found[2]["why"] == "added"


def test_cohorts_without_rows_to_train_are_not_added(sweep):
    """As of a sweep whose shares have trained all, in cohorts of their own."""
    folder, said = sweep
    rows = [rows_lib.Row(**row) for row in said["rows"]]
    parts = [rows_lib.group(rows[:1]), rows_lib.group(rows[1:2]), rows_lib.group(rows[:1])]
    launch.fail(folder, {"id": "x", "rows": [rows[0].id]}, "no")
    for (part,), again, count in zip(parts, [(), (), [rows[0].id]], [3, 4, 5], strict=True):
        found = launch.begin(folder, "name", "file", "command", rows, [part], 0, again)
        assert len(found["cohorts"]) == count


def test_the_table_of_a_plan():
    settings = product(param("batch_size", [8, 16]), param("objective", ["hinge", "wgan"]))
    cohorts = rows_lib.group(rows_lib.resolve(tiny.config(data__name="ring"), settings))
    head, *lines = overview.table(cohorts)
    assert head.split() == ["row", "id", "cohort", "batch_size", "objective"]
    words = [line.split() for line in lines[:4]]
    assert [(w[0], w[2], w[3], w[4]) for w in words] == [
        ("0", "0", "8", "hinge"),
        ("1", "0", "8", "wgan"),
        ("2", "1", "16", "hinge"),
        ("3", "1", "16", "wgan"),
    ]
    assert lines[4] == "4 rows in 2 cohorts, each one compiled program"
    assert lines[5] == f"cohort 0 {cohorts[0].id}: 2 rows"
    assert lines[6].endswith(": 2 rows: apart from cohort 0 because batch_size is 16, not 8")


def test_an_estimate_is_the_steps_over_the_rate(monkeypatch):
    cohorts = rows_lib.group(rows_lib.resolve(tiny.config(data__name="ring", steps=400), seeds(3)))
    monkeypatch.setattr(overview, "speeds", lambda ways, *state: dict.fromkeys(ways, 2.0))
    monkeypatch.setattr(overview, "init_rows", lambda configs: (0,))
    monkeypatch.setattr(overview.time, "perf_counter", iter([100.0, 107.0]).__next__)
    first, last = overview.estimate(cohorts)
    assert first == "cohort 0: 2 row-steps/s, about 10 minutes with 7 s to start"
    assert last == "in all about 10 minutes, without evaluations and pictures"


def test_a_sweep_is_not_begun_twice(sweep):
    folder, said = sweep
    rows = [rows_lib.Row(**row) for row in said["rows"]]
    with pytest.raises(ConfigError, match="1 of its rows are not in this one"):
        launch.begin(folder, "name", "file", "command", rows[1:], [])
    with pytest.raises(ConfigError, match=r"--chunk is 4: .* was begun with none"):
        launch.begin(folder, "name", "file", "command", rows, [], 4)
    again = launch.begin(folder, "other", "file", "other", rows, rows_lib.group(rows))
    assert again == launch.read(folder) == json.loads(json.dumps(said))


def test_a_start_that_adds_nothing_writes_nothing(sweep):
    folder, said = sweep
    rows = [rows_lib.Row(**row) for row in said["rows"]]
    before = (folder / "rows.json").stat()
    launch.begin(folder, "name", "file", "command", rows, rows_lib.group(rows))
    assert (folder / "rows.json").stat().st_ino == before.st_ino
