"""A guard around a player's optimiser: a gradient that is not finite changes nothing.

One NaN in an update would spread to every later number. A guarded update is therefore refused as a
whole: weights, moments and counts stay as they were. The refusal is counted, and the first one
records its leaf. The host decides whether the run goes on: see training/record.py and the config
leaf nonfinite.policy.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gan_jax.types import Array, Player, PyTree, State

SMALL = 4096  # elements; larger gradients are checked by one row and one column


class Refused(NamedTuple):
    """The record of one player's guard, int32 each."""

    updates: Array  # number of updates attempted
    times: Array  # number of updates refused
    first: Array  # index of the first refused update, from 0; -1: none
    leaf: Array  # index in jax.tree.leaves of its first leaf that was not finite; -1: none


class Guarded(NamedTuple):
    """The state of an optimiser behind a guard."""

    inner: PyTree
    refused: Refused


def guarded(inner: optax.GradientTransformation) -> optax.GradientTransformation:
    """inner, except that a gradient that is not finite gives no update and keeps inner's state."""

    def init(params: PyTree) -> Guarded:
        zero, none = jnp.zeros((), jnp.int32), -jnp.ones((), jnp.int32)
        return Guarded(inner.init(params), Refused(zero, zero, none, none))

    def update(grads: PyTree, state: Guarded, params: PyTree = None) -> tuple[PyTree, Guarded]:
        fine = jnp.stack([is_finite(g) for g in jax.tree.leaves(grads)])
        ok, seen = fine.all(), state.refused
        updates, after = inner.update(grads, state.inner, params)
        is_first = ~ok & (seen.times == 0)
        refused = Refused(
            updates=seen.updates + 1,
            times=seen.times + ~ok,
            first=jnp.where(is_first, seen.updates, seen.first),
            leaf=jnp.where(is_first, jnp.argmin(fine).astype(jnp.int32), seen.leaf),
        )
        updates = jax.tree.map(lambda u: jnp.where(ok, u, jnp.zeros_like(u)), updates)
        return updates, Guarded(either(ok, after, state.inner), refused)

    return optax.GradientTransformation(init, update)


def is_finite(gradient: Array) -> Array:
    """Whether the gradient is finite, checked cheaply.

    A kernel's gradient is x^T delta. A NaN or infinity in delta fills a column of it and one in x
    fills a row, since 0 times either is NaN. One row and one column therefore show both, whereas
    checking every element would read all weights again. A single product that overflows goes
    unnoticed here, but not in the check of the whole state in training/record.py.
    """
    if gradient.size <= SMALL or gradient.ndim < 2:
        return jnp.isfinite(gradient).all()
    matrix = gradient.reshape(-1, gradient.shape[-1])
    return jnp.isfinite(matrix[0]).all() & jnp.isfinite(matrix[:, 0]).all()


def either(ok: Array, new: PyTree, old: PyTree) -> PyTree:
    """new if ok, else old, for each leaf, including typed keys."""
    return jax.tree.map(lambda a, b: jnp.where(ok, a, b), new, old)


def leaf_name(params: PyTree, index: int) -> str:
    """The path of the leaf at an index of jax.tree.leaves: maxout_0/pieces/linear/kernel."""
    path = jax.tree_util.tree_flatten_with_path(params)[0][index][0]
    return "/".join(str(getattr(key, "key", getattr(key, "idx", key))) for key in path) or "weights"


GUARD = "guard"  # the name of the metric that holds refusals


def refusals(state: State) -> dict[str, Refused]:
    """The guards' records by player."""
    return {name: player.opt.refused for name, player in state.players.items()}


def roll_back(after: State, before: State) -> State:
    """after; or, if a guard has refused an update since before, before's players at after's step.

    The step still advances, so the next noise differs. However many updates were refused, the
    guards count one refusal.
    """
    counts = {name: seen.times for name, seen in refusals(before).items()}
    more = {name: seen.times > counts[name] for name, seen in refusals(after).items()}
    ok = ~jnp.stack(list(more.values())).any()

    def player(name: str) -> Player:
        now, then = after.players[name], before.players[name]
        seen = now.opt.refused._replace(times=then.opt.refused.times + more[name])
        now = now.replace(opt=now.opt._replace(refused=seen))
        return either(ok, now, then.replace(opt=then.opt._replace(refused=seen)))

    return after.replace(
        players={name: player(name) for name in after.players},
        averages=either(ok, after.averages, before.averages),
        memory=either(ok, after.memory, before.memory),
    )
