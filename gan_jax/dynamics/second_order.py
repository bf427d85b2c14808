"""Dynamics that look at how the gradients change. They hand a bent v to the players' optimisers.

v is each player's gradient of its own loss, w both players' parameters, J the Jacobian of v(w).
"""

import jax
import jax.numpy as jnp
from jax.scipy.sparse.linalg import cg

from gan_jax.dynamics.base import Draw, Game, Params, Step, descend, dot, field, only, params, plus
from gan_jax.types import GanState


def consensus(game: Game, state: GanState, draws: Draw, *, gamma: float = 1.0) -> Step:
    """v + gamma grad(norm2(v)^2 / 2) = v + gamma J^T v, for both. Mescheder et al. 2017."""
    v_of = field(game, state, only(draws))
    v, pull, (vars, metrics) = jax.vjp(v_of, params(state), has_aux=True)
    (slope,) = pull(v)
    return descend(game, state, plus(v, gamma, slope), vars), metrics


def sga(
    game: Game, state: GanState, draws: Draw, *, weight: float = 1.0, epsilon: float = 0.1
) -> Step:
    """v + weight sign A^T v, A = (J - J^T) / 2. Balduzzi et al. 2018, algorithm 1.

    sign = sign(<v, grad H> <A^T v, grad H> / d + epsilon), H = norm2(v)^2 / 2, d parameters: it
    turns where the adjustment would lead away from stable, or towards unstable fixed points.
    """
    v_of, w = field(game, state, only(draws)), params(state)
    v, pull, (vars, metrics) = jax.vjp(v_of, w, has_aux=True)
    (slope,) = pull(v)  # J^T v, which is grad H
    _, push = jax.jvp(lambda w: v_of(w)[0], (w,), (v,))  # J v
    adjustment = jax.tree.map(lambda t, s: (t - s) / 2, slope, push)  # A^T v
    size = sum(leaf.size for leaf in jax.tree.leaves(v))
    aligned = dot(v, slope) * dot(adjustment, slope) / size + epsilon
    return descend(game, state, plus(v, weight * jnp.sign(aligned), adjustment), vars), metrics


def cgd(
    game: Game, state: GanState, draws: Draw, *, eta: float = 0.1, iterations: int = 10
) -> Step:
    """Each player's answer to the other's answer. Schaefer and Anandkumar 2019, algorithm 1.

    The direction d solves (I + eta J_off) d = v, J_off being J without its diagonal blocks: with
    sgd, no momentum and lr = eta for both, w <- w - lr d is the paper's step. Any other optimiser
    takes d as a gradient, and eta says how large a step each player expects of the other.
    At most `iterations` of conjugate gradients on the normal equations, which also hold where the
    game is not zero-sum; at 0 iterations d = v.
    """
    v_of, w = field(game, state, only(draws)), params(state)
    v, (vars, metrics) = v_of(w)
    _, gen_by_disc = jax.linearize(lambda disc: v_of(w._replace(disc=disc))[0].gen, w.disc)
    _, disc_by_gen = jax.linearize(lambda gen: v_of(w._replace(gen=gen))[0].disc, w.gen)

    def matrix(d: Params) -> Params:
        return plus(d, eta, Params(gen_by_disc(d.disc), disc_by_gen(d.gen)))

    def transposed(d: Params) -> Params:
        return jax.linear_transpose(matrix, v)(d)[0]

    d, _ = cg(lambda d: transposed(matrix(d)), transposed(v), v, tol=1e-10, maxiter=iterations)
    return descend(game, state, d, vars), metrics
