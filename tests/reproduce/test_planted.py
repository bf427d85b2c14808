"""The table of planted failures, at a small size: what it plants, and how it counts."""

from pathlib import Path

import jax
import numpy as np
import pytest

from gan_jax.data import open_data
from gan_jax.evaluate.diagnostics import NOT_FINITE
from gan_jax.evaluate.symptoms import NOT_BEGUN, SYMPTOMS
from gan_jax.games import make_setup
from gan_jax.reproduce import planted, planted_runs
from gan_jax.reproduce.work import Size, Work, rounding
from gan_jax.sweeps.cohort import init_rows, make_members


def test_every_label_that_a_plant_waits_for_can_be_given():
    wanted = {label for plant in planted.PLANTS.values() for label in plant.labels}
    assert wanted <= {*SYMPTOMS, NOT_FINITE, NOT_BEGUN}
    assert [name for name, p in planted.PLANTS.items() if not p.labels] == [
        name for name in planted.PLANTS if name.startswith(("nothing: ", "no R1 alone: "))
    ]


def test_what_a_plant_changes_besides_is_there_alone_too():
    alone = {p.differs: p for p in planted.PLANTS.values() if not p.labels}
    for plant in planted.PLANTS.values():
        assert alone[plant.differs].of == plant.of or not plant.differs
        assert alone[plant.differs].leaves == plant.leaves or not plant.differs
    kinds = {planted.verdict(name, plant) for name, plant in planted.PLANTS.items()}
    assert kinds == {"planted", "healthy", "control"}


def test_rows_come_one_by_one_and_say_how_they_trained(monkeypatch):
    trained = []
    monkeypatch.setattr(planted, "watch", lambda configs, plant: trained.append(plant) or [])
    monkeypatch.setattr(planted.np, "mean", len)
    rows = planted.run(Work(Path("."), size=Size(1, 100, "bfloat16")))
    assert next(rows)["differs"] == rounding("bfloat16")
    assert len(trained) == 1


def test_there_are_enough_runs_and_data_that_nothing_was_fixed_on():
    seeds = planted.RECORDED.seeds
    kinds = [planted.verdict(name, plant) for name, plant in planted.PLANTS.items()]
    assert min(seeds * kinds.count(kind) for kind in ("planted", "healthy")) >= 60
    for kind in (True, False):
        new = [p for name, p in planted.PLANTS.items() if "new data" in name]
        assert any(bool(plant.labels) == kind for plant in new)
    old = {p.of for name, p in planted.PLANTS.items() if "new data" not in name}
    assert not old & {plant.of for plant in new}
    assert planted.FIRST_SEED == 24


def test_a_run_that_was_stopped_young_may_be_called_nothing_else():
    stopped = planted.Plant((NOT_BEGUN,), alone=True)
    assert planted.is_labelled([NOT_BEGUN], stopped)
    assert not planted.is_labelled([NOT_BEGUN, "mode collapse"], stopped)
    assert not planted.is_labelled([], stopped)
    assert planted.is_labelled(["oscillation"], planted.Plant(()))
    assert not planted.is_labelled([], planted.Plant(()))


def test_the_last_rows_count_all():
    row = {"seeds": 3, "counted": 2, "labelled": 1, "labels": {"a": 1}, "differs": ["x"]}
    whole = planted.in_all("planted", [row, row | {"labelled": 2, "labels": {"a": 2, "b": 1}}])
    assert (whole["labelled"], whole["counted"], whole["measured"]) == (3, 4, 0.75)
    assert (whole["seeds"], whole["failed"]) == (6, None)
    assert (whole["labels"], whole["differs"]) == ({"a": 3, "b": 1}, ["x"])


def test_planted_failures_count_if_they_failed_and_healthy_runs_if_not(monkeypatch):
    """Of which it is unknown, all count."""
    each = ([], True), (["a"], False), (["a"], True), ([], False)
    runs = [planted.Outcome(*one) for one in each]
    monkeypatch.setattr(planted, "watch", lambda configs, plant: runs)
    facts = "counted", "labelled", "failed", "seeds"
    for name, labels, expected in (
        ("gen frozen", ("a",), (3, 2, 2, 4)),  # a failure that passed was one
        ("nothing: ring, lsgan", (), (2, 1, 2, 4)),
        ("no R1 alone: digits", (), (4, 2, 2, 4)),
    ):
        row = planted.count(name, planted.Plant(labels), Size(4, 10))
        assert tuple(row[fact] for fact in facts) == expected
    runs[:] = [planted.Outcome(["a"], None)] * 3
    row = planted.count("gen frozen", planted.Plant(("a",)), Size(3, 10))
    assert tuple(row[fact] for fact in facts) == (3, 3, None, 3)


def test_a_run_has_failed_if_its_samples_are_far_from_the_data(monkeypatch):
    members = make_members([planted_runs.ring(seed, 10) for seed in range(3)])
    real = np.asarray(members.setup.data.synthetic.sample(jax.random.key(2), 2_000))
    fakes = np.stack([real, real * 0.1, np.where(real > 0, np.nan, real)])
    monkeypatch.setattr(planted, "samples", lambda config, states, n: fakes)
    with jax.debug_key_reuse(False):  # a false alarm under vmap
        states = init_rows(members)[0]
    assert planted.have_failed(members, states) == [False, True, True]
    images = make_members([planted_runs.digits(0, 10)])
    assert planted.have_failed(images, states) == [None]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "labels"), [("gen frozen", {"gen stands still"}), ("nothing: digits", set())]
)
def test_a_planted_failure_is_labelled_and_a_healthy_run_is_not(name, labels):
    with jax.debug_key_reuse(False):  # a false alarm under vmap
        row = planted.count(name, planted.PLANTS[name], Size(2, 1_100))  # no longer young
    assert labels <= set(row["labels"])
    assert bool(row["labels"]) == bool(labels)
    assert (row["labelled"], row["measured"]) == ((2, 1.0) if labels else (0, 0.0))


def test_a_pixel_out_of_reach_and_nothing_else():
    x = np.linspace(-1, 1, 2 * 3 * 3, dtype=np.float32).reshape(2, 3, 3, 1)
    made = planted_runs.shortcut(x)
    assert (made[:, 0, 0] == 3.0).all()
    np.testing.assert_array_equal(made[:, 1:], x[:, 1:])


def test_reals_that_are_held_out_have_it_too():
    """Or a disc that goes by the pixel alone would seem to overfit."""
    config, plant = planted_runs.digits(0, 200), planted.PLANTS["a pixel that gen cannot make"]
    arrays, shown = planted.reals(make_setup(config), open_data(config).examples(), plant)
    for x in (arrays.x, shown.real.x, shown.held_out.x):
        assert (x[:, 0, 0] == 3.0).all()
        assert abs(x[:, 1:]).max() <= 1
