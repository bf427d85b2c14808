"""Objectives map the logits of reals and fakes to each player's losses, one per example.

s_x, s_g are disc's logits on reals and fakes, sig is the sigmoid and sp(t) = log(1 + e^t). Callers
take the mean, and each player minimises its own. Losses are float32 (float64 for float64 logits),
even for bfloat16 logits, because sums of bfloat16 numbers lose digits; gradients are returned in
the logits' dtype. Unless an objective pairs reals with fakes, their numbers may differ: the loss
then has one entry per example of its first term, to which the mean of the second term is added.

To add one, write a function of logits that declares what its logit means (logits.py), and add its
row to OBJECTIVES and its claims to THEORY.
"""

import jax.numpy as jnp
from jax.nn import relu, sigmoid, softplus

from gan_jax.objectives.energies import ENERGY_OBJECTIVES, began, ebgan, pulling_away
from gan_jax.objectives.fgan import FGAN_OBJECTIVES, FGAN_THEORY, js, kl, total_variation
from gan_jax.objectives.gradients import rescale_gradient, scale_gradient
from gan_jax.objectives.logits import (
    Meaning,
    Objective,
    Theory,
    add,
    cross_entropy,
    on_logits,
)
from gan_jax.objectives.monoflow import MONOFLOW_OBJECTIVES, MONOFLOW_THEORY
from gan_jax.objectives.samples import feature_matching, gan_qp
from gan_jax.types import Array, Losses

# These do not fit the table: the first two take an autoencoder's energies, and began keeps a state;
# gan_qp and feature_matching also need the examples or disc's features.
__all__ = ["ENERGY_OBJECTIVES", "OBJECTIVES", "THEORY", "began", "ebgan", "feature_matching"]
__all__ += ["gan_qp", "pulling_away", "rescale_gradient", "scale_gradient"]


@on_logits("ratio")
def minimax(real_B, fake_B, *, smooth_real=0.0, smooth_fake=0.0) -> Losses:
    """disc sp(-s_x) + sp(s_g), gen -sp(s_g) = log(1 - sig(s_g)). Goodfellow et al. 2014, eq. 1.

    disc's targets are 1 - smooth_real on reals (one-sided smoothing, Salimans et al. 2016) and
    smooth_fake on fakes, here and wherever disc is "as minimax". gen's loss does not depend on
    them.
    """
    disc = cross_entropy(real_B, fake_B, smooth_real, smooth_fake)
    return Losses(disc=disc, gen=-softplus(fake_B))


@on_logits("ratio")
def non_saturating(real_B, fake_B, *, smooth_real=0.0, smooth_fake=0.0) -> Losses:
    """disc as minimax, gen sp(-s_g) = -log sig(s_g). Goodfellow et al. 2014, section 3."""
    disc = cross_entropy(real_B, fake_B, smooth_real, smooth_fake)
    return Losses(disc=disc, gen=softplus(-fake_B))


@on_logits("ratio")
def max_likelihood(real_B, fake_B, *, smooth_real=0.0, smooth_fake=0.0) -> Losses:
    """disc as minimax, gen -exp(s_g) / 2. Goodfellow 2016 (tutorial), section 3.2.5.

    exp overflows float32 above s_g = 88.8. The logit is deliberately not clipped: clipping would
    stop the gradient, and a run with such logits has diverged and should show it.
    """
    disc = cross_entropy(real_B, fake_B, smooth_real, smooth_fake)
    return Losses(disc=disc, gen=-jnp.exp(fake_B) / 2)


@on_logits("ratio")
def blend(real_B, fake_B, *, zeta=1.0, m=1.0, smooth_real=0.0, smooth_fake=0.0) -> Losses:
    """disc as minimax, gen (zeta sp(-s_g) - m sp(s_g)) / (zeta + m): non_saturating and minimax.

    Goodfellow's 2014 code (blend_obj). Its disc loss is halved, so its m is twice the m here.
    """
    disc = cross_entropy(real_B, fake_B, smooth_real, smooth_fake)
    return Losses(disc=disc, gen=(zeta * softplus(-fake_B) - m * softplus(fake_B)) / (zeta + m))


@on_logits("ratio")
def thresholded(real_B, fake_B, *, smooth_real=0.0, smooth_fake=0.0) -> Losses:
    """disc as minimax, gen sp(-s_g) where sig(s_g) < 1/2, else 0. Goodfellow's 2014 code."""
    disc = cross_entropy(real_B, fake_B, smooth_real, smooth_fake)
    return Losses(disc=disc, gen=jnp.where(fake_B < 0, softplus(-fake_B), 0))


@on_logits("sign")
def lazy(real_B, fake_B, *, d_eps=0.0, g_eps=0.0) -> Losses:
    """A player learns only from examples whose probability is not yet right by a margin.

    disc sp(-s_x) where sig(s_x) < 1/2 + d_eps, plus sp(s_g) where sig(s_g) > 1/2 - d_eps;
    gen sp(-s_g) where sig(s_g) < 1/2 + g_eps. Goodfellow's 2014 code (LazyAdversaryCost). With its
    default margins of zero, a logit of exactly 0 moves neither player.
    """
    real_cost = jnp.where(sigmoid(real_B) < 0.5 + d_eps, softplus(-real_B), 0)
    fake_cost = jnp.where(sigmoid(fake_B) > 0.5 - d_eps, softplus(fake_B), 0)
    gen_cost = jnp.where(sigmoid(fake_B) < 0.5 + g_eps, softplus(-fake_B), 0)
    return Losses(disc=add(real_cost, fake_cost), gen=gen_cost)


@on_logits("nothing")
def lsgan(real_B, fake_B) -> Losses:
    """disc (s_x - 1)^2 / 2 + s_g^2 / 2, gen (s_g - 1)^2 / 2, on raw outputs. Mao et al. 2017."""
    return Losses(disc=add((real_B - 1) ** 2 / 2, fake_B**2 / 2), gen=(fake_B - 1) ** 2 / 2)


@on_logits("sign")
def hinge(real_B, fake_B) -> Losses:
    """disc relu(1 - s_x) + relu(1 + s_g), gen -s_g. Lim and Ye 2017, Miyato et al. 2018."""
    return Losses(disc=add(relu(1 - real_B), relu(1 + fake_B)), gen=-fake_B)


@on_logits("nothing")
def wgan(real_B, fake_B) -> Losses:
    """disc s_g - s_x, gen -s_g. Arjovsky et al. 2017; disc must be kept Lipschitz by the caller."""
    return Losses(disc=add(-real_B, fake_B), gen=-fake_B)


@on_logits("nothing")
def ragan(real_B, fake_B) -> Losses:
    """disc sp(-(s_x - mean s_g)) + sp(s_g - mean s_x), gen the same with the signs reversed.

    Relativistic average GAN, Jolicoeur-Martineau 2018. Gradients flow through the means.
    """
    real_above = real_B - jnp.mean(fake_B)
    fake_above = fake_B - jnp.mean(real_B)
    return Losses(
        disc=add(softplus(-real_above), softplus(fake_above)),
        gen=add(softplus(-fake_above), softplus(real_above)),
    )


@on_logits("nothing")
def rpgan(real_B, fake_B) -> Losses:
    """disc sp(-(s_x - s_g)), gen sp(-(s_g - s_x)), paired by index.

    Jolicoeur-Martineau 2018 (RpSGAN, which she pairs at random); Huang et al. 2024 (R3GAN).
    ValueError if there are not as many reals as fakes.
    """
    if real_B.shape != fake_B.shape:
        raise ValueError(f"rpgan pairs by index: {real_B.shape} reals, {fake_B.shape} fakes")
    return Losses(disc=softplus(fake_B - real_B), gen=softplus(real_B - fake_B))


OBJECTIVES: dict[str, Objective] = {
    "minimax": minimax,
    "non_saturating": non_saturating,
    "max_likelihood": max_likelihood,
    "blend": blend,
    "thresholded": thresholded,
    "lazy": lazy,
    "lsgan": lsgan,
    "hinge": hinge,
    "wgan": wgan,
    "ragan": ragan,
    "rpgan": rpgan,
    **MONOFLOW_OBJECTIVES,
    **FGAN_OBJECTIVES,
}


def _lsgan_divergence(p: Array, q: Array) -> Array:
    return kl(p, (p + q) / 2) - jnp.sum((p - q) ** 2 / (p + q)) / 8


def _thresholded_divergence(p: Array, q: Array) -> Array:
    excess = (p + q) * jnp.log((p + q) / p) - (q - p) - 2 * p * jnp.log(2)
    return jnp.sum(jnp.where(q > p, excess, 0))


_CROSS_ENTROPY = Theory(lambda p, q: jnp.log(4) - 2 * js(p, q), lambda p, q: jnp.log(p / q))
THEORY: dict[str, Theory] = {
    "minimax": _CROSS_ENTROPY._replace(gen_divergence=lambda p, q: 2 * js(p, q)),
    "non_saturating": _CROSS_ENTROPY._replace(gen_divergence=lambda p, q: kl(q, p) - 2 * js(p, q)),
    "max_likelihood": _CROSS_ENTROPY._replace(gen_divergence=lambda p, q: kl(p, q) / 2),
    "blend": _CROSS_ENTROPY._replace(
        gen_divergence=lambda p, q: (3 * kl(q, p) - 4 * js(p, q)) / 4,
        numbers={"zeta": 3.0, "m": 1.0},
    ),
    "thresholded": _CROSS_ENTROPY._replace(gen_divergence=_thresholded_divergence),
    # For d_eps up to 1/4, disc's best logit lies just past its margin, where the more probable side
    # costs nothing and the other one sp(logit of 1/2 + d_eps). At d_eps = 0, s = 0 costs nothing.
    "lazy": Theory(
        optimum=lambda p, q: jnp.log(2.5) * (1 - total_variation(p, q)),
        logit=lambda p, q: jnp.sign(p - q) * (jnp.log(1.5) + 1e-12),
        gen_divergence=lambda p, q: jnp.log(2.5) * total_variation(p, q),
        numbers={"d_eps": 0.1, "g_eps": 0.0},
    ),
    "lsgan": Theory(
        optimum=lambda p, q: jnp.sum(p * q / (p + q)) / 2,
        logit=lambda p, q: p / (p + q),
        gen_divergence=_lsgan_divergence,
    ),
    "hinge": Theory(
        optimum=lambda p, q: 2 * (1 - total_variation(p, q)),
        logit=lambda p, q: jnp.sign(p - q),
        gen_divergence=lambda p, q: 2 * total_variation(p, q),
    ),
    "wgan": Theory(reason="unbounded without its Lipschitz constraint", shift_invariant=True),
    "ragan": Theory(
        reason="the means tie all points together", shift_invariant=True, per_example=False
    ),
    "rpgan": Theory(reason="pairs tie all points together", shift_invariant=True, paired=True),
    **MONOFLOW_THEORY,
    **FGAN_THEORY,
}


def meaning(name: str) -> Meaning:
    """What the logit means under the named objective: "nothing" for objectives of energies."""
    if name == "feature_matching":  # disc is as in minimax
        return "ratio"
    return OBJECTIVES[name].meaning if name in OBJECTIVES else "nothing"


def estimates_ratio(name: str) -> bool:
    """Whether disc's optimal logit is log(p / q), so that its optimal D = sig(s) is p / (p + q)."""
    return meaning(name) == "ratio"


def meaningless(name: str) -> tuple[str, ...]:
    """The metrics of a step that mean nothing under this objective: those of D or of signs."""
    of_d, of_signs = ("d_real", "d_fake"), ("acc_real", "acc_fake")
    return {"ratio": (), "sign": of_d, "nothing": of_d + of_signs}[meaning(name)]
