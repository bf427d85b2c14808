"""One run over two processes, by its command: the numbers of one process, and ends that leave none
waiting."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from gan_jax import load_run
from gan_jax.host.errors import ConfigError
from gan_jax.place import hosts

EXPERIMENT = """
from gan_jax.config import get_config as defaults


def get_config():
    c = defaults()
    c.data.name, c.batch_size, c.steps = "digits", 32, 60
    c.gen.args.hidden, c.disc.args.hidden = (16,), (16,)
    c.log_every_steps = c.eval_every_steps = 10
    c.sample_every_steps = c.checkpoint_every_steps = 20
    c.eval_samples = 50
    return c
"""
DEADLINE = 120  # seconds, of whatever is waited for
STEPS = "--config.steps=600"


def command(folder: Path, *words: str, of: tuple[int, int, int] | None = None) -> list[str]:
    """of: the port, how many processes there are, and which this is."""
    found = [sys.executable, "-m", "gan_jax", "train", "--config", str(folder / "experiment.py")]
    found += ["--workdir", str(folder / "run"), *words]
    return found if of is None else [*found, "--hosts", "127.0.0.1:{},{},{}".format(*of)]


BEGUN: list[subprocess.Popen] = []


@pytest.fixture(autouse=True)
def _nothing_is_left():
    """Also where a test fails."""
    yield
    for process in BEGUN:
        process.kill()
        process.communicate()
    BEGUN.clear()


def begin(
    folder: Path,
    *words: str,
    count: int = 2,
    devices: int = 2,
    own: dict | None = None,
    paths: dict | None = None,
):
    """The processes. own: further words of one of them; paths: a folder that its imports see."""
    (folder / "experiment.py").write_text(EXPERIMENT)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    flag = f"--xla_force_host_platform_device_count={devices}"
    env = os.environ | {"XLA_FLAGS": flag, "JAX_PLATFORMS": "cpu", "PYTHONFAULTHANDLER": "1"}
    alone = [None] if count == 1 else [(port, count, i) for i in range(count)]
    BEGUN.extend(
        subprocess.Popen(
            command(folder, *words, *(own or {}).get(i, ()), of=of),
            env=env | {"PYTHONPATH": str((paths or {}).get(i, ""))},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i, of in enumerate(alone)
    )
    return BEGUN[-count:]


def end(processes, within: float = DEADLINE) -> list[tuple[int, str]]:
    """The exit code and the error output of each; where one does not end, where it stands."""
    for process in processes:
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            pytest.fail(process.communicate()[1])
    return [(p.returncode, p.communicate()[1]) for p in processes]


def train(folder: Path, *words: str, within: float = DEADLINE, **how) -> list[dict]:
    """The lines of a run that ends well."""
    for code, said in end(begin(folder, *words, **how), within):
        assert code == 0, said
    return lines(folder)


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "run/metrics.jsonl").read_text().splitlines()]


def wait_for_line(folder: Path, step: int) -> None:
    until = time.monotonic() + DEADLINE
    file = folder / "run/metrics.jsonl"
    while not file.exists() or f'"step": {step}' not in file.read_text():
        ended = [process for process in BEGUN[-2:] if process.poll() is not None]
        if ended or time.monotonic() > until:
            pytest.fail(f"no line {step}: {end(BEGUN[-2:], 30)}")
        time.sleep(0.1)


def assert_near(ours: list[dict], theirs: list[dict]) -> None:
    assert [line["step"] for line in ours] == [line["step"] for line in theirs]
    for a, b in zip(ours, theirs, strict=True):
        numbers = [k for k, v in b.items() if isinstance(v, float) and not k.startswith("eval/")]
        assert len(numbers) > 5
        np.testing.assert_allclose([a[k] for k in numbers], [b[k] for k in numbers], atol=1e-5)


@pytest.mark.parametrize("text", ["", "AUTO", "host:1", "host:1,2", "host:1,2,2", "host:x,2,0"])
def test_what_hosts_says_is_checked(text):
    with pytest.raises(ConfigError, match="expected auto, or ADDRESS:PORT,COUNT,INDEX"):
        hosts.parse(text)
    assert hosts.parse("10.0.0.1:80,16,3") == ("10.0.0.1:80", 16, 3)


def test_alone_nothing_is_exchanged():
    assert hosts.writes()
    assert hosts.first({"a": 1}) == {"a": 1}
    assert hosts.in_turn(lambda: 3) == 3
    asks = [False, True, False].pop
    assert [hosts.agreement(asks)() for _ in range(3)] == [False, True, False]


def test_an_error_first_waits_for_the_news_that_another_process_is_lost(monkeypatch):
    """Which ends this one with 75; without such news, the error is its own."""
    done = []

    def leave(code, words):
        done.append((code, words.splitlines()[-1]))
        sys.exit(code)

    monkeypatch.setattr(hosts, "_join", lambda _: None)
    monkeypatch.setattr(hosts, "_peers", SimpleNamespace(leave=leave))
    monkeypatch.setattr(hosts.time, "sleep", done.append)
    with pytest.raises(SystemExit), hosts.joined("here:1,2,0"):
        raise RuntimeError("Gloo: connection closed by peer")
    assert done == [2.0, (1, "RuntimeError: Gloo: connection closed by peer")]


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path):
    """Also where each gathers the examples of its own devices; one process has the folder."""
    found = {}
    for name, words, how in (
        ("together", (), {}),
        ("streamed", ("--config.data.device_mb=0",), {}),
        ("alone", ("--config.devices=4",), {"count": 1, "devices": 4}),
    ):
        (tmp_path / name).mkdir()
        found[name] = train(tmp_path / name, *words, **how)
    assert found["together"] == found["streamed"]
    assert_near(found["together"], found["alone"])
    files = {p.name for p in (tmp_path / "together").iterdir()}
    assert files == {"experiment.py", "run"}


@pytest.mark.slow
@pytest.mark.parametrize(("which", "number"), [(0, signal.SIGINT), (1, signal.SIGTERM)])
def test_a_stop_of_either_saves_the_same_step_and_goes_on(tmp_path, which, number):
    processes = begin(tmp_path, STEPS)
    wait_for_line(tmp_path, 20)
    processes[which].send_signal(number)
    (one, first), (two, second) = end(processes)
    assert (one, two) == (75, 75), (first, second)
    assert "stopped at step" in first
    stopped = json.loads((tmp_path / "run/summary.json").read_text())
    assert stopped["status"] == "preempted"
    assert 20 <= stopped["step"] < 600
    found = train(tmp_path, STEPS, count=1, devices=1)
    assert [line["step"] for line in found] == list(range(10, 601, 10))


@pytest.mark.slow
@pytest.mark.parametrize(("which", "number"), [(0, "KILL"), (1, "KILL"), (0, "STOP"), (1, "STOP")])
def test_none_waits_for_one_that_is_lost(tmp_path, which, number):
    processes = begin(tmp_path, STEPS)
    wait_for_line(tmp_path, 30)
    processes[which].send_signal(getattr(signal, f"SIG{number}"))
    began = time.monotonic()
    code, said = end([processes[1 - which]])[0]
    assert time.monotonic() - began < 30
    assert code == 75, said
    assert f"process {which} " in said
    assert "run the same command again" in said
    processes[which].kill()
    processes[which].communicate()
    assert not (tmp_path / "run/summary.json").exists()
    assert train(tmp_path, STEPS, count=1, devices=1)[-1]["step"] == 600


@pytest.mark.slow
def test_settings_that_differ_are_refused_by_all(tmp_path):
    processes = begin(tmp_path, own={1: ["--config.gen.lr=0.5"]})
    (one, first), (two, second) = end(processes)
    assert (one, two) == (78, 78), (first, second)
    for said in (first, second):
        assert "process 1 has config.gen.lr 0.5, where process 0 has none" in said


@pytest.mark.slow
def test_another_version_of_a_library_is_refused_by_all(tmp_path):
    """Process 1 finds the record of another jax first."""
    record = tmp_path / "other" / "jax-9.9.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: jax\nVersion: 9.9\n")
    (one, first), (two, second) = end(begin(tmp_path, paths={1: record.parent}))
    assert (one, two) == (78, 78), (first, second)
    for said in (first, second):
        assert f"process 1 has jax 9.9, where process 0 has {jax.__version__}" in said
        assert "Traceback" not in said


@pytest.mark.slow
def test_data_that_differ_are_refused_by_all_and_may_lie_anywhere(tmp_path):
    """Each process has its own folder of images."""
    for name, seed in (("here", 0), ("there", 0), ("other", 1)):
        (tmp_path / name).mkdir()
        x = np.random.default_rng(seed).integers(0, 256, (80, 8, 8, 1), np.uint8)
        np.save(tmp_path / name / "x.npy", x)
    words = ["--config.data.name=folder", "--config.data.size=8", "--config.data.channels=1"]
    places = {n: [f"--config.data.dir={tmp_path / n}"] for n in ("here", "there", "other")}
    own = {0: places["here"], 1: places["other"]}
    (one, first), (two, second) = end(begin(tmp_path, *words, own=own))
    assert (one, two) == (78, 78), (first, second)
    assert "the digest of data" in second
    own = {0: places["here"], 1: places["there"]}
    assert train(tmp_path, *words, own=own)[-1]["step"] == 60


@pytest.mark.slow
def test_a_stop_before_the_first_step_leaves_none_waiting(tmp_path):
    processes = begin(tmp_path, STEPS)
    until = time.monotonic() + DEADLINE
    while not (tmp_path / "run/made_with.json").exists():  # next, it compiles
        assert time.monotonic() < until
        time.sleep(0.05)
    processes[1].terminate()
    began = time.monotonic()
    (one, first), (two, second) = end(processes)
    assert time.monotonic() - began < 30
    assert (one, two) == (75, 75), (first, second)
    assert train(tmp_path, STEPS, count=1, devices=1)[-1]["step"] == 600


@pytest.mark.slow
def test_all_fall_back_to_the_same_step_where_the_newest_is_damaged(tmp_path):
    before = train(tmp_path)
    newest = tmp_path / "run/checkpoints/60"
    (newest / "files.sha256").write_text("torn")
    (tmp_path / "run/summary.json").unlink()
    processes = begin(tmp_path)
    said = [words for _, words in end(processes)]
    assert [p.returncode for p in processes] == [0, 0], said
    assert "checkpoint 60" in said[0]
    assert "goes on from step 40" in said[0]
    assert lines(tmp_path) == before


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_ends_all(tmp_path):
    (tmp_path / "run").write_text("a file")
    codes = [code for code, _ in end(begin(tmp_path))]
    assert codes == [74, 74]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_ended_at_random_and_gone_on_the_bytes_are_those_of_no_end(tmp_path, number):
    """GAN_JAX_KILLS: how often."""
    draw, ends = random.Random(int(number)), int(os.environ.get("GAN_JAX_KILLS", "2"))
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    steps, done = f"--config.steps={200 * ends}", 0
    for _ in range(ends):
        processes = begin(tmp_path / "parts", steps)
        wait_for_line(tmp_path / "parts", done + 10)  # both have met
        time.sleep(draw.uniform(0, 1))
        draw.choice(processes).send_signal(number)
        found = end(processes)
        if number == signal.SIGTERM:
            assert [code for code, _ in found] == [75, 75], found
        done = lines(tmp_path / "parts")[-1]["step"]
    assert done < 200 * ends, "it had ended before the last signal"
    for name in ("parts", "whole"):
        train(tmp_path / name, steps, within=DEADLINE * ends / 2)
    whole, parts = ((tmp_path / n / "run") for n in ("whole", "parts"))
    assert (whole / "metrics.jsonl").read_bytes() == (parts / "metrics.jsonl").read_bytes()
    a, b = (load_run(run).state.replace(key=None) for run in (whole, parts))
    jax.tree.map(np.testing.assert_array_equal, a, b)
