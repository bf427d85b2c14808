"""cgan2014: settings and sizes as published; which look is the number, and when there is none."""

import jax
import numpy as np
import pytest
import tiny

from gan_jax.config import flatten
from gan_jax.games import make_setup
from gan_jax.reproduce import cgan2014
from gan_jax.reproduce.methods import HOW_OFTEN
from gan_jax.reproduce.training import Trained
from gan_jax.reproduce.work import Size, Work
from gan_jax.training.steps import init_state


def test_settings_are_those_of_the_experiment():
    path = next(path for path in tiny.EXPERIMENTS if path.stem == "cgan2014")
    theirs, ours = flatten(tiny.experiment(path)), flatten(cgan2014.settings(0, 50_000))
    apart = {leaf for leaf in ours if ours[leaf] != theirs[leaf]}
    assert apart <= {"data.name", "data.split", "grid_samples", *HOW_OFTEN}
    assert ours["data.split"] == "train[:50000]"
    assert ours["steps"] == theirs["steps"]


def test_the_networks_have_the_published_sizes():
    c = cgan2014.settings(0, 10)
    c.data.name, c.data.split = "mnist5k", "train"
    state = jax.eval_shape(lambda: init_state(make_setup(c), jax.random.key(0)))
    sizes = {
        name: sum(leaf.size for leaf in jax.tree.leaves(player.params))
        for name, player in state.players.items()
    }
    assert sizes == {"gen": 2_413_984, "disc": 1_224_351}


RISES = [[1.0, 0.2, 2.0], [3.0, 0.2, 4.0], [5.0, 0.1, 6.0]]
FALLS = [[1.0, 0.2, 2.0], [8.0, 0.2, 9.0], [5.0, 0.1, 6.0]]


@pytest.mark.parametrize(
    ("seeds", "verdict", "measured", "last"),
    [
        ([RISES, RISES], "not comparable: validation still rises", 6.0, 6.0),
        ([FALLS, RISES], "not reproduced", 7.5, 6.0),
        ([FALLS, [None, None, None]], "not comparable: 1 of 2 seeds", 9.0, 6.0),
    ],
)
def test_the_number_is_of_the_best_look_by_validation(
    tmp_path, monkeypatch, seeds, verdict, measured, last
):
    looks = [[(500 * i, look) for i, look in enumerate(of_seed)] for of_seed in seeds]
    monkeypatch.setattr(cgan2014, "train", lambda *a: Trained({}, looks))
    monkeypatch.setattr(cgan2014, "refused", lambda states: [])
    work = Work(tmp_path, size=Size(2, 1_000))
    configs = [cgan2014.settings(seed, 1_000) for seed in range(2)]
    best, end = cgan2014.our_rows(work, configs, None)
    assert (best["measured"], end["measured"]) == (measured, last)
    assert best["verdict"].startswith(verdict)
    assert best["published"] == 132
    assert np.isfinite(best["each"][0])
