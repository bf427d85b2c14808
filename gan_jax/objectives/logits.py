"""What objectives and penalties share: losses and norms per example, and an objective's claims.

Everything here computes in at least float32, because sums of bfloat16 numbers lose digits.
"""

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol, cast, get_args

import jax.numpy as jnp
from jax.nn import softplus

from gan_jax.types import Array, Losses

Meaning = Literal["ratio", "sign", "nothing"]


class Objective(Protocol):
    """Losses of logits, and the meaning of the logit when disc is optimal.

    "ratio": it is log(p / q), so that D = sig(s) is p / (p + q), the probability of a real.
    "sign": it is positive where p > q and negative where p < q. "nothing": neither.
    Metrics that would presume more than that are left out of a run's log.
    """

    meaning: Meaning

    def __call__(self, real_B: Array, fake_B: Array, **numbers: Any) -> Losses: ...


class Theory(NamedTuple):
    """What an objective claims about distributions p, q on a finite set; the tests check it.

    Claims hold for the keyword arguments `numbers`. A claim that cannot be made is None, and
    `reason` says why.
    """

    optimum: Callable[[Array, Array], Array] | None = None  # (p, q) -> least expected disc loss
    logit: Callable[[Array, Array], Array] | None = None  # (p, q) -> the [N] logits that attain it
    # (p, q) -> a number whose gradient in q equals gen's at those logits, including its scale
    gen_divergence: Callable[[Array, Array], Array] | None = None
    reason: str = ""
    numbers: Mapping[str, float] = MappingProxyType({})
    shift_invariant: bool = False  # adding a constant to all logits changes no gradient
    per_example: bool = True  # losses[i] depends on real[i] and fake[i] alone
    paired: bool = False  # needs as many reals as fakes


def widen(x: Array) -> Array:
    """x in float32, or in its own dtype if that is wider."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def mean_of_top(loss_B: Array, fake_B: Array, k: Array) -> Array:
    """The mean loss of the k fakes with the largest logits; k may be traced, 1 <= k <= B.

    Sinha et al. 2020 (top-k training). Ties go to the earlier fakes.
    """
    rank_B = jnp.argsort(jnp.argsort(-fake_B))
    return jnp.mean(jnp.where(rank_B < k, loss_B, 0)) * (len(loss_B) / k)


def add(first_B: Array, second_N: Array) -> Array:
    """The sum of two terms of a loss, elementwise; if their lengths differ, first + mean(second).

    Either way the mean of the sum is the sum of the means. ValueError for any shape but [B].
    """
    for term in (first_B, second_N):
        if jnp.ndim(term) != 1:
            raise ValueError(f"a loss has one number per example, [B], not {jnp.shape(term)}")
    return first_B + (second_N if first_B.shape == second_N.shape else jnp.mean(second_N))


def cross_entropy(
    real_B: Array, fake_B: Array, smooth_real: Array | float = 0.0, smooth_fake: Array | float = 0.0
) -> Array:
    """disc's loss in minimax: sp(-s_x) + sp(s_g) with targets 1 - smooth_real and smooth_fake."""
    # With target 1 - e the loss is (1 - e) sp(-s) + e sp(s) = sp(-s) + e s.
    return add(softplus(-real_B) + smooth_real * real_B, softplus(fake_B) - smooth_fake * fake_B)


def square_norm(x: Array) -> Array:
    """norm2(x)^2 per example: [B, ...] -> [B]."""
    return jnp.sum(jnp.square(x), axis=tuple(range(1, x.ndim)))


def norm(x: Array) -> Array:
    """norm2(x) per example, [B, ...] -> [B], with gradient 0 at 0 instead of NaN."""
    square = square_norm(x)
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1)), 0)


def on_logits(meaning: Meaning) -> Callable[[Callable[..., Losses]], Objective]:
    """Decorates an objective: widens its logits and declares what they mean.

    The decorated objective raises ValueError unless the logits are [B].
    """
    if meaning not in get_args(Meaning):
        raise TypeError(f"on_logits says what the logit means: expected one of {get_args(Meaning)}")

    def decorate(losses: Callable[..., Losses]) -> Objective:
        @functools.wraps(losses)
        def checked(real_B: Array, fake_B: Array, **numbers: Array) -> Losses:
            for player, logits in (("real", real_B), ("fake", fake_B)):
                if jnp.ndim(logits) != 1:  # [B, 1] - [B] would be [B, B]
                    raise ValueError(f"{player} logits must be [B], not {jnp.shape(logits)}")
            return losses(widen(real_B), widen(fake_B), **numbers)

        objective = cast(Objective, checked)
        objective.meaning = meaning
        return objective

    return decorate
