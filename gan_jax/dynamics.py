"""How two losses become two updates: DYNAMICS: (game, state, draws) -> (state, metrics).

A game gives each player's loss as a function of both players' parameters, and each player's
optimiser. A draw is the randomness of one update: real examples and a key; draws hold one per disc
update.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax import lax

from gan_jax.types import Array, GanState, Player, PyTree

Metrics = dict[str, Array]


class Draw(NamedTuple):
    """What one update of one player sees besides the parameters."""

    real: Array  # [B, ...]; [K, B, ...] for the draws of a step
    key: Array  # of latents, dropout, penalties


class Params(NamedTuple):
    """Both players' parameters: what both losses are functions of."""

    gen: PyTree
    disc: PyTree


class Game(NamedTuple):
    """Two players with everything bound but what moves.

    disc_loss, gen_loss: (params, state, draw) -> (scalar, (vars of that player, metrics)).
    disc_update, gen_update: (player, gradient) -> player.
    """

    disc_loss: Callable[[Params, GanState, Draw], tuple[Array, tuple[PyTree, Metrics]]]
    gen_loss: Callable[[Params, GanState, Draw], tuple[Array, tuple[PyTree, Metrics]]]
    disc_update: Callable[[Player, PyTree], Player]
    gen_update: Callable[[Player, PyTree], Player]


def move_disc(game: Game, state: GanState, draw: Draw) -> tuple[GanState, Metrics]:
    """One update of disc; gen stays bit for bit as it is."""
    (_, (vars, metrics)), grads = jax.value_and_grad(
        lambda disc: game.disc_loss(Params(state.gen.params, disc), state, draw), has_aux=True
    )(state.disc.params)
    return state.replace(disc=game.disc_update(state.disc.replace(vars=vars), grads)), metrics


def move_gen(game: Game, state: GanState, draw: Draw) -> tuple[GanState, Metrics]:
    """One update of gen; disc stays bit for bit as it is."""
    (_, (vars, metrics)), grads = jax.value_and_grad(
        lambda gen: game.gen_loss(Params(gen, state.disc.params), state, draw), has_aux=True
    )(state.gen.params)
    return state.replace(gen=game.gen_update(state.gen.replace(vars=vars), grads)), metrics


def simultaneous(game: Game, state: GanState, draws: Draw) -> tuple[GanState, Metrics]:
    """Both gradients at the old parameters, on the same fakes and dropout masks. k is 1."""
    draw = jax.tree.map(lambda a: a[0], draws)
    after_disc, disc_metrics = move_disc(game, state, draw)
    after_gen, gen_metrics = move_gen(game, state, draw)
    return after_gen.replace(disc=after_disc.disc), disc_metrics | gen_metrics


def alternating(
    game: Game, state: GanState, draws: Draw, *, k_disc: int = 1, k_gen: int = 1
) -> tuple[GanState, Metrics]:
    """k_disc updates of disc, then k_gen of gen against the new disc. Goodfellow 2014, algorithm 1.

    Gen's first update meets the fakes of disc's last: they are still gen's own, and the compiler
    then makes them once. Metrics are means over the updates of the step.
    """
    state, disc_metrics = _repeat(move_disc, game, state, draws, range(k_disc))
    last_first = [(k_disc - 1 - i) % k_disc for i in range(k_gen)]
    state, gen_metrics = _repeat(move_gen, game, state, draws, last_first)
    return state, disc_metrics | gen_metrics


def _repeat(
    move: Callable, game: Game, state: GanState, draws: Draw, order: Any
) -> tuple[GanState, Metrics]:
    order = list(order)
    if len(order) == 1:  # outside a loop the compiler sees what two updates share
        return move(game, state, jax.tree.map(lambda a: a[order[0]], draws))
    chosen = jax.tree.map(lambda a: a[jax.numpy.asarray(order)], draws)
    state, metrics = lax.scan(lambda s, draw: move(game, s, draw), state, chosen)
    return state, jax.tree.map(lambda m: m.mean(0), metrics)


DYNAMICS: dict[str, Callable[..., tuple[GanState, Metrics]]] = {
    "simultaneous": simultaneous,
    "alternating": alternating,
}
