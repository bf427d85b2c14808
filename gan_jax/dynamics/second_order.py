"""Dynamics with second derivatives: they correct v before it goes to the players' optimisers.

v holds each player's gradient of its own loss, w all players' parameters; J is the Jacobian of
v(w).
"""

import jax
import jax.numpy as jnp
from jax.scipy.sparse.linalg import cg

from gan_jax.dynamics.move import Params, StepResult, descend, dot, field, only, params, plus
from gan_jax.types import Draw, Game, Hypers, Move, PyTree, State


def consensus(
    game: Game, state: State, draws: Draw, h: Hypers, *, gamma: float = 1.0
) -> StepResult:
    """v + gamma grad(norm2(v)^2 / 2) = v + gamma J^T v for all players. Mescheder et al. 2017."""
    v_of = field(game, game.moves, state, only(draws), h)
    v, pull, noted = jax.vjp(v_of, params(game, state), has_aux=True)
    (slope,) = pull(v)
    return descend(game, game.moves, state, plus(v, gamma, slope), noted, h)


def sga(
    game: Game, state: State, draws: Draw, h: Hypers, *, weight: float = 1.0, epsilon: float = 0.1
) -> StepResult:
    """v + weight sign A^T v, A = (J - J^T) / 2. Balduzzi et al. 2018, algorithm 1.

    sign = sign(<v, grad H> <A^T v, grad H> / d + epsilon) with H = norm2(v)^2 / 2 and d the number
    of parameters. It flips where the adjustment would lead away from a stable fixed point or
    towards an unstable one.
    """
    v_of, w = field(game, game.moves, state, only(draws), h), params(game, state)
    v, pull, noted = jax.vjp(v_of, w, has_aux=True)
    (slope,) = pull(v)  # J^T v, which is grad H
    _, push = jax.jvp(lambda w: v_of(w)[0], (w,), (v,))  # J v
    adjustment = jax.tree.map(lambda t, s: (t - s) / 2, slope, push)  # A^T v
    size = sum(leaf.size for leaf in jax.tree.leaves(v))
    aligned = dot(game, v, slope) * dot(game, adjustment, slope) / size + epsilon
    bent = plus(v, weight * jnp.sign(aligned), adjustment)
    return descend(game, game.moves, state, bent, noted, h)


def cgd(
    game: Game, state: State, draws: Draw, h: Hypers, *, eta: float = 0.1, iterations: int = 10
) -> StepResult:
    """Competitive gradient descent: moves anticipate each other. Schaefer and Anandkumar 2019.

    The direction d solves (I + eta J_off) d = v, where J_off is J without its diagonal blocks. With
    sgd, no momentum and lr = eta for all, w <- w - lr d is the paper's algorithm 1. Any other
    optimiser takes d as a gradient; eta is the step size that each side expects of the other.
    Solved by at most `iterations` of conjugate gradients on the normal equations, which do not need
    a zero-sum game; with 0 iterations d = v.
    """
    v_of, w = field(game, game.moves, state, only(draws), h), params(game, state)
    v, noted = v_of(w)

    def block(move: Move):
        """Maps a direction d of the other players to the derivative of this move's v along d."""
        others = {name: w[name] for name in w if name not in move.players}

        def own(others: Params) -> Params:
            found, _ = v_of({**w, **others})
            return {name: found[name] for name in move.players}

        return jax.linearize(own, others)[1]

    blocks = [(move, block(move)) for move in reversed(game.moves)]
    names = list(w)  # lists, because sums over a dict would run in alphabetical order

    def matrix(d: list[PyTree]) -> list[PyTree]:
        by_name = dict(zip(names, d, strict=True))
        off: Params = {}
        for move, push in blocks:
            off |= push({name: by_name[name] for name in names if name not in move.players})
        return plus(d, eta, [off[name] for name in names])

    v_list = [v[name] for name in names]

    def transposed(d: list[PyTree]) -> list[PyTree]:
        return jax.linear_transpose(matrix, v_list)(d)[0]

    d, _ = cg(
        lambda d: transposed(matrix(d)), transposed(v_list), v_list, tol=1e-10, maxiter=iterations
    )
    return descend(game, game.moves, state, dict(zip(names, d, strict=True)), noted, h)
