"""Batch norm's statistics: of each side's batch, running, averaged and standing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gan_jax import evaluate
from gan_jax.config import hypers
from gan_jax.games import make_setup
from gan_jax.games.play import Play, averaged
from gan_jax.games.play.standing import STATISTICS
from gan_jax.host.errors import ConfigError
from gan_jax.training.steps import init_state, make_train_step
from gan_jax.types import Draw


def begun(steps=3, **leaves):
    c = tiny.config(gen__args__batch_norm=True, **leaves)
    setup = make_setup(c)
    state = init_state(setup, jax.random.key(0))
    step = jax.jit(make_train_step(setup))
    for seed in range(steps):
        state = step(state, tiny.batch(c, seed=seed), hypers(c))[0]
    return setup, state


@pytest.mark.parametrize("decay", [0.9, 0.0])
def test_standing_statistics_are_those_of_the_weights_that_are_sampled(decay):
    """With so many batches those of the population, whatever the running averages were."""
    leaves = {"ema__decay": decay, "ema__warmup": False, "gen__lr": 0.3}
    setup, state = begun(ema__standing_batches=400, **leaves)
    settled = setup.settled(state)
    params, vars = averaged(settled, "gen")
    before = averaged(state, "gen")
    assert all(jax.tree.leaves(jax.tree.map(lambda a, b: (a == b).all(), params, before[0])))
    norm = vars[STATISTICS]["Stack_0"]["norm_0"]["norm"]
    z = jax.random.normal(jax.random.key(7), (400 * 8, setup.config.latent.dim))
    h = z @ params["Stack_0"]["dense_0"]["linear"]["kernel"]
    np.testing.assert_allclose(norm["mean"], h.mean(0), atol=4 * float(h.std()) / 400**0.5 / 8**0.5)
    expected = h.var(0) * 7 / 8  # that of a batch of 8, on average
    np.testing.assert_allclose(norm["var"], expected, rtol=0.15)
    running = before[1][STATISTICS]["Stack_0"]["norm_0"]["norm"]
    assert not np.allclose(running["var"], expected, rtol=0.15)
    again = averaged(setup.settled(settled), "gen")[1]
    assert all(jax.tree.leaves(jax.tree.map(lambda a, b: (a == b).all(), vars, again)))


def test_what_is_evaluated_and_shown_is_settled():
    """Whatever the averages of the statistics are: here they are lost."""
    setup, state = begun(1, ema__standing_batches=2)
    average = state.averages["gen"]
    nothing = jax.tree.map(lambda s: s * jnp.nan, average[STATISTICS])
    lost = state.replace(averages={"gen": average | {STATISTICS: nothing}})
    made, picture = evaluate.make_evaluate(setup, ["line"]), evaluate.make_picture(setup)
    assert made(lost) == made(state)
    assert np.array_equal(picture(lost), picture(state))


def test_they_are_refused_where_there_are_none():
    with pytest.raises(ConfigError, match=r"disc\.one_batch .* has none: expected False"):
        make_setup(tiny.config(disc__one_batch=True))
    with pytest.raises(ConfigError, match=r"ema\.standing_batches is 2, and gen has no batch norm"):
        make_setup(tiny.config(ema__standing_batches=2))


@pytest.mark.parametrize("one_batch", [False, True])
def test_reals_and_fakes_have_statistics_of_their_own_in_disc_or_those_of_both(one_batch):
    """Of their own: what disc says of a real is not changed by the fakes beside it."""
    c = tiny.config(data__name="digits", disc__net="dcgan", gen__lr=0.0, disc__one_batch=one_batch)
    c.disc.args = {"channels": (2, 2), "batch_norm": True}
    setup = make_setup(c)
    state = init_state(setup, jax.random.key(0))
    batch, step = tiny.batch(c, (8, 8, 1)), jax.jit(make_train_step(setup))
    params = state.players["gen"].params
    louder = state.with_player("gen", params=jax.tree.map(lambda w: 3 * w, params))
    found = [step(each, batch, hypers(c))[1] for each in (state, louder)]
    said = [float(metrics["d_real"]) for metrics in found]
    assert (said[0] == pytest.approx(said[1], rel=1e-6)) != one_batch
    assert not np.allclose(found[0]["d_fake"], found[1]["d_fake"], rtol=1e-4)


def test_one_batch_is_that_of_gens_loss_too():
    """Here the mean of both, 2, is taken from reals, 1, and from fakes, 3."""
    setup = make_setup(tiny.config())
    game, state = setup.game, init_state(setup, jax.random.key(0))
    mixing = game.nets["disc"]._replace(
        apply=lambda params, vars, x, key, train: ((x - x.mean()).sum(-1), vars),
        rows_are_independent=False,
        one_batch=True,
        takes=frozenset(),
    )
    game = game._replace(nets=game.nets | {"disc": mixing})
    draw = Draw(None, None, jax.random.key(0))
    for moving in (("disc",), ("gen",)):
        play = Play(game, moving, {"disc": {}}, state, draw)
        real_B, fake_B = play.pair("disc", jnp.ones((2, 1)), 3 * jnp.ones((2, 1)), (0, 1))
        assert [*real_B, *fake_B] == [-1, -1, 1, 1]
