"""The host loop: kills and stops leave no trace in the numbers; divergence; equilibrium."""

import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import jax
import numpy as np
import pytest
import tiny

from gan_jax import data, games
from gan_jax.games import make_setup
from gan_jax.host import stop
from gan_jax.host.errors import (
    ConfigError,
    DivergedError,
    NoCheckpointError,
    PreemptedError,
    WorkdirBusyError,
)
from gan_jax.training import experiment, program
from gan_jax.training import record as record_lib
from gan_jax.training import run as train
from gan_jax.training.checkpoint import Checkpoints
from gan_jax.training.experiment import state_like
from gan_jax.training.folder import RunDir
from gan_jax.training.results import read_made_with

CONFIG = """
import sys
sys.path.insert(0, {tests!r})
import tiny

def get_config():
    return tiny.config(
        steps=400, log_every_steps=5, eval_every_steps=60, sample_every_steps=200,
        checkpoint_every_steps=20, ema__decay=0.9,
    )
"""


def evaluates(monkeypatch, evaluate):
    """What an evaluation finds: evaluate(state, part)."""
    monkeypatch.setattr(
        record_lib, "make_evaluate", lambda c, part="eval": lambda state: evaluate(state, part)
    )


@pytest.fixture(autouse=True)
def no_signal():
    """None is left over for the next test."""
    yield
    stop.reset()


@pytest.fixture
def plain(monkeypatch):
    """Runs in this process draw nothing and evaluate little: seconds each."""
    monkeypatch.setattr(record_lib, "make_picture", lambda config: lambda state: None)
    monkeypatch.setattr(record_lib.plots, "plot_curves", lambda *paths: None)
    evaluates(monkeypatch, lambda state, part: {f"{part}/it": int(state.step)})


def small(**leaves):
    """One program for most tests, on a set in whose order of examples a resume could slip."""
    return tiny.config(data__name="digits", **leaves)


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def arrays(folder, config):
    with Checkpoints(folder / "checkpoints", read_only=True) as saved:
        step, state = saved.restore(state_like(make_setup(config)))
    leaves = jax.tree.leaves(state.replace(key=jax.random.key_data(state.key)))
    return step, [np.asarray(leaf) for leaf in leaves]


def same(a, b, config):
    assert (a / "metrics.jsonl").read_bytes() == (b / "metrics.jsonl").read_bytes()
    (step_a, leaves_a), (step_b, leaves_b) = arrays(a, config), arrays(b, config)
    assert step_a == step_b
    assert [x.tobytes() for x in leaves_a] == [x.tobytes() for x in leaves_b]
    for key in ("status", "step", "metrics"):
        assert summary(a)[key] == summary(b)[key]


def ask_at(monkeypatch, *dispatches):
    """A signal arrives during those dispatches of a process, counted from 1."""
    count = iter(range(1, 10_000))
    monkeypatch.setattr(train.stop, "requested", lambda: next(count) in dispatches)


@pytest.mark.parametrize("megabytes", [2048, 0], ids=["on the device", "streamed"])
def test_a_stopped_run_goes_on_as_if_it_had_not(megabytes, tmp_path, monkeypatch, plain):
    config = small(data__device_mb=megabytes)
    train.train(make_setup(config), tmp_path / "whole")
    for dispatches in (1, 2, 3, 10_001):  # steps 5, 15, 30: beside and between the checkpoints
        ask_at(monkeypatch, dispatches)
        if dispatches < 10_000:
            with pytest.raises(PreemptedError, match="saved in"):
                train.train(make_setup(config), tmp_path / "parts")
            assert summary(tmp_path / "parts")["status"] == "preempted"
            last = lines(tmp_path / "parts")[-1]["step"]
            assert summary(tmp_path / "parts")["step"] == last
            assert arrays(tmp_path / "parts", config)[0] == last
    assert last == 30
    result = train.train(make_setup(config), tmp_path / "parts")
    assert result.step == 40
    assert not result.was_done
    same(tmp_path / "whole", tmp_path / "parts", config)


def test_a_run_asked_for_more_steps_goes_on_as_if_asked_for_them_first(tmp_path, plain):
    train.train(make_setup(small(steps=20)), tmp_path / "more", "first")
    result = train.train(make_setup(small()), tmp_path / "more", "second")
    assert (result.step, result.was_done) == (40, False)
    assert read_made_with(tmp_path / "more")["command"] == "second"
    train.train(make_setup(small()), tmp_path / "whole")
    found, expected = lines(tmp_path / "more"), lines(tmp_path / "whole")
    assert found[3].pop("test/it") == 20  # it was the last line once, and as such watched
    found[3] = {name: v for name, v in found[3].items() if not name.startswith("watch/")}
    assert found == expected
    here, there = (arrays(tmp_path / name, small()) for name in ("more", "whole"))
    assert here[0] == there[0] == 40
    assert all((a == b).all() for a, b in zip(here[1], there[1], strict=True))


def test_a_run_that_ended_beside_the_schedules_comes_back_to_them(tmp_path, plain):
    train.train(make_setup(small(steps=13)), tmp_path / "more")
    train.train(make_setup(small()), tmp_path / "more")
    train.train(make_setup(small()), tmp_path / "whole")
    found, expected = lines(tmp_path / "more"), lines(tmp_path / "whole")
    assert [line["step"] for line in found] == [5, 10, 13, *range(15, 41, 5)]
    assert [line["step"] for line in found if "eval/it" in line] == [13, 20, 40]
    both = [x for x in expected if x["step"] != 15]  # its five steps are two lines here
    assert [x for x in found if x["step"] not in (13, 15)] == both
    third = [x["disc_loss"] for x in found if x["step"] in (13, 15)]
    np.testing.assert_allclose(np.dot([3, 2], third) / 5, expected[2]["disc_loss"], rtol=1e-5)
    here, there = (arrays(tmp_path / name, small()) for name in ("more", "whole"))
    assert all((a == b).all() for a, b in zip(here[1], there[1], strict=True))


def test_a_stop_during_an_evaluation_saves_right_after_it(tmp_path, monkeypatch, plain):
    looked = []
    monkeypatch.setattr(train.stop, "requested", lambda: bool(looked))
    evaluates(monkeypatch, lambda state, part: looked.append(1) or {})
    with pytest.raises(PreemptedError, match="at step 20 of 40"):
        train.train(make_setup(small()), tmp_path)
    assert arrays(tmp_path, small())[0] == 20


def test_a_stop_in_the_last_dispatch_is_too_late(tmp_path, monkeypatch, plain):
    ask_at(monkeypatch, 8)
    assert train.train(make_setup(small()), tmp_path).step == 40
    assert summary(tmp_path)["status"] == "done"


def test_a_game_is_made_once_a_run(tmp_path, monkeypatch):
    """By the checks, before anything is written: training makes none."""
    made, make = [], games.make_parts
    monkeypatch.setattr(games, "make_parts", lambda *args: made.append(1) or make(*args))
    setup = experiment.check(small())
    assert len(made) == 1
    train.train(setup, tmp_path)
    assert len(made) == 1


def test_a_finished_run_is_left_alone(tmp_path, monkeypatch, plain):
    first = train.train(make_setup(small()), tmp_path)
    before = {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*") if f.name != ".lock"}
    monkeypatch.setattr(data.Data, "examples", None)  # not even the data are read
    again = train.train(make_setup(small()), tmp_path)
    assert again == first._replace(was_done=True)
    assert before == {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*") if f.name != ".lock"}


def test_killed_after_the_last_checkpoint_it_only_finishes(tmp_path, monkeypatch, plain):
    config = small()
    train.train(make_setup(config), tmp_path)
    before = (tmp_path / "metrics.jsonl").read_bytes(), summary(tmp_path)["metrics"]
    (tmp_path / "summary.json").unlink()
    train.train(make_setup(config), tmp_path)
    assert before == ((tmp_path / "metrics.jsonl").read_bytes(), summary(tmp_path)["metrics"])


def _all(file):
    file.unlink()


def _one(file):
    rest = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(rest[:1] + rest[2:]))


def _last(file):
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize(
    ("lose", "whence"),
    [(_all, "from the beginning"), (_one, "from the b"), (_last, "from step 40")],
)
def test_lost_lines_are_trained_again(lose, whence, tmp_path, caplog, plain):
    """Not only missed: the files of the run are in the end those of a run that lost none."""
    for name, steps in (("whole", 80), ("cut", 60)):
        train.train(make_setup(small(steps=steps)), tmp_path / name)
    lose(tmp_path / "cut" / "metrics.jsonl")
    train.train(make_setup(small(steps=80)), tmp_path / "cut")
    same(tmp_path / "whole", tmp_path / "cut", small(steps=80))
    said = [line for line in caplog.messages if "lines were lost" in line]
    assert len(said) == 1
    assert f"goes {'on ' if 'step' in whence else ''}{whence}" in said[0]
    assert "metrics.jsonl holds" in said[0]


def test_a_damaged_summary_is_written_anew(tmp_path, caplog, plain):
    train.train(make_setup(small()), tmp_path)
    before = summary(tmp_path)["metrics"]
    for content in (b"", b"null", b'{"status": "done"}', b"[" * 100_000):
        (tmp_path / "summary.json").write_bytes(content)
        assert not train.train(make_setup(small()), tmp_path).was_done
        assert summary(tmp_path)["metrics"] == before
    assert sum("summary.json cannot be read" in line for line in caplog.messages) >= 4


def test_another_runs_checkpoint_is_not_gone_on_from(tmp_path, caplog, plain):
    """Though its arrays have the same shapes."""
    for name, seed, steps in (("0", 0, 60), ("1", 1, 40), ("whole", 1, 40)):
        train.train(make_setup(small(seed=seed, steps=steps)), tmp_path / name)
    shutil.copytree(tmp_path / "0" / "checkpoints" / "60", tmp_path / "1" / "checkpoints" / "60")
    train.train(make_setup(small(seed=1, steps=80)), tmp_path / "1")
    train.train(make_setup(small(seed=1, steps=80)), tmp_path / "whole")
    same(tmp_path / "1", tmp_path / "whole", small(seed=1, steps=80))
    assert any("60 in" in x and "its key is not" in x for x in caplog.messages)


def test_lines_are_on_disk_before_the_checkpoint_that_follows_them(tmp_path, monkeypatch, plain):
    order = []
    sync, save = RunDir.sync, Checkpoints.save

    def note(what, call):
        return lambda *args: (order.append((what, len(lines(tmp_path)))), call(*args))[1]

    monkeypatch.setattr(RunDir, "sync", note("sync", sync))
    monkeypatch.setattr(Checkpoints, "save", note("save", save))
    train.train(make_setup(small()), tmp_path)
    assert order[:4] == [("sync", 4), ("save", 4), ("sync", 8), ("save", 8)]


def test_every_line_is_the_mean_over_its_own_steps(tmp_path, plain):
    """Twice the steps a line: means of pairs of lines, so a dispatch neither drops nor repeats."""
    train.train(make_setup(small(log_every_steps=5)), tmp_path / "fine")
    train.train(make_setup(small(log_every_steps=10)), tmp_path / "coarse")
    fine = [line["disc_loss"] for line in lines(tmp_path / "fine")]
    coarse = [line["disc_loss"] for line in lines(tmp_path / "coarse")]
    np.testing.assert_allclose(coarse, np.reshape(fine, (-1, 2)).mean(1), rtol=1e-5)


def test_each_dispatch_takes_the_examples_of_its_own_steps(tmp_path, monkeypatch, plain):
    asked, make = [], program.pipeline.make_source

    def noting(*args):
        source = make(*args)
        return lambda key, step: (asked.append(int(step)), source(key, step))[1]

    monkeypatch.setattr(program.pipeline, "make_source", noting)
    train.train(make_setup(small()), tmp_path)
    assert asked == list(range(0, 40, 5))


def test_steps_that_are_no_multiple_end_where_they_should(tmp_path, plain):
    config = small(steps=43)
    assert train.train(make_setup(config), tmp_path).step == 43
    assert [line["step"] for line in lines(tmp_path)] == [*range(5, 41, 5), 43]
    assert "eval/it" in lines(tmp_path)[-1]
    step, leaves = arrays(tmp_path, config)
    assert step == 43
    assert any(leaf.size == 1 and leaf == 43 for leaf in leaves)


DIVERGES = {"gen__lr": 1e30, "disc__lr": 1e30}


def test_a_diverged_run_says_so_and_says_it_again(tmp_path, monkeypatch, plain):
    config = small(**DIVERGES)
    told = r"diverged by step 5: gen's gradient of .*dense_0/linear/bias was not finite in step 1"
    with pytest.raises(DivergedError, match=told) as first:
        train.train(make_setup(config), tmp_path)
    assert first.value.code == 3
    assert summary(tmp_path)["status"] == "diverged"
    assert summary(tmp_path)["labels"] == ["not finite"]
    with pytest.raises(NoCheckpointError):
        raise_without_checkpoint(tmp_path, config)
    monkeypatch.setattr(train.loop, "train", None)  # nothing is trained again
    with pytest.raises(DivergedError, match=told):
        train.train(make_setup(config), tmp_path)
    assert summary(tmp_path)["status"] == "diverged"


def raise_without_checkpoint(folder, config):
    with Checkpoints(folder / "checkpoints", read_only=True) as saved:
        if saved.restore(state_like(make_setup(config))) is None:
            raise NoCheckpointError("none")


def test_a_finished_run_needs_its_devices_no_more(tmp_path, monkeypatch, plain):
    train.train(make_setup(small()), tmp_path)

    def none_left(config):
        raise ConfigError("devices")

    monkeypatch.setattr(train, "place_of", none_left)
    assert train.train(make_setup(small()), tmp_path).was_done
    with pytest.raises(ConfigError):
        train.train(make_setup(small(steps=45)), tmp_path)
    with pytest.raises(ConfigError):
        train.train(make_setup(small()), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_weights_that_are_lost_at_finite_losses_are_not_saved(tmp_path, monkeypatch, plain):
    """The last update of a window may do it: its losses were taken before."""
    real = program.make_train_many

    def poisoned(setup, part):
        many = real(setup, part)

        def run(state, examples, order, hypers, steps):
            state, metrics = many(state, examples, order, hypers, steps)
            lost = jax.numpy.where(state.step == 40, jax.numpy.nan, 1.0)
            params = jax.tree.map(lambda x: x * lost, state.players["gen"].params)
            return state.with_player("gen", params=params), metrics

        return run

    monkeypatch.setattr(program, "make_train_many", poisoned)
    with pytest.raises(DivergedError, match=r"step 40: the weights of gen not finite.*of step 20"):
        train.train(make_setup(small()), tmp_path)
    assert arrays(tmp_path, small())[0] == 20
    assert lines(tmp_path)[-1]["step"] == 40


def test_a_metric_of_an_evaluation_may_be_infinite(tmp_path, monkeypatch, plain):
    evaluates(monkeypatch, lambda state, part: {"eval/kl": float("inf")})
    assert train.train(make_setup(small()), tmp_path).step == 40
    assert summary(tmp_path)["metrics"]["nonfinite"] == {"eval/kl": "inf"}
    (tmp_path / "summary.json").unlink()
    assert train.train(make_setup(small()), tmp_path).metrics["eval/kl"] == float("inf")


def test_an_error_of_ours_leaves_a_failed_run_that_goes_on(tmp_path, monkeypatch, plain):
    def broken(config, part=""):
        def run(state):
            raise ZeroDivisionError

        return run

    with monkeypatch.context() as patch:
        patch.setattr(record_lib, "make_evaluate", broken)
        with pytest.raises(ZeroDivisionError):
            train.train(make_setup(small()), tmp_path)
    assert summary(tmp_path)["status"] == "failed"
    assert train.train(make_setup(small()), tmp_path).step == 40


STILL = {"disc__lr": 0.0, "gen__lr": 0.0, "equilibrium_band": 0.4}


@pytest.mark.parametrize("needed", [0, 2])
def test_stop_at_equilibrium(needed, tmp_path, plain):
    config = small(steps=100, stop_at_equilibrium=needed, **STILL)
    last = 40 if needed else 100
    assert train.train(make_setup(config), tmp_path).step == last
    assert summary(tmp_path)["status"] == "done"
    assert summary(tmp_path)["metrics"]["test/it"] == last
    assert [line["step"] for line in lines(tmp_path) if "test/it" in line] == [last]
    assert arrays(tmp_path, config)[0] == last
    assert train.train(make_setup(config), tmp_path).was_done


def test_stop_at_equilibrium_counts_across_a_resume(tmp_path, monkeypatch, plain):
    config = small(steps=100, stop_at_equilibrium=3, **STILL)
    ask_at(monkeypatch, 5)
    with pytest.raises(PreemptedError):
        train.train(make_setup(config), tmp_path)
    assert train.train(make_setup(config), tmp_path).step == 60


@pytest.mark.parametrize(
    ("seen", "ends"),
    [
        ([(0.52, 0.48), (0.51, 0.53)], True),
        ([(0.9, 0.5), (0.5, 0.5)], False),
        ([(0.5, 0.5), (0.5, 0.1)], False),
        ([(0.5, 0.5)], False),
        ([(0.9, 0.1), (0.5, 0.5), (0.5, 0.5)], True),
    ],
)
def test_equilibrium_is_near_one_half_on_both_each_time(seen, ends):
    config = tiny.config(stop_at_equilibrium=2)
    lines = [{"step": 5, "d_real": 0.5, "d_fake": 0.5}]  # no evaluation
    lines += [{"step": 20 * (i + 1), "d_real": r, "d_fake": f} for i, (r, f) in enumerate(seen)]
    record = types.SimpleNamespace(config=config, lines=lines)
    assert record_lib.Record.at_equilibrium(record) == ends


def test_a_workdir_in_use_is_refused(tmp_path, plain):
    config = small()
    with RunDir(tmp_path, config), pytest.raises(WorkdirBusyError, match="in use"):
        train.train(make_setup(config), tmp_path)


def start(config_file, folder):
    command = ["train", "--config", str(config_file), "--workdir", str(folder)]
    return subprocess.Popen(
        [sys.executable, "-m", "gan_jax", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing interrupted: config file, config, folder."""
    folder = tmp_path_factory.mktemp("whole")
    file = folder / "config.py"
    file.write_text(CONFIG.format(tests=str(tiny.FOLDER)))
    with start(file, folder / "run") as process:
        assert process.wait(300) == 0, process.stderr.read()
    compiled = Path(os.environ["XDG_CACHE_HOME"]) / "gan_jax" / "compiled"
    assert list(compiled.glob("jit_train_many*"))  # kept for the next start
    return file, tiny.experiment(file), folder / "run"


def wait_for(process, folder, instant):
    """Seconds (a float) since the start, or lines (an integer) written."""
    file, began = folder / "metrics.jsonl", time.monotonic()
    while process.poll() is None:
        if isinstance(instant, float):
            if time.monotonic() - began >= instant:
                return
        elif file.exists() and file.read_bytes().count(b"\n") >= instant:
            return
        time.sleep(0.01)


@pytest.mark.slow
def test_kills_and_stops_at_any_instant_leave_no_trace(whole, tmp_path):
    """During the imports, the compile, some dispatches, saves and evaluations; then to the end."""
    file, config, unbroken = whole
    draw = random.Random(5)
    kill, term = signal.SIGKILL, signal.SIGTERM
    plan = {0.1: term, draw.uniform(1, 4): kill, 3: term, 24: kill, 54: term, 10**9: term}
    for instant, number in plan.items():
        with start(file, tmp_path) as process:
            wait_for(process, tmp_path, instant)
            time.sleep(draw.uniform(0, 0.1))
            process.send_signal(number)
            code, said = process.wait(300), process.stderr.read()
        logging.getLogger(__name__).info("%s at %s: %s %s", number.name, instant, code, said)
        assert code == (-9 if number == kill else 75) or instant > 10, said
        assert "Traceback" not in said
        if code == 75:
            assert said.count("gan-jax: ") == 1, said
    assert code == 0
    same(unbroken, tmp_path, config)
    samples = [{f.name for f in (d / "samples").iterdir()} for d in (unbroken, tmp_path)]
    assert samples[0] == samples[1]
