"""Dynamics that look ahead through the other side's updates and differentiate through them."""

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gan_jax.dynamics.first_order import simultaneous
from gan_jax.dynamics.move import Params, StepResult, make_move
from gan_jax.types import Array, Draw, Game, Hypers, Notes, PyTree, State


def unrolled(
    game: Game, state: State, draws: Draw, h: Hypers, *, unroll_steps: int = 5
) -> StepResult:
    """gen minimises its loss against disc_K(gen), disc after K more updates. Metz et al. 2017.

    disc_0 = disc, disc_i+1 = disc_i + its optimiser's update on loss_disc(gen, disc_i) up to
    K = unroll_steps, all on one draw. gen's gradient flows through these updates. disc_K is then
    discarded, and disc takes its ordinary update against the old gen. K = 0 is simultaneous.
    In other games the second of the two moves looks ahead through the first.
    """
    first, last = game.moves
    tame = game._replace(optimizer=lambda name, h: _tamed(game.optimizer(name, h)))

    def ahead(play, draw: Draw, h: Hypers) -> tuple[Array, Notes]:
        there = _moved_to(state, play.params)
        # gen is the same in all K updates, so it takes one forward and one backward pass in all.
        draw = draw._replace(precomputed=game.precompute(play, draw))
        there, _ = lax.scan(
            lambda s, _: (make_move(tame, first, s, draw, h)[0], None), there, length=unroll_steps
        )
        w = {name: player.params for name, player in there.players.items()}
        return last.loss(game.play(game, last.players, w, there, draw), draw, h)

    moves = (first, last._replace(loss=ahead))
    return simultaneous(game._replace(moves=moves), state, draws, h)


def _moved_to(state: State, w: Params) -> State:
    players = {n: p.replace(params=w[n]) for n, p in state.players.items()}
    return state.replace(players=players)


def _tamed(optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    def update(v: PyTree, opt: PyTree, params: PyTree = None) -> tuple[PyTree, PyTree]:
        return optimizer.update(jax.tree.map(_no_nan_at_0, v), opt, params)

    return optax.GradientTransformation(optimizer.init, update)


@jax.custom_vjp
def _no_nan_at_0(v: Array) -> Array:
    """v itself, with 0 instead of NaN in its gradient. The square roots in Adam and RMSProp have
    infinite slope at 0, where a dead unit's v stays: 0 times infinity would be NaN."""
    return v


def _backward(v: Array, cotangent: Array) -> tuple[Array]:
    underflows = jnp.square(v) < 1e6 * jnp.finfo(v.dtype).tiny
    return (jnp.where(underflows & ~jnp.isfinite(cotangent), 0, cotangent),)


_no_nan_at_0.defvjp(lambda v: (v, v), _backward)
