"""The gradient field of a game and the players' steps along it, from which all dynamics are built.

w holds the parameters of the players that move; v(w) holds each player's gradient of the losses of
its own moves.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import optax

from gan_jax.dynamics.guard import either
from gan_jax.types import Array, Draw, Game, Hypers, Metrics, Move, Notes, Player, PyTree, State

StepResult = tuple[State, Metrics]
Params = dict[str, PyTree]  # by player


def params(game: Game, state: State) -> Params:
    """w: the parameters of every player that moves. A player in no move is frozen and left out."""
    moved = {name for move in game.moves for name in move.players}
    return {name: state.players[name].params for name in game.nets if name in moved}


def field(
    game: Game, moves: Sequence[Move], state: State, draw: Draw, h: Hypers
) -> Callable[[Params], tuple[Params, tuple[Notes, ...]]]:
    """The function w -> (v(w), the notes of each move) on one draw.

    Gradients of a player that takes part in several moves are summed.
    """
    fixed = {name: player.params for name, player in state.players.items()}

    def v_of(w: Params) -> tuple[Params, tuple[Notes, ...]]:
        v: Params = {}
        noted = []
        for move in moves:

            def loss(own: Params, move: Move = move) -> tuple[Array, Notes]:
                play = game.play(game, move.players, {**fixed, **w, **own}, state, draw)
                return move.loss(play, draw, h)

            slopes, notes = jax.grad(loss, has_aux=True)({name: w[name] for name in move.players})
            for name, slope in slopes.items():
                v[name] = plus(v[name], 1, slope) if name in v else slope
            noted.append(notes)
        return v, tuple(noted)

    return v_of


def descend(
    game: Game, moves: Sequence[Move], state: State, v: Params, noted: Sequence[Notes], h: Hypers
) -> StepResult:
    """Updates every player of these moves with its own optimiser along v, and no other player.

    A move's memory changes only if the updates of all its players are accepted.
    """
    players, memory = dict(state.players), dict(state.memory)
    metrics: Metrics = {}
    found = {n: notes.vars[n] for m, notes in zip(moves, noted, strict=True) for n in m.players}
    for name, vars in found.items():
        players[name] = update(game, name, state.players[name], v[name], vars, h)
    for move, notes in zip(moves, noted, strict=True):
        ok = jnp.stack([accepted(state.players[n], players[n]) for n in move.players]).all()
        memory |= either(ok, notes.memory, {k: state.memory[k] for k in notes.memory})
        metrics |= notes.metrics
    return state.replace(players=players, memory=memory), metrics


def update(game: Game, name: str, player: Player, v: PyTree, vars: PyTree, h: Hypers) -> Player:
    """One update of a player along v. If it is refused, the statistics do not change either."""
    updates, opt = game.optimizer(name, h).update(v, player.opt, player.params)
    new = Player(optax.apply_updates(player.params, updates), vars, opt)
    ok = accepted(player, new)
    return game.project(name, new.replace(vars=either(ok, vars, player.vars)), h)


def accepted(old: Player, new: Player) -> Array:
    """Whether the guard let the update from old to new through."""
    return new.opt.refused.times == old.opt.refused.times


def make_move(game: Game, move: Move, state: State, draw: Draw, h: Hypers) -> StepResult:
    """One update of one move's players; all others stay bit for bit the same."""
    v, noted = field(game, (move,), state, draw, h)(params(game, state))
    return descend(game, (move,), state, v, noted, h)


def only(draws: Draw) -> Draw:
    """The one draw of a step in which each player moves once."""
    return jax.tree.map(lambda a: a[0], draws)


def plus(a: PyTree, scale: Array | float, b: PyTree) -> PyTree:
    """a + scale b."""
    return jax.tree.map(lambda a, b: a + scale * b, a, b)


def dot(game: Game, a: Params, b: Params) -> Array:
    """<a, b> summed over all leaves, with players in the order of game.nets."""
    products = [jax.tree.map(jnp.vdot, a[name], b[name]) for name in game.nets if name in a]
    return sum(jax.tree.leaves(products), jnp.zeros(()))
