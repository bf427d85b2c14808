"""How rows are run is measured: the rate, the choice, its words, by a clock that does as told."""

import json

import jax
import jax.numpy as jnp
import pytest
import tiny

from gan_jax.host.errors import DataCorruptError
from gan_jax.sweeps import tune
from gan_jax.sweeps.cohort import init_rows, make_members
from gan_jax.sweeps.tune import How

ROWS = 32


@pytest.fixture
def rows(monkeypatch):
    """32 configs; a chunk of c rows takes c + 2 hundredths of a second a step, a call a tenth."""
    clock = [0.0]

    def jit_rows(chunk, place):
        def many(states, examples, order, hypers, steps):
            each = 0.01 * (ROWS // chunk) * (chunk + 2 if chunk > 4 else 9)
            clock[0] += 0.1 + int(steps) * each
            return states["w"] * 1

        return many

    monkeypatch.setattr(tune, "make_train_rows", lambda setup, chunk: chunk)
    monkeypatch.setattr(tune, "jit_rows", jit_rows)
    monkeypatch.setattr(tune.time, "perf_counter", lambda: clock[0])
    return make_members(
        [tiny.config(data__name="ring", seed=seed, log_every_steps=50) for seed in range(ROWS)]
    )


STATES = {"w": jnp.zeros(1)}


def test_the_rate_is_that_of_all_rows_over_its_share_of_a_second(rows, monkeypatch):
    """One step takes 0.44 or 0.46 s with the call, so two are timed where 0.92 s are to be."""
    monkeypatch.setattr(tune, "SECONDS", 0.92)
    found = tune.speeds([How(32, 1), How(16, 1)], rows, STATES, None)
    assert found[How(32, 1)] == pytest.approx(64 / 0.78)
    assert found[How(16, 1)] == pytest.approx(64 / 0.82)


def test_rows_on_examples_are_timed():
    """By the real program and the real clock."""
    members = make_members([tiny.config(data__name="digits", seed=seed) for seed in (0, 1)])
    ways, arrays = tune.candidates(2), members.setup.examples()
    with jax.debug_key_reuse(False):  # each way starts from the same states
        found = tune.speeds(ways, members, init_rows(members)[0], arrays)
    assert {*found} == {*ways}
    assert min(found.values()) > 0


def test_a_moment_of_another_load_decides_nothing(rows, monkeypatch):
    """Each way in turn: the load falls on one way, or on one round, and on none for good."""
    calls = []

    def timed(how, members, states, arrays):
        def seconds(steps):
            calls.append(how)
            return (0.2 if how.chunk == 32 else 0.3) + 9.0 * (5 <= len(calls) <= 5 + 1)

        return seconds

    monkeypatch.setattr(tune, "_timed", timed)
    found = tune.speeds([How(32, 1), How(16, 1)], rows, STATES, None)
    assert found[How(32, 1)] == pytest.approx(64 / 0.2)
    assert found[How(16, 1)] == pytest.approx(32 / 0.3)
    assert calls[4:] == [How(32, 1), How(16, 1)] * 3


def test_no_way_is_tried_twice():
    assert tune.candidates(16) == [How(16, 1), How(4, 1), How(1, 1)]
    assert tune.candidates(1) == [How(1, 1)]


def test_rows_with_image_networks_are_taken_in_turn_on_cpus(monkeypatch):
    kernels = {"kernel": jnp.zeros((16, 4, 4, 3, 8))}
    assert tune.sensible(16, STATES) == tune.candidates(16)
    assert tune.sensible(16, kernels) == [How(1, 1)]
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert tune.sensible(16, kernels) == tune.candidates(16)


def test_the_fastest_is_written_down(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(tune, "FEW_STEPS", ROWS * rows.setup.config.steps)
    file = tmp_path / "how.json"
    assert tune.choose_how(file, rows, STATES, None) == How(32, 1)
    said = json.loads(file.read_text())
    assert said["how"] == "vmap"
    assert [way["chunk"] for way in said["measured"]] == [32, 16, 4, 1]
    file.unlink()
    monkeypatch.setattr(tune, "FEW_STEPS", ROWS * rows.setup.config.steps + 1)
    monkeypatch.setattr(tune, "speeds", None)  # for so few steps nothing is measured
    assert tune.choose_how(file, rows, STATES, None) == How(32, 1)
    assert json.loads(file.read_text())["measured"] == []


@pytest.mark.parametrize(("chunk", "taken"), [(1, 1), (4, 4), (5, 4), (31, 16), (32, 32), (99, 32)])
def test_a_chunk_that_is_asked_for_is_taken_without_a_measurement(
    chunk, taken, rows, tmp_path, monkeypatch
):
    monkeypatch.setattr(tune, "FEW_STEPS", 1)
    monkeypatch.setattr(tune, "speeds", None)
    file = tmp_path / "how.json"
    assert tune.choose_how(file, rows, STATES, None, chunk) == How(taken, 1)
    assert json.loads(file.read_text())["measured"] == []
    assert tune.choose_how(file, rows, STATES, None, 2) == How(taken, 1)  # what was begun stays


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"[" * 100_000, b'{"chunk": "4"}'])
def test_a_damaged_choice_is_not_silently_made_anew(content, rows, tmp_path):
    (tmp_path / "how.json").write_bytes(content)
    with pytest.raises(DataCorruptError, match=r"how.json cannot be read .*: put a copy back, or"):
        tune.choose_how(tmp_path / "how.json", rows, STATES, None)


def test_the_way_in_words():
    ways = [How(32, 1), How(1, 1), How(4, 1), How(16, 2), How(4, 2)]
    assert [tune._in_words(how, 32) for how in ways] == [
        "vmap",
        "map",
        "map over chunks of 4",
        "vmap on 2 devices",
        "map over chunks of 4 on 2 devices",
    ]
