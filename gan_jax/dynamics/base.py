"""The vocabulary of dynamics: what a game is, its gradients, one update of one player."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.types import Array, GanState, Player, PyTree

Metrics = dict[str, Array]
Step = tuple[GanState, Metrics]


class Draw(NamedTuple):
    """What one update of one player sees besides the parameters."""

    real: Array  # [B, ...]; [K, B, ...] for the draws of a step
    z: Array  # [B, Z], drawn once for both players: the compiler then makes its fakes once
    key: Array  # of dropout, noise, penalties
    fakes: tuple[Array, PyTree] | None = None  # of z, and gen's new vars; None: not made yet


class Params(NamedTuple):
    """Both players' parameters: what both losses are functions of."""

    gen: PyTree
    disc: PyTree


class Game(NamedTuple):
    """Two players with everything bound but what moves.

    disc_loss, gen_loss: (params, state, draw) -> (scalar, (vars of that player, metrics)).
    make_fakes: (params, state, draw) -> what draw.fakes holds; both losses take those of the draw.
    disc_update, gen_update: (player, gradient, new vars) -> player.
    """

    disc_loss: Callable[[Params, GanState, Draw], tuple[Array, tuple[PyTree, Metrics]]]
    gen_loss: Callable[[Params, GanState, Draw], tuple[Array, tuple[PyTree, Metrics]]]
    make_fakes: Callable[[Params, GanState, Draw], tuple[Array, PyTree]]
    disc_update: Callable[[Player, PyTree, PyTree], Player]
    gen_update: Callable[[Player, PyTree, PyTree], Player]


def move_disc(game: Game, state: GanState, draw: Draw) -> Step:
    """One update of disc; gen stays bit for bit as it is."""
    (_, (vars, metrics)), grads = jax.value_and_grad(
        lambda disc: game.disc_loss(Params(state.gen.params, disc), state, draw), has_aux=True
    )(state.disc.params)
    return state.replace(disc=game.disc_update(state.disc, grads, vars)), metrics


def move_gen(game: Game, state: GanState, draw: Draw) -> Step:
    """One update of gen; disc stays bit for bit as it is."""
    (_, (vars, metrics)), grads = jax.value_and_grad(
        lambda gen: game.gen_loss(Params(gen, state.disc.params), state, draw), has_aux=True
    )(state.gen.params)
    return state.replace(gen=game.gen_update(state.gen, grads, vars)), metrics


def params(state: GanState) -> Params:
    """w."""
    return Params(state.gen.params, state.disc.params)


def field(
    game: Game, state: GanState, draw: Draw
) -> Callable[[Params], tuple[Params, tuple[Params, Metrics]]]:
    """w -> (v(w), (both players' new vars, metrics)), on one draw."""

    def v_of(w: Params) -> tuple[Params, tuple[Params, Metrics]]:
        disc, (disc_vars, disc_metrics) = jax.grad(
            lambda disc: game.disc_loss(w._replace(disc=disc), state, draw), has_aux=True
        )(w.disc)
        gen, (gen_vars, gen_metrics) = jax.grad(
            lambda gen: game.gen_loss(w._replace(gen=gen), state, draw), has_aux=True
        )(w.gen)
        return Params(gen, disc), (Params(gen_vars, disc_vars), disc_metrics | gen_metrics)

    return v_of


def descend(game: Game, state: GanState, v: Params, vars: Params) -> GanState:
    """Both players' own updates along v."""
    return state.replace(
        gen=game.gen_update(state.gen, v.gen, vars.gen),
        disc=game.disc_update(state.disc, v.disc, vars.disc),
    )


def only(draws: Draw) -> Draw:
    """The one draw of a step that moves each player once."""
    return jax.tree.map(lambda a: a[0], draws)


def plus(a: PyTree, scale: Array | float, b: PyTree) -> PyTree:
    """a + scale b."""
    return jax.tree.map(lambda a, b: a + scale * b, a, b)


def dot(a: PyTree, b: PyTree) -> Array:
    """<a, b> over all leaves."""
    return sum(jax.tree.leaves(jax.tree.map(jnp.vdot, a, b)), jnp.zeros(()))
