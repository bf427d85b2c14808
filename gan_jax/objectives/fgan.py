"""f-divergences and what an f-GAN needs of each (Nowozin et al. 2016, tables 1, 2 and 6).

u = p / q is a density ratio, t a point of the conjugate's domain, v a logit; p and q [N] are
probabilities. To add one, add its row to F_DIVERGENCES; the row yields two objectives and their
theory.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import softplus

from gan_jax.objectives.logits import Meaning, Objective, Theory, add, on_logits
from gan_jax.types import Array, Losses

_NEWTON_STEPS = 6  # 5 suffice for float64 precision from the starts below, for |y| up to 800


class FDivergence(NamedTuple):
    """One divergence D_f(p, q) = sum q f(p / q), and the functions that define both players."""

    f: Callable[[Array], Array]
    conjugate: Callable[[Array], Array]  # f*(t) = sup_u (u t - f(u))
    activation: Callable[[Array], Array]  # g(v): a logit into the domain of f*
    composed: Callable[[Array], Array]  # f*(g(v)), simplified by hand so that it overflows less
    logit: Callable[[Array], Array]  # the v with g(v) = f'(u): the best disc at ratio u
    heuristic: Callable[[Array, Array], Array]  # (p, q) -> the divergence under gen loss -g(v_g)
    meaning: Meaning  # of that v


@jax.custom_jvp
def log_lambert_w(y: Array) -> Array:
    """log W(e^y): the l with e^l + l = y, for any finite y, where W itself may under- or overflow.

    Newton's method starts to the right of the root; e^l + l is convex, so no step overshoots it.
    Derivatives of any order follow from the implicit rule dl = dy / (1 + e^l).
    """
    log_w = jnp.where(y < 1, y, jnp.log(jnp.maximum(y, 1)))
    for _ in range(_NEWTON_STEPS):
        log_w = log_w - (jnp.exp(log_w) + log_w - y) / (jnp.exp(log_w) + 1)
    return log_w


@log_lambert_w.defjvp
def _log_lambert_w_jvp(primals, tangents):
    log_w = log_lambert_w(*primals)
    return log_w, tangents[0] / (1 + jnp.exp(log_w))


def f_divergence(f: Callable[[Array], Array], p: Array, q: Array) -> Array:
    """D_f(p, q) = sum q f(p / q), for p, q > 0."""
    return jnp.sum(q * f(p / q))


def kl(p: Array, q: Array) -> Array:
    """KL(p, q) = sum p log(p / q), in nats."""
    return jnp.sum(p * jnp.log(p / q))


def js(p: Array, q: Array) -> Array:
    """Jensen-Shannon divergence, (KL(p, m) + KL(q, m)) / 2 with m = (p + q) / 2, at most log 2."""
    m = (p + q) / 2
    return (kl(p, m) + kl(q, m)) / 2


def total_variation(p: Array, q: Array) -> Array:
    """sum |p - q| / 2, at most 1."""
    return jnp.sum(jnp.abs(p - q)) / 2


def _jeffreys_conjugate(t: Array) -> Array:
    log_w = log_lambert_w(1 - t)
    return jnp.exp(log_w) + jnp.exp(-log_w) + t - 2


def _jeffreys_composed(v: Array) -> Array:
    log_w = log_lambert_w(1 - v)  # W = 1 - v - log W eliminates W and v, and their cancellation
    return jnp.exp(-log_w) - 1 - log_w


F_DIVERGENCES: dict[str, FDivergence] = {
    "kl": FDivergence(
        f=lambda u: u * jnp.log(u),
        conjugate=lambda t: jnp.exp(t - 1),
        activation=lambda v: v,
        composed=lambda v: jnp.exp(v - 1),
        logit=lambda u: 1 + jnp.log(u),
        heuristic=lambda p, q: kl(q, p),
        meaning="nothing",
    ),
    "reverse_kl": FDivergence(
        f=lambda u: -jnp.log(u),
        conjugate=lambda t: -1 - jnp.log(-t),
        activation=lambda v: -jnp.exp(-v),
        composed=lambda v: v - 1,
        logit=jnp.log,
        heuristic=lambda p, q: jnp.sum(q**2 / p) / 2,
        meaning="ratio",
    ),
    "pearson": FDivergence(
        f=lambda u: (u - 1) ** 2,
        conjugate=lambda t: t**2 / 4 + t,
        activation=lambda v: v,
        composed=lambda v: v**2 / 4 + v,
        logit=lambda u: 2 * (u - 1),
        heuristic=lambda p, q: 2 * kl(p, q),
        meaning="sign",
    ),
    "neyman": FDivergence(
        f=lambda u: (1 - u) ** 2 / u,
        conjugate=lambda t: 2 - 2 * jnp.sqrt(1 - t),
        activation=lambda v: -jnp.expm1(-v),
        composed=lambda v: -2 * jnp.expm1(-v / 2),
        logit=lambda u: 2 * jnp.log(u),
        heuristic=lambda p, q: jnp.sum(q**3 / p**2) / 3,
        meaning="sign",
    ),
    "hellinger": FDivergence(
        f=lambda u: (jnp.sqrt(u) - 1) ** 2,
        conjugate=lambda t: t / (1 - t),
        activation=lambda v: -jnp.expm1(-v),
        composed=jnp.expm1,
        logit=lambda u: jnp.log(u) / 2,
        heuristic=lambda p, q: jnp.sum(q * jnp.sqrt(q / p)) * 2 / 3,
        meaning="sign",
    ),
    "jeffreys": FDivergence(
        f=lambda u: (u - 1) * jnp.log(u),
        conjugate=_jeffreys_conjugate,
        activation=lambda v: v,
        composed=_jeffreys_composed,
        logit=lambda u: jnp.log(u) + 1 - 1 / u,
        heuristic=lambda p, q: kl(q, p) + jnp.sum(q**2 / p) / 2,
        meaning="sign",
    ),
    "js": FDivergence(
        f=lambda u: u * jnp.log(u) - (u + 1) * jnp.log((1 + u) / 2),
        conjugate=lambda t: -jnp.log(2 - jnp.exp(t)),
        activation=lambda v: jnp.log(2) - softplus(-v),
        composed=lambda v: softplus(v) - jnp.log(2),
        logit=jnp.log,
        heuristic=lambda p, q: kl(q, p) - 2 * js(p, q),
        meaning="ratio",
    ),
    "gan": FDivergence(  # f(1) = -2 log 2, as published: minimax to the letter
        f=lambda u: u * jnp.log(u) - (u + 1) * jnp.log(u + 1),
        conjugate=lambda t: -jnp.log(-jnp.expm1(t)),
        activation=lambda v: -softplus(-v),
        composed=softplus,
        logit=jnp.log,
        heuristic=lambda p, q: kl(q, p) - 2 * js(p, q),
        meaning="ratio",
    ),
    "total_variation": FDivergence(
        f=lambda u: jnp.abs(u - 1) / 2,
        conjugate=lambda t: t,
        activation=lambda v: jnp.tanh(v) / 2,
        composed=lambda v: jnp.tanh(v) / 2,
        logit=lambda u: jnp.where(u > 1, jnp.inf, -jnp.inf),  # approached, never reached
        heuristic=total_variation,
        meaning="sign",
    ),
}


def _fgan(name: str, row: FDivergence, heuristic: bool) -> Objective:
    def objective(real_B, fake_B) -> Losses:
        conjugate = row.composed(fake_B)
        gen = -row.activation(fake_B) if heuristic else -conjugate
        return Losses(disc=add(-row.activation(real_B), conjugate), gen=gen)

    gen_loss = "-g(s_g)" if heuristic else "-f*(g(s_g))"
    objective.__name__ = f"fgan_{name}_heuristic" if heuristic else f"fgan_{name}"
    objective.__doc__ = (
        f"disc -g(s_x) + f*(g(s_g)), gen {gen_loss} with the {name} of F_DIVERGENCES.\n\n"
        "    Nowozin et al. 2016, eq. 6 and section 3.2. A g or f* that is an exponential\n"
        "    overflows float32 above |logit| = 88; the logit is deliberately not clipped.\n    "
    )
    return on_logits(row.meaning)(objective)


def _theory(row: FDivergence, heuristic: bool) -> Theory:
    divergence = functools.partial(f_divergence, row.f)
    return Theory(
        optimum=lambda p, q: -divergence(p, q),
        logit=lambda p, q: row.logit(p / q),
        gen_divergence=row.heuristic if heuristic else divergence,
    )


_VARIANTS = {
    f"fgan_{name}{suffix}": (name, row, heuristic)
    for suffix, heuristic in (("", False), ("_heuristic", True))
    for name, row in F_DIVERGENCES.items()
}
FGAN_OBJECTIVES: dict[str, Objective] = {key: _fgan(*row) for key, row in _VARIANTS.items()}
FGAN_THEORY: dict[str, Theory] = {key: _theory(*row[1:]) for key, row in _VARIANTS.items()}
