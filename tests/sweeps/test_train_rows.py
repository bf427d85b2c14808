"""A cohort's rows: as alone, in any chunks; NaN stays where it is; folders, stops, resumes."""

import functools
import json
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gan_jax.config import hypers
from gan_jax.games import make_setup
from gan_jax.host import stop
from gan_jax.host.errors import PreemptedError
from gan_jax.place import place_rows
from gan_jax.steps import init_state, make_train_many
from gan_jax.sweeps import train_rows, tune
from gan_jax.sweeps.cohort import init_rows, jit_rows, make_members, make_train_rows
from gan_jax.training import record as record_lib
from gan_jax.training.checkpoint import Checkpoints
from gan_jax.training.experiment import state_like


@pytest.fixture(autouse=True)
def _calm():
    """The key checker cries wolf under vmap in loops."""
    with jax.debug_key_reuse(False):
        yield
    stop.reset()


def configs(**leaves):
    settings = [("hinge", 1e-3, 0), ("minimax", 1e-2, 1), ("wgan", 1e-3, 2), ("hinge", 1e-2, 0)]
    return [
        tiny.config(data__name="ring", objective=name, gen__lr=lr, seed=seed, **leaves)
        for name, lr, seed in settings
    ]


ORDER = jnp.zeros((5, 1, 0), jnp.int32)


@functools.cache
def at_the_start():
    return init_rows(make_members(configs()))


def together(rows, steps, chunk=None, states=None):
    first, numbers = at_the_start()
    states = jax.tree.map(jnp.copy, first if states is None else states)
    program = jit_rows(make_train_rows(make_members(rows).setup, chunk), place_rows())
    orders = jnp.broadcast_to(ORDER, (len(rows), *ORDER.shape))
    return program(states, (), orders, numbers, np.int32(steps))


def assert_near(a, b, **how):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if not jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            np.testing.assert_allclose(x, y, **how)


@pytest.fixture(scope="module")
def alone():
    """Two of the rows by themselves: (state, metrics) after five steps, by their index."""
    found = {}
    for index in (1, 2):
        config = configs()[index]
        state = init_state(config, jax.random.key(config.seed))
        many = jax.jit(make_train_many(config))
        found[index] = many(state, (), ORDER, hypers(config), np.int32(5))
    return found


@pytest.mark.parametrize("chunk", [None, 1])
def test_a_row_in_a_cohort_is_the_row_alone(chunk, alone):
    states, metrics = together(configs(), 5, chunk)
    for index, (state, said) in alone.items():
        mine = jax.tree.map(lambda x, i=index: x[i], (states, metrics))
        assert_near(mine[0].replace(key=None), state.replace(key=None), rtol=1e-4, atol=1e-5)
        assert_near(mine[1], said, rtol=1e-4, atol=1e-5)


def test_one_rows_nan_does_not_touch_the_others():
    rows = configs()
    good, _ = together(rows, 5)
    states, _ = at_the_start()
    poisoned = jax.tree.map(lambda w: w.at[1].set(jnp.nan), states.players["gen"].params)
    bad, metrics = together(rows, 5, states=states.with_player("gen", params=poisoned))
    assert np.isnan(metrics["gen_loss"]).tolist() == [False, True, False, False]
    for keep in (0, 2, 3):
        one, other = (
            jax.tree.map(lambda x, i=keep: x[i], s.replace(key=None)) for s in (good, bad)
        )
        assert all(
            np.array_equal(x, y)
            for x, y in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
        )


@pytest.fixture
def plain(monkeypatch):
    """Evaluations and pictures that cost nothing."""
    monkeypatch.setattr(record_lib, "make_picture", lambda config: lambda state: None)
    monkeypatch.setattr(
        record_lib,
        "make_evaluate",
        lambda c, part="eval": (
            lambda s: {f"{part}/w": float(jax.tree.leaves(s.players["gen"].params)[0][0])}
        ),
    )


def run(folder, rows, **how):
    folders = [folder / f"row_{i}" for i in range(len(rows))]
    train_rows.train_rows(rows, folders, folder / "cohort", **how)
    return folders


def lines(folder):
    return (folder / "metrics.jsonl").read_bytes()


def test_each_row_gets_a_run_directory(tmp_path, plain):
    rows = configs()
    for config, folder in zip(rows, run(tmp_path, rows), strict=True):
        summary = json.loads((folder / "summary.json").read_text())
        assert (summary["status"], summary["step"]) == ("done", 40)
        assert {"eval/w", "test/w", "gen_loss"} <= set(summary["metrics"])
        assert [json.loads(x)["step"] for x in lines(folder).splitlines()] == [*range(5, 41, 5)]
        assert list(folder.glob("events.*"))
        assert json.loads((folder / "config.json").read_text())["seed"] == config.seed
        with Checkpoints(folder / "checkpoints", read_only=True) as saved:
            step, state = saved.restore(state_like(make_setup(config)))
        assert step == 40
        found = float(jax.tree.leaves(state.players["gen"].params)[0][0])
        assert found == pytest.approx(summary["metrics"]["eval/w"])


def test_a_stopped_cohort_goes_on_to_the_same_bytes(tmp_path, plain, monkeypatch):
    rows = configs()
    whole = run(tmp_path / "whole", rows)
    asked = iter([False, False, False, False, True])
    with monkeypatch.context() as patch:
        patch.setattr(stop, "requested", lambda: next(asked))
        with pytest.raises(PreemptedError, match="step 25 of 40"):
            run(tmp_path / "cut", rows)
    assert Checkpoints(tmp_path / "cut/cohort/checkpoints", read_only=True).steps() == [25]
    cut = run(tmp_path / "cut", rows)
    for a, b in zip(whole, cut, strict=True):
        assert lines(a) == lines(b)
        one, two = (json.loads((f / "summary.json").read_text())["metrics"] for f in (a, b))
        assert one == two


def test_a_row_that_lost_its_folder_is_trained_again(tmp_path, plain, monkeypatch, caplog):
    """The cohort's checkpoint would go on without the lines up to it."""
    rows = configs()
    whole = run(tmp_path / "whole", rows)
    asked = iter([False, False, False, False, True])
    with monkeypatch.context() as patch:
        patch.setattr(stop, "requested", lambda: next(asked))
        with pytest.raises(PreemptedError):
            run(tmp_path / "cut", rows)
    shutil.rmtree(tmp_path / "cut" / "row_2")
    cut = run(tmp_path / "cut", rows)
    assert [lines(folder) for folder in cut] == [lines(folder) for folder in whole]
    assert "metrics.jsonl of row 2 holds 0 of 5 lines" in "".join(caplog.messages)
    shutil.rmtree(cut[1])  # and where all rows have ended
    run(tmp_path / "cut", rows)
    assert lines(cut[1]) == lines(whole[1])


def test_a_diverged_row_is_a_result_and_stays_one(tmp_path, plain):
    rows = configs(gen__optimizer="sgd")
    rows[1].gen.lr = 1e38
    folders = run(tmp_path, rows)
    said = [json.loads((f / "summary.json").read_text()) for f in folders]
    assert [s["status"] for s in said] == ["done", "diverged", "done", "done"]
    assert "was not finite in step" in said[1]["reason"]
    assert [s["labels"] for s in said] == [[], ["not finite"], [], []]
    calm = configs(gen__optimizer="sgd")
    for a, b in zip(folders, run(tmp_path / "calm", calm), strict=True):
        assert (lines(a) == lines(b)) == (a.name != "row_1")
    before = [(f / "summary.json").stat().st_mtime_ns for f in folders]
    run(tmp_path, rows)  # nothing is left to do
    assert [(f / "summary.json").stat().st_mtime_ns for f in folders] == before


def test_how_rows_are_run_is_chosen_once(tmp_path, plain, monkeypatch):
    rows = configs()
    monkeypatch.setattr(tune, "FEW_STEPS", 0)
    rates = {4: 1.0, 1: 9.0}
    monkeypatch.setattr(tune, "speeds", lambda ways, *args: {w: rates[w.chunk] for w in ways})
    run(tmp_path, rows)
    file = tmp_path / "cohort/how.json"
    said = json.loads(file.read_text())
    assert (said["chunk"], said["devices"], said["how"]) == (1, 1, "map")
    assert [m["row_steps_per_second"] for m in said["measured"]] == [1.0, 9.0]
    monkeypatch.setattr(tune, "speeds", None)  # a restart does not measure again
    assert tune.choose_how(file, rows, None, None) == tune.How(1, 1)


def test_chunks_and_devices_divide_the_rows(monkeypatch):
    assert tune.candidates(6) == [tune.How(6, 1), tune.How(1, 1)]
    monkeypatch.setattr(jax, "devices", lambda: [None] * 4)
    assert tune.candidates(96) == [tune.How(24, 4), tune.How(4, 4), tune.How(1, 4)]
    assert tune.candidates(9) == [tune.How(3, 3), tune.How(1, 3)]
    uneven = [tune.How(2, 4), tune.How(1, 4), tune.How(7, 1), tune.How(1, 1)]
    assert tune.candidates(7) == uneven
    assert tune.candidates(3) == [tune.How(1, 3)]
    monkeypatch.setattr(jax, "devices", lambda: [None] * 8)
    assert tune.candidates(17)[0] == tune.How(3, 6)  # two more would shorten nothing


UNEVEN = """
import jax, numpy as np
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_disable_most_optimizations", True)
import sys
sys.path.append("sweeps")
from test_train_rows import ORDER, assert_near, init_rows, jit_rows, jnp, make_train_rows, tiny

from gan_jax.place import place_rows
from gan_jax.sweeps.cohort import make_members
rows = make_members([tiny.config(data__name="ring", seed=seed) for seed in range(3)])
program = make_train_rows(rows.setup)
orders = jnp.broadcast_to(ORDER, (3, *ORDER.shape))
found = []
for devices in (1, 2):
    many = jit_rows(program, place_rows(jax.devices()[:devices]))
    states, numbers = init_rows(rows)
    for steps in (2, 1):
        states, metrics = many(states, (), orders, numbers, np.int32(steps))
    found.append(jax.device_get((states.replace(key=None), metrics)))
assert len(metrics["gen_loss"]) == 3
assert_near(*found, rtol=2e-4, atol=1e-6)
"""


def test_three_rows_on_two_devices_are_those_of_one():
    """In a process of its own: how many devices there are is said before the first program."""
    command = [sys.executable, "-W", "error", "-c", UNEVEN]
    done = subprocess.run(command, cwd=tiny.FOLDER, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
