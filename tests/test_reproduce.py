import json

import jax
import numpy as np
import pytest
import tiny

from gan_jax import experiment, reproduce
from gan_jax.config import flatten
from gan_jax.data import grid
from gan_jax.report import readme
from gan_jax.reproduce import gaussian1d, r3gan_lazy

KEYS = {"name", "published", "published_error", "measured", "standard_error", "seeds", "differs"}


def test_the_tables_settings_are_the_experiments(tmp_path):
    path = next(p for p in tiny.EXPERIMENTS if p.stem == "gaussian1d")
    theirs, ours = flatten(tiny.experiment(path)), flatten(gaussian1d.settings("moments", 0, 5000))
    how_often = {k for k in ours if k.endswith("_every_steps")} | {"eval_samples"}
    assert {k for k in ours if ours[k] != theirs[k]} <= how_often


def test_seeds_are_summarised_by_hand():
    found = {
        "mean": np.asarray([4.05, 3.8]),
        "std": np.asarray([1.2, 1.25]),
        "ks": np.asarray([0.1, 0.3]),
    }
    rows = {r["name"]: r["measured"] for r in gaussian1d.rows("v", found)}
    assert rows["v: median abs(mean - 4)"] == pytest.approx(0.125)
    assert rows["v: median KS distance"] == pytest.approx(0.2)
    assert rows["v: share of seeds within 0.1 of both"] == 0.5


@pytest.mark.slow
def test_a_table_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(gaussian1d, "VIEWS", {"raw": "sample"})
    small = gaussian1d.settings
    monkeypatch.setattr(gaussian1d, "settings", lambda *a: _small(small(*a)))
    with jax.debug_key_reuse(False):  # a false alarm under vmap
        text = reproduce.reproduce("gaussian1d", tmp_path, quick=True)
    table = json.loads((tmp_path / "table.json").read_text())
    assert {"name", "command", "versions", "hardware", "seconds", "rows"} == set(table)
    assert set(table["rows"][0]) >= KEYS
    assert (tmp_path / "table.md").read_text() == text


def _small(config):
    config.batch_size, config.steps, config.log_every_steps = 10, 4, 3
    config.dynamics.k_disc = config.dynamics.k_gen = 2
    return config


def test_the_readme_says_what_the_results_say():
    text = (readme.ROOT / "README.md").read_text()
    assert readme.render(text) == text
    assert set(readme.TABLES) == {match[1] for match in readme.BLOCK.findall(text)}


def test_lazy_rows_differ_in_laziness_alone():
    one, other = (flatten(r3gan_lazy.settings("rpgan", every, 3, 100)) for every in (1, 8))
    assert {k for k in one if one[k] != other[k]} == {"penalty.every_steps"}
    experiment.check(r3gan_lazy.settings("rpgan", 8, 3, 100))


def test_modes_are_counted_over_seeds_by_hand():
    centres = np.asarray(grid.centres(spacing=2.0), np.float64)
    whole = np.tile(centres, (4, 1))
    half = np.where(np.arange(100)[:, None] < 50, centres[:1], centres[0] + 0.5)
    row = r3gan_lazy._row("name", np.stack([whole, half]))
    assert row["each"] == [25, 1]
    assert row["measured"] == 13
    assert row["standard_error"] == pytest.approx(12)
    assert row["high_quality"] == pytest.approx(0.75)
