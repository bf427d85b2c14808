"""infogan and bigan: settings as published and as the experiments have them, numbers by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gan_jax.config import flatten
from gan_jax.config.leaves import LEAVES
from gan_jax.evaluate.evaluators.encoded import category_error
from gan_jax.games import make_setup
from gan_jax.reproduce import bigan, infogan
from gan_jax.reproduce.methods import HOW_OFTEN
from gan_jax.reproduce.training import Trained
from gan_jax.reproduce.work import Size, Work
from gan_jax.sweeps.cohort import init_rows, make_members, row
from gan_jax.training import experiment

BOTH = {"infogan": infogan, "bigan": bigan}
APART = {"data.name", "sample_every_steps", "ema.decay", "ema.warmup", *HOW_OFTEN}


@pytest.mark.parametrize("name", BOTH)
def test_settings_are_those_of_the_experiment_without_an_average(name):
    path = next(path for path in tiny.EXPERIMENTS if path.stem == f"mnist_{name}")
    theirs = flatten(tiny.experiment(path))
    ours = flatten(BOTH[name].settings("mnist5k", 0, BOTH[name].RECORDED.steps))
    assert {leaf for leaf in ours if ours[leaf] != theirs[leaf]} <= APART
    assert ours["ema.decay"] == 0
    assert set(LEAVES) - set(ours) <= {path for path in LEAVES if path.endswith("args")} | {
        "penalties"
    }
    for seed in (0, 3):
        experiment.check(BOTH[name].settings("mnist5k", seed, 50))


def small(name, seeds):
    """Configs of a table's settings on digits of 8x8, and their states before a step."""
    configs = []
    for seed in range(seeds):
        c = BOTH[name].settings("digits", seed, 50)
        if name == "infogan":
            c.gen.args.channels, c.disc.args.channels = (4,), (4,)
            c.gen.args.dense = c.disc.args.dense = 6
        else:
            c.gen.args.hidden = c.disc.args.hidden = (12, 10)
        configs.append(c)
    with jax.debug_key_reuse(False):  # a false alarm under vmap
        return configs, init_rows(make_members(configs))[0]


def one(states, i):
    with jax.debug_key_reuse(False):
        return row(states, i)


def test_the_categorys_error_is_that_of_each_seed():
    configs, states = small("infogan", 2)
    with jax.debug_key_reuse(False):
        found = infogan.measure(configs[0], states, 2)
    setup = make_setup(configs[0])
    held = setup.data.test()
    x = setup.data.to_range(jnp.asarray(held.x))
    for i in range(2):
        state = one(states, i)
        logits = np.asarray(setup.game.encoders["category"](state, x))
        assert found[i] == pytest.approx(category_error(logits, held.label), abs=0.01)
    assert found[0] != found[1]


def test_bigans_numbers_by_brute_force():
    configs, states = small("bigan", 1)
    setup, state = make_setup(configs[0]), one(states, 0)
    accuracy, distance = bigan.numbers_of(setup, state, 40)
    train, held = setup.data.examples(), setup.data.test()
    near, far = (
        np.asarray(setup.game.encoders["features"](state, setup.data.to_range(jnp.asarray(x))))
        for x in (train.x, held.x[:40])
    )
    which = np.square(far[:, None] - near[None]).sum(-1).argmin(1)
    assert accuracy == pytest.approx(100 * (train.label[which] == held.label[:40]).mean(), abs=3)
    # a gen that has not been trained is grey: so far from the nearest digit, at most
    assert 0 < distance < np.sqrt(64 * 0.25) + 0.5
    assert bigan.measure(setup, False, states.replace(step=jnp.asarray([17]))) == [None]


def test_bigans_rows_are_of_its_epochs(tmp_path, monkeypatch):
    """With 25 epochs of 200: those after them, and looks at other steps, leave no number."""
    configs, states = small("bigan", 2)
    looks = [
        [(234, None), (468, [90.0 + i, 7.0]), (936, None), (11_700, [95.0 + i, 5.0])]
        for i in range(2)
    ]
    monkeypatch.setattr(bigan, "train", lambda *a: Trained(states, looks))
    monkeypatch.setattr(bigan, "numbers_of", lambda *a: [96.0, 13.0])
    with jax.debug_key_reuse(False):
        rows = bigan.train_rows(Work(tmp_path, size=Size(2, 11_700)), configs)
    found = {row["name"]: (row["measured"], row["verdict"]) for row in rows}
    assert found == {
        "epoch 0: 1-NN accuracy, %": (96.0, "not reproduced"),
        "epoch 0: distance of samples to the nearest real": (13.0, "not reproduced"),
        "epoch 1: 1-NN accuracy, %": (90.5, "not reproduced"),
        "epoch 1: distance of samples to the nearest real": (7.0, "not reproduced"),
        "epoch 25: 1-NN accuracy, %": (95.5, "reproduced"),
        "epoch 25: distance of samples to the nearest real": (5.0, "not reproduced"),
        "epoch 200: 1-NN accuracy, %": (None, "not measured: published only"),
        "epoch 200: distance of samples to the nearest real": (
            None,
            "not measured: published only",
        ),
    }
    assert rows[0]["published"] == 96.84
    assert rows[-1]["published"] == 4.33
