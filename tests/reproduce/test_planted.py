"""The table of planted failures, at a small size: what it plants, and how it counts."""

from pathlib import Path

import jax
import numpy as np
import pytest

from gan_jax.data import open_data
from gan_jax.evaluate.diagnostics import NOT_FINITE, SYMPTOMS
from gan_jax.games import make_setup
from gan_jax.reproduce import planted
from gan_jax.reproduce.work import Size, Work, rounding


def test_every_label_that_a_plant_waits_for_can_be_given():
    wanted = {label for plant in planted.PLANTS.values() for label in plant.labels}
    assert wanted <= {*SYMPTOMS, NOT_FINITE}
    assert [name for name, p in planted.PLANTS.items() if not p.labels] == [
        name for name in planted.PLANTS if name.startswith(("nothing: ", "no R1 alone: "))
    ]


def test_what_a_plant_changes_besides_is_there_alone_too():
    alone = {p.differs: p for p in planted.PLANTS.values() if not p.labels}
    for plant in planted.PLANTS.values():
        assert alone[plant.differs].on_digits == plant.on_digits or not plant.differs
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "labels"), [("gen frozen", {"gen stands still"}), ("nothing: digits", set())]
)
def test_a_planted_failure_is_labelled_and_a_healthy_run_is_not(name, labels):
    with jax.debug_key_reuse(False):  # a false alarm under vmap
        row = planted.count(name, planted.PLANTS[name], Size(2, 600))
    assert labels <= set(row["labels"])
    assert bool(row["labels"]) == bool(labels)
    assert (row["labelled"], row["measured"]) == ((2, 1.0) if labels else (0, 0.0))


def test_a_pixel_out_of_reach_and_nothing_else():
    x = np.linspace(-1, 1, 2 * 3 * 3, dtype=np.float32).reshape(2, 3, 3, 1)
    made = planted._shortcut(x)
    assert (made[:, 0, 0] == 3.0).all()
    np.testing.assert_array_equal(made[:, 1:], x[:, 1:])


def test_reals_that_are_held_out_have_it_too():
    """Or a disc that goes by the pixel alone would seem to overfit."""
    config, plant = planted.digits(0, 200), planted.PLANTS["a pixel that gen cannot make"]
    arrays, shown = planted.reals(make_setup(config), open_data(config).examples(), plant)
    for x in (arrays.x, shown.real.x, shown.held_out.x):
        assert (x[:, 0, 0] == 3.0).all()
        assert abs(x[:, 1:]).max() <= 1
