"""gen.batch_factor: gen learns from more fakes than disc does."""

import jax
import numpy as np
import pytest
import tiny

from gan_jax.config import hypers
from gan_jax.data import open_data
from gan_jax.dynamics.step import draw_keys
from gan_jax.games import make_setup
from gan_jax.host.errors import ConfigError
from gan_jax.training.steps import init_state, make_train_step
from gan_jax.types import Batch

FACTOR = 3
LOSSES = {
    "hinge": (lambda x, g: np.maximum(1 - x, 0) + np.maximum(1 + g, 0), lambda x, g: -g),
    "rpgan": (lambda x, g: np.logaddexp(0, g - x), lambda x, g: np.logaddexp(0, x - g)),
}


def played(**leaves):
    """A step at rate 0 of each player, and all that goes into it."""
    c = tiny.config(gen__lr=0.0, disc__lr=0.0, gen__batch_factor=FACTOR, **leaves)
    setup = make_setup(c)
    state, batch = init_state(setup, jax.random.key(0)), tiny.batch(c, open_data(c).spec.shape)
    if setup.game.sampler.classes:
        batch = Batch(batch.x, jax.random.randint(jax.random.key(3), batch.x.shape[:2], 0, 10))
    keys = draw_keys(jax.random.fold_in(state.key, 0), setup.game)
    draw = jax.tree.map(lambda a: a[0], setup.game.draw(batch, keys))
    metrics = jax.jit(make_train_step(setup))(state, batch, hypers(c))[1]
    return c, setup.game, state, draw, metrics


def logits(game, state, draw):
    def of(name, x, label):
        player, net = state.players[name], game.nets[name]
        given = {"label": label} if "label" in net.takes else {}
        return net.apply(player.params, player.vars, x, None, train=False, **given)[0]

    fake = of("gen", draw.z, draw.label)
    return (
        np.asarray(of("disc", x, label))
        for x, label in ((draw.batch.x, draw.batch.label), (fake, draw.label))
    )


@pytest.mark.parametrize("objective", sorted(LOSSES))
@pytest.mark.parametrize("dynamics", ["alternating", "unrolled"])
def test_gen_meets_more_fakes_than_disc(objective, dynamics):
    """disc the first ones, a fake for each real; gen all, each beside a real."""
    leaves = {"dynamics__name": dynamics, "objective": objective}
    c, game, state, draw, metrics = played(**leaves)
    real_B, fake_B = logits(game, state, draw)
    n, (disc, gen) = c.batch_size, LOSSES[objective]
    assert (len(real_B), len(fake_B)) == (n, FACTOR * n)
    np.testing.assert_allclose(metrics["disc_loss"], disc(real_B, fake_B[:n]).mean(), rtol=1e-5)
    expected = gen(np.tile(real_B, FACTOR), fake_B).mean()
    np.testing.assert_allclose(metrics["gen_loss"], expected, rtol=1e-5)


@pytest.mark.parametrize("law", ["data", "uniform"])
def test_labels_of_more_fakes(law):
    """Those of reals again and again, or each its own; disc meets the first."""
    leaves = {"gen__condition": "concat", "disc__condition": "projection", "latent__labels": law}
    c, game, state, draw, metrics = played(data__name="digits", objective="hinge", **leaves)
    n = c.batch_size
    again = np.tile(draw.batch.label, FACTOR)
    assert np.array_equal(draw.label, again) == (law == "data")
    real_B, fake_B = logits(game, state, draw)
    disc, _ = LOSSES["hinge"]
    np.testing.assert_allclose(metrics["disc_loss"], disc(real_B, fake_B[:n]).mean(), rtol=1e-5)
    np.testing.assert_allclose(metrics["gen_loss"], -fake_B.mean(), rtol=1e-5, atol=1e-7)


def test_a_game_that_pairs_them_refuses():
    with pytest.raises(ConfigError, match=r"infogan.*gen.batch_factor, expected 1"):
        make_setup(tiny.config(game="infogan", gen__batch_factor=2))
