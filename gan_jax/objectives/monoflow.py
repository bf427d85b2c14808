"""Generators that ascend an increasing function h of disc's logit: MonoFlow, Yi et al. 2023.

disc is as in minimax, so its optimal logit is log(p / q), and gen's loss is -h(s_g). Each sample
then moves along h'(s) grad s with h' > 0. For every such h the samples come to rest only where
p = q; h decides how fast they move elsewhere. minimax has h(s) = sp(s), whose slope vanishes where
disc is sure of a fake; non_saturating has h(s) = -sp(-s).
"""

import jax.numpy as jnp
from jax.nn import softplus

from gan_jax.objectives.fgan import js, kl
from gan_jax.objectives.logits import Objective, Theory, cross_entropy, on_logits
from gan_jax.types import Array, Losses


@on_logits("ratio")
def monoflow_linear(real_B, fake_B, *, smooth_real=0.0, smooth_fake=0.0) -> Losses:
    """disc as minimax, gen -s_g. Yi et al. 2023; samples follow the flow of KL(gen, data)."""
    disc = cross_entropy(real_B, fake_B, smooth_real, smooth_fake)
    return Losses(disc=disc, gen=-fake_B)


@on_logits("ratio")
def monoflow_arcsinh(real_B, fake_B, *, smooth_real=0.0, smooth_fake=0.0) -> Losses:
    """disc as minimax, gen -arcsinh(s_g): like -s_g near 0, flatter far from it. Yi et al. 2023."""
    disc = cross_entropy(real_B, fake_B, smooth_real, smooth_fake)
    return Losses(disc=disc, gen=-jnp.arcsinh(fake_B))


@on_logits("ratio")
def monoflow_shifted(real_B, fake_B, *, shift=3.0, smooth_real=0.0, smooth_fake=0.0) -> Losses:
    """disc as minimax, gen log(1 - sig(s_g + shift)) = -sp(s_g + shift). Yi et al. 2023.

    The paper takes shift 3 to 5. Shift 0 is minimax, whose gradient vanishes on fakes that disc
    is sure of.
    """
    disc = cross_entropy(real_B, fake_B, smooth_real, smooth_fake)
    return Losses(disc=disc, gen=-softplus(fake_B + shift))


def _shifted_divergence(p: Array, q: Array, shift: float = 3.0) -> Array:
    c = jnp.exp(shift)
    return jnp.sum(q * jnp.log(q) - (q + c * p) * jnp.log(q + c * p))


_DISC = Theory(lambda p, q: jnp.log(4) - 2 * js(p, q), lambda p, q: jnp.log(p / q))
MONOFLOW_OBJECTIVES: dict[str, Objective] = {
    "monoflow_linear": monoflow_linear,
    "monoflow_arcsinh": monoflow_arcsinh,
    "monoflow_shifted": monoflow_shifted,
}
MONOFLOW_THEORY: dict[str, Theory] = {
    "monoflow_linear": _DISC._replace(gen_divergence=lambda p, q: kl(q, p)),
    "monoflow_arcsinh": _DISC._replace(reason="the integral of arcsinh(log u) has no closed form"),
    "monoflow_shifted": _DISC._replace(gen_divergence=_shifted_divergence),
}
