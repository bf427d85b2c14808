"""A sweep as a program: killed at any instant it loses and repeats nothing; failures stay apart."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import tiny

from gan_jax.host.errors import CannotWriteError, ConfigError
from gan_jax.sweeps import launch
from gan_jax.sweeps import rows as rows_lib
from gan_jax.sweeps.launch import overview
from gan_jax.sweeps.product import seeds

SWEEP = """
from gan_jax.config import get_config as defaults
from gan_jax.sweeps.product import chain, param, product, seeds

def get_config():
    c = defaults()
    c.data.name, c.steps, c.batch_size, c.latent.dim = "ring", 200, 16, 2
    c.gen.args.hidden = c.disc.args.hidden = (4,)
    c.log_every_steps = 10
    c.checkpoint_every_steps = 20
    c.eval_every_steps = c.sample_every_steps = 200
    c.eval_samples = 50
    return c

names = param("objective", ["hinge", "minimax", "wgan", "rpgan"])
good = product(names, param("batch_size", [16]), seeds(3))
SWEEPS = {
    "good": chain(good, product(names, param("batch_size", [8]), seeds(3))),
    "some_fail": chain(
        good,
        [{"gen.optimizer": "sgd", "gen.lr": 1e38}],  # diverges: a result
        [{"batch_size": 4}, {"batch_size": 5}, {"batch_size": 6}, {"batch_size": 7}],
    ),
}
"""


@pytest.fixture
def start(tmp_path):
    """start(workdir, sweep, *words) -> the process of gan-jax sweep."""
    file = tmp_path / "config.py"
    file.write_text(SWEEP)

    def run(workdir, sweep, *words):
        flags = ["--config", file, "--workdir", workdir, "--sweep", sweep, *words]
        command = [sys.executable, "-m", "gan_jax", "sweep", *map(str, flags)]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        )

    return run


def end(process, seconds=300):
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def finished(workdir):
    """{row id: (when its summary was written, its metrics)} of the rows that are done."""
    found = {}
    for file in workdir.glob("rows/*/summary.json"):
        said = json.loads(file.read_text())
        if said["status"] == "done":
            found[file.parent.name] = (file.stat().st_mtime_ns, said["metrics"])
    return found


def lines(workdir):
    return {f.parent.name: f.read_bytes() for f in workdir.glob("rows/*/metrics.jsonl")}


@pytest.mark.slow
def test_a_launcher_killed_at_random_instants_leaves_no_trace(start, tmp_path):
    """GAN_JAX_KILLS kills, 4 by default, over as many sweeps as they take."""
    whole, kills = tmp_path / "whole", int(os.environ.get("GAN_JAX_KILLS", "4"))
    began = time.monotonic()
    code, _, err = end(start(whole, "good"))
    took = time.monotonic() - began
    assert code == 0, err
    assert len(finished(whole)) == 24
    rng, killed, sweeps = random.Random(0), 0, 0
    while killed < kills:
        cut, sweeps = tmp_path / f"cut{sweeps}", sweeps + 1
        killed += kill(lambda cut=cut: start(cut, "good"), cut, kills - killed, rng, took)
        print(f"killed {killed} times, {took:.0f} s undisturbed")
        done = finished(cut)
        code, _, err = end(start(cut, "good"))
        assert code == 0, err
        now = finished(cut)
        assert len(now) == 24
        assert {row: now[row] for row in done} == done
        assert lines(cut) == lines(whole)
        tables = [(d / "table.json").read_text().replace(str(d), "DIR") for d in (cut, whole)]
        assert tables[0] == tables[1]
        assert not list(cut.glob("rows/*/.*.tmp"))


def kill(start, workdir, most, rng, took):
    """Starts a sweep and kills it, again and again, until it is done or was killed often enough.

    Returns how often it was; no finished row may be done again.
    """
    done, killed = {}, 0
    while killed < most and len(done) < 24:
        process = start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0.05, 0.5) * took)
        killed += process.poll() is None
        process.kill()
        process.communicate()
        now = finished(workdir)
        assert {row: now[row] for row in done} == done
        done = now
    return killed


def worker_of(launcher, workdir, cohort):
    """The process id of the cohort's worker, once it is there."""
    while launcher.poll() is None:
        found = subprocess.run(
            ["pgrep", "-f", f"gan_jax.sweeps.launch.worker {workdir} {cohort}"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        if found:
            return int(found[0])
        time.sleep(0.05)
    raise AssertionError("no worker")


@pytest.mark.slow
def test_failing_rows_leave_the_others_as_they_are(start, tmp_path):
    """Diverged, unwritable, killed, hung, and stopped from outside, beside twelve good rows."""
    code, out, _ = end(start(tmp_path / "plan", "some_fail", "--dry_run"))
    assert code == 0
    workdir = tmp_path / "sweep"
    ids = {int(line.split()[0]): line.split()[1] for line in out.splitlines()[1:18]}
    cohorts = {}
    for line in out.splitlines()[19:]:
        words = line.split()
        cohorts[int(words[1])] = words[2].rstrip(":")
    (workdir / "rows").mkdir(parents=True)
    (workdir / "rows" / ids[13]).touch()  # a file where the row's folder should be
    process = start(workdir, "some_fail", "--hang_seconds", "75")
    os.kill(worker_of(process, workdir, cohorts[3]), signal.SIGKILL)
    os.kill(worker_of(process, workdir, cohorts[4]), signal.SIGSTOP)
    os.kill(worker_of(process, workdir, cohorts[5]), signal.SIGTERM)
    code, out, err = end(process)
    assert code == 1, err
    assert "4 of 17 rows failed" in err
    status = {n: launch.status(workdir, ids[n]) for n in ids}
    assert [status[n] for n in range(12)] == ["done"] * 12
    assert status[12] == "diverged"
    why = {}
    for n in (14, 15, 16):
        said = json.loads((workdir / "rows" / ids[n] / "summary.json").read_text())
        assert said["status"] == "failed"
        assert (workdir / "rows" / ids[n] / said["log"]).exists()
        why[n] = said["reason"]
    assert why[14] == "killed by SIGKILL (out of memory?)"
    assert "said nothing for 75 s" in why[15]
    assert why[16] in ("killed by SIGTERM", "its worker was stopped from outside")
    alone = tmp_path / "alone"
    code, _, err = end(start(alone, "some_fail", "--rows", "0:12"))
    assert code == 0, err
    assert len(lines(alone)) == 12
    assert lines(alone).items() <= lines(workdir).items()
    (workdir / "rows" / ids[13]).unlink()
    code, _, err = end(start(workdir, "some_fail", "--retry_failed"))
    assert code == 0, err
    assert [launch.status(workdir, ids[n]) for n in (13, 14, 15, 16)] == ["done"] * 4


def test_some_rows_of_a_sweep_are_cohorts_of_their_own(tmp_path):
    everything = rows_lib.resolve(tiny.config(data__name="ring"), seeds(5))
    for text, sizes in (("0:2", [2]), ("2:5", [2, 3]), ("0:2", [2, 3]), (None, [2, 3, 5])):
        chosen = overview.chosen(text, everything)
        cohorts = rows_lib.group(chosen)
        said = launch.begin(tmp_path, "name", "file", "command", everything, cohorts)
        assert [len(cohort["rows"]) for cohort in said["cohorts"]] == sizes
        (waiting,) = launch.pending(tmp_path, said, {c.id for c in cohorts})
        assert waiting["rows"] == [row.id for row in chosen]
    assert launch.read(tmp_path) == json.loads(json.dumps(said))
    assert [row["index"] for row in said["rows"]] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("text", ["5", "3:3", "-1:2", "0:6", "a:b"])
def test_rows_that_are_not_there_cannot_be_chosen(text):
    with pytest.raises(ConfigError, match="--rows is"):
        overview.chosen(text, [None] * 5)
    assert overview.chosen("3", [*"abcde"]) == ["d"]
    assert overview.chosen(":2", [*"abcde"]) == ["a", "b"]


@pytest.mark.parametrize("file", ["config.json", "table.json"])
def test_a_sweep_is_not_begun_in_the_folder_of_something_else(tmp_path, file):
    (tmp_path / file).write_text("{}")
    with pytest.raises(
        ConfigError, match=f"has a {file} that is not a sweep's: choose another --workdir"
    ):
        launch.begin(tmp_path, "name", "file", "command", [], [])
    assert [path.name for path in tmp_path.iterdir()] == [file]


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[]", b"[" * 100_000, b'{"rows": [], "cohorts": [{"id": "a"}]}']
)
def test_a_damaged_rows_json_is_one_line(tmp_path, content):
    (tmp_path / "rows.json").write_bytes(content)
    with pytest.raises(
        ConfigError, match=r"holds no sweep \(.*rows.json cannot be read \("
    ) as said:
        launch.begin(tmp_path, "name", "file", "command", [], [])
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("name", ["rows", "cohorts", "slurm", "rows/abc", "cohorts/abc"])
def test_a_sweep_is_not_written_through_links(tmp_path, name):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "sweep" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CannotWriteError, match=f"{name} is a link"):
        launch.begin(tmp_path / "sweep", "name", "file", "command", [], [])


def test_another_sweep_is_not_mixed_into_a_folder(tmp_path):
    (tmp_path / "rows.json").write_text(
        json.dumps({"format": 2, "rows": [{"id": "abc", "config": {}}], "cohorts": []})
    )
    with pytest.raises(ConfigError, match="holds another sweep: 1 of its rows"):
        launch.begin(tmp_path, "name", "file", "command", [], [])
    with pytest.raises(ConfigError, match="holds no sweep"):
        launch.read(tmp_path / "nowhere")
