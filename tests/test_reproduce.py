import json

import jax
import numpy as np
import pytest
import tiny

from gan_jax import reproduce
from gan_jax.config import flatten
from gan_jax.report import readme
from gan_jax.reproduce import gaussian1d

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


def test_rows_of_a_cohort_are_rows_alone():
    from gan_jax.cohort import init_rows, make_train_rows
    from gan_jax.config import hypers
    from gan_jax.data import pipeline
    from gan_jax.steps import init_state, make_train_many

    configs = [tiny.config(seed=s, gen__lr=lr) for s, lr in ((0, 1e-3), (1, 1e-2))]
    source = pipeline.make_source(configs[0], None)
    examples, order = source(None, 0)
    alone = []
    for c in configs:
        state = init_state(c, jax.random.key(c.seed))
        many = jax.jit(make_train_many(c))
        alone.append(many(state, examples, order, hypers(c), np.int32(5))[1]["gen_loss"])
    with jax.debug_key_reuse(False):  # a false alarm under vmap
        states, numbers = init_rows(configs)
        orders = np.broadcast_to(order, (2, *order.shape))
        rows = jax.jit(make_train_rows(configs[0]))
        together = rows(states, examples, orders, numbers, np.int32(5))[1]["gen_loss"]
    np.testing.assert_allclose(together, alone, rtol=1e-5)
