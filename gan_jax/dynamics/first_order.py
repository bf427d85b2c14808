"""Dynamics that need first derivatives only.

v(w) holds each player's gradient, at parameters w, of the losses of its own moves.
"""

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.dynamics.guard import either
from gan_jax.dynamics.move import (
    StepResult,
    accepted,
    descend,
    field,
    make_move,
    only,
    params,
)
from gan_jax.types import Draw, Game, Hypers, Metrics, Move, Player, PyTree, State


def simultaneous(game: Game, state: State, draws: Draw, h: Hypers) -> StepResult:
    """w <- w - eta v(w): all gradients at the old parameters, with the same fakes and masks."""
    v, noted = field(game, game.moves, state, only(draws), h)(params(game, state))
    return descend(game, game.moves, state, v, noted, h)


def alternating(game: Game, state: State, draws: Draw, h: Hypers) -> StepResult:
    """Makes the moves in turn, each as often as its count. Goodfellow et al. 2014, algorithm 1.

    For a GAN: k_disc updates of disc, then k_gen updates of gen against the new disc. A move starts
    with the last draw of the previous move and continues with unused ones: with k_disc 3 and k_gen
    1, disc uses draws 0, 1, 2 and gen uses draw 2. If each player moves once, both use the same
    fakes and the compiler computes them once. Metrics are means over a move's updates.
    """
    metrics: Metrics = {}
    last = -1
    for move in game.moves:
        order = [*range(last, -1, -1), *range(last + 1, move.times)][: move.times]
        state, found = _repeat(game, move, state, draws, order, h)
        metrics |= found
        last = order[-1]
    return state, metrics


def _repeat(
    game: Game, move: Move, state: State, draws: Draw, order: list[int], h: Hypers
) -> StepResult:
    if len(order) == 1:  # outside a loop, the compiler can share work between two moves
        return make_move(game, move, state, jax.tree.map(lambda a: a[order[0]], draws), h)
    chosen = jax.tree.map(lambda a: a[jnp.asarray(order)], draws)
    state, metrics = lax.scan(lambda s, draw: make_move(game, move, s, draw, h), state, chosen)
    return state, jax.tree.map(lambda m: m.mean(0), metrics)


def extragradient(game: Game, state: State, draws: Draw, h: Hypers) -> StepResult:
    """w' = w - eta v(w); w <- w - eta v(w'). Korpelevich 1976, Gidel et al. 2019.

    Both gradients use the same draw. An optimiser other than gradient descent replaces -eta v by
    its update. Both updates start from the old optimiser state, which advances once, with v(w').
    """
    ahead, _ = simultaneous(game, state, draws, h)
    v, noted = field(game, game.moves, state, only(draws), h)(params(game, ahead))
    return descend(game, game.moves, state, v, noted, h)


LAST = "last_update"


def optimistic(game: Game, state: State, draws: Draw, h: Hypers) -> StepResult:
    """w <- w - 2 eta v_t + eta v_t-1, with v_0 = 0. Daskalakis et al. 2018.

    In general w <- w + 2 u_t - u_t-1, where u_t is the optimiser's update at its own learning rate:
    with adam this is the paper's algorithm 1, optimistic Adam. state.memory["last_update"] holds
    the last u.
    """
    plain, metrics = simultaneous(game, state, draws, h)
    players, kept = dict(plain.players), {}
    for name, last in state.memory[LAST].items():
        players[name], kept[name] = _optimistic(state.players[name], plain.players[name], last)
    return plain.replace(players=players, memory=plain.memory | {LAST: kept}), metrics


def _optimistic(old: Player, new: Player, last: PyTree) -> tuple[Player, PyTree]:
    """The player at w + 2 u - last, and u = new - w. Both stay as they were if new was refused."""
    u = jax.tree.map(jnp.subtract, new.params, old.params)
    w = jax.tree.map(lambda w, u, last: w + u - last, new.params, u, last)
    w, u = either(accepted(old, new), (w, u), (old.params, last))
    return new.replace(params=w), u


def first_memory(name: str, game: Game, players: dict[str, Player]) -> dict[str, PyTree]:
    """What the named dynamics remember at the start of a run."""
    if name != optimistic.__name__:
        return {}
    moved = {n for move in game.moves for n in move.players}
    return {LAST: {n: jax.tree.map(jnp.zeros_like, players[n].params) for n in sorted(moved)}}
