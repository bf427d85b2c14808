"""The table of planted failures, at a small size: what it plants, and how it counts."""

from pathlib import Path

import jax
import numpy as np
import pytest

from gan_jax.diagnostics import NOT_FINITE, SYMPTOMS
from gan_jax.reproduce import planted
from gan_jax.reproduce.work import Size, Work, rounding


def test_every_label_that_a_plant_waits_for_can_be_given():
    wanted = {label for plant in planted.PLANTS.values() for label in plant.labels}
    assert wanted <= {*SYMPTOMS, NOT_FINITE}
    assert [name for name, p in planted.PLANTS.items() if not p.labels] == [
        name for name in planted.PLANTS if name.startswith("nothing: ")
    ]


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
    x = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3, 1)
    made = planted._shortcut(planted.data.Arrays(x, None)).x
    assert (made[:, 0, 0] == 3.0).all()
    np.testing.assert_allclose(made[:, 1:], x[:, 1:] / 127.5 - 1, atol=1e-6)
