"""Drifting: a drift that is at rest where both sides agree, and a game that nobody judges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gan_jax.config import hypers
from gan_jax.evaluate import make_evaluate, make_picture
from gan_jax.evaluate.diagnostics import Diagnosis, facts
from gan_jax.evaluate.signals import make_shown, make_signals
from gan_jax.evaluate.symptoms import NOT_BEGUN
from gan_jax.games import make_setup
from gan_jax.games.drifting import RADII, drift
from gan_jax.host.errors import ConfigError
from gan_jax.steps import init_state, make_train_step


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def points(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


@pytest.mark.parametrize("radius", [*RADII, 1.0])
def test_nothing_drifts_where_the_sides_agree(radius, x64):
    """Exactly for one set, at any place; in the mean for two draws of one distribution."""
    x, real = points(5, 2), points(7, 2, seed=1)
    np.testing.assert_allclose(drift(x, real, real[::-1], radius), 0, atol=1e-14)
    fake = points(7, 2, seed=2)
    there, back = drift(x, real, fake, radius), drift(x, fake, real, radius)
    np.testing.assert_allclose(there, -back)
    assert np.abs(there).max() > 0.1


def test_two_draws_of_one_distribution_drift_apart_ever_less(x64):
    def length(n):
        x, real, fake = points(20, 1, seed=1), points(n, 1, seed=2), points(n, 1, seed=3)
        return np.sqrt((drift(x, real, fake, 1.0) ** 2).mean())

    assert length(40_000) < length(400) / 4  # a tenth, by n^(-1/2)
    assert length(40_000) < 0.02


def test_a_sample_is_drawn_to_reals_and_pushed_from_other_fakes(x64):
    fake = jnp.asarray([[0.0, 0.0], [0.0, 1.0], [0.0, -3.0]])
    real = jnp.asarray([[1.0, 0.0], [-2.0, 0.0]])
    found = drift(fake, real, fake, 0.5, 1 - jnp.eye(3))[0]
    near, far = np.exp(-1 / 0.5), np.exp(-2 / 0.5)
    to_reals = np.asarray([near - 2 * far, 0]) / (near + far)
    other, last = np.exp(-1 / 0.5), np.exp(-3 / 0.5)
    np.testing.assert_allclose(found, to_reals - np.asarray([0, other - 3 * last]) / (other + last))


def config(**leaves):
    return tiny.config(game="drifting", data__name="ring", **leaves)


def test_gen_alone_is_a_player_and_regresses_to_where_its_samples_drift():
    c = config(gen__optimizer="sgd", gen__lr=0.1)
    setup, state = make_setup(c), init_state(c, jax.random.key(0))
    assert list(state.players) == ["gen"]
    batch = tiny.batch(c, (2,))
    after, metrics = jax.jit(make_train_step(c))(state, batch, hypers(c))
    key = jax.random.fold_in(state.key, 0)
    draw = jax.tree.map(lambda a: a[0], setup.game.draw(batch, jax.random.split(key, 1)))
    gen, net = state.players["gen"], setup.game.nets["gen"]
    fake = net.apply(gen.params, gen.vars, draw.z, key=None, train=False)[0]
    v = sum(drift(fake, draw.batch.x, fake, r, 1 - jnp.eye(8)) for r in RADII)
    np.testing.assert_allclose(metrics["gen_loss"], (v**2).sum(1).mean(), rtol=1e-4)

    def along(params):  # -2 V on each sample
        x = net.apply(params, gen.vars, draw.z, key=None, train=False)[0]
        return -2 * (v * x).sum(1).mean()

    slope = jax.grad(along)(gen.params)
    moved = jax.tree.map(lambda a, b: (a - b) / 0.1, gen.params, after.players["gen"].params)
    for a, b in zip(*map(jax.tree.leaves, (moved, slope)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("data", ["ring", "gaussian1d", "digits"])
def test_nothing_is_said_of_a_disc(data):
    c = config()
    c.data.name = data
    setup, state = make_setup(c), init_state(c, jax.random.key(0))
    said = make_signals(setup)(state, hypers(c), make_shown(setup, setup.examples()))
    assert set(said) == {f"watch/{name}" for name in ("gen_grad", "spread", "variety", "place")}
    told = Diagnosis(facts(c, setup.data)).add({"step": c.steps} | jax.tree.map(float, said))
    assert {finding.label for finding in told} <= {NOT_BEGUN}
    found = make_evaluate(setup)(state)
    assert found
    assert "eval/disc_gap" not in found
    assert make_picture(setup)(state) is not None


@pytest.mark.parametrize(
    ("leaves", "says"),
    [
        (
            {"penalty__name": "r1", "penalty__weight": 1.0},
            "has no disc: expected penalty.name 'none'",
        ),
        ({"dynamics__k_disc": 2}, "dynamics.k_disc 1"),
        ({"gen__top_k": 0.5}, "no place for gen.top_k"),
        ({"dynamics__name": "cgd"}, "two moves of different players"),
    ],
)
def test_what_needs_a_disc_is_refused(leaves, says):
    with pytest.raises(ConfigError, match=says):
        make_train_step(config(**leaves))
