"""Who moves at which step, against which opponent, on which fakes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tiny

from gan_jax.config import hypers
from gan_jax.dynamics import DYNAMICS, Draw, Game, alternating, simultaneous
from gan_jax.game import update
from gan_jax.steps import init_state, make_train_step
from gan_jax.types import GanState, Player

RATE = 0.1
LR = optax.sgd(RATE)


def dirac(theta=1.0, psi=-1.0):
    """The wgan Dirac game plus the data: disc -psi (x - theta), gen -psi theta; draws shift x."""

    def disc_loss(params, state, draw):
        return (params.disc * (params.gen - draw.real)).sum(), ((), {"disc_loss": params.disc[0]})

    def gen_loss(params, state, draw):
        return -(params.disc * params.gen).sum(), ((), {"gen_loss": params.gen[0]})

    move = functools.partial(update, LR)
    players = [Player(jnp.asarray([w]), (), LR.init(jnp.asarray([w]))) for w in (theta, psi)]
    state = GanState(jnp.zeros((), int), jax.random.key(0), *players, None, {})
    return Game(disc_loss, gen_loss, move, move), state


def draws(*reals):
    return Draw(jnp.asarray(reals)[:, None], jax.random.split(jax.random.key(1), len(reals)))


def test_simultaneous_moves_both_from_the_old_parameters():
    game, state = dirac()
    after, _ = simultaneous(game, state, draws(0.0))
    assert after.disc.params[0] == pytest.approx(-1 - RATE * 1)
    assert after.gen.params[0] == pytest.approx(1 + RATE * -1)


def test_alternating_lets_gen_answer_the_new_disc():
    game, state = dirac()
    after, _ = alternating(game, state, draws(0.0))
    assert after.disc.params[0] == pytest.approx(-1.1)
    assert after.gen.params[0] == pytest.approx(1 + RATE * -1.1)


@pytest.mark.parametrize("k_disc", [1, 2, 3])
@pytest.mark.parametrize("k_gen", [1, 2, 3])
def test_the_truth_table_of_who_moves(k_disc, k_gen):
    """By hand: disc on the next draw each time, against one gen; then gen against that disc."""
    game, state = dirac()
    reals = [0.3, -0.2, 0.7][:k_disc]
    after, metrics = alternating(game, state, draws(*reals), k_disc=k_disc, k_gen=k_gen)
    theta, psi, seen_psi, seen_theta = 1.0, -1.0, [], []
    for x in reals:
        seen_psi.append(psi)
        psi -= RATE * (theta - x)
    for _ in range(k_gen):
        seen_theta.append(theta)
        theta += RATE * psi
    assert after.disc.params[0] == pytest.approx(psi)
    assert after.gen.params[0] == pytest.approx(theta)
    assert metrics["disc_loss"] == pytest.approx(np.mean(seen_psi))
    assert metrics["gen_loss"] == pytest.approx(np.mean(seen_theta))


@pytest.mark.parametrize("name", sorted(DYNAMICS))
def test_a_frozen_player_stays_bit_for_bit(name):
    """With one player's rate at 0 only the other moves: no gradient leaks across."""
    config = tiny.config(dynamics__name=name)
    state = init_state(config, jax.random.key(0))
    step = jax.jit(make_train_step(config))
    for frozen, moving in (("gen", "disc"), ("disc", "gen")):
        numbers = hypers(config)
        numbers = numbers.replace(**{frozen: getattr(numbers, frozen) | {"lr": jnp.zeros(())}})
        after, _ = step(state, tiny.batch(config), numbers)
        same = [
            np.array_equal(a, b)
            for a, b in zip(
                jax.tree.leaves(getattr(state, frozen).params),
                jax.tree.leaves(getattr(after, frozen).params),
                strict=True,
            )
        ]
        moved = [
            not np.array_equal(a, b)
            for a, b in zip(
                jax.tree.leaves(getattr(state, moving).params),
                jax.tree.leaves(getattr(after, moving).params),
                strict=True,
            )
        ]
        assert all(same)
        assert all(moved)
