"""Objectives and terms that look at the examples themselves."""

import jax.numpy as jnp

from gan_jax.objectives.logits import cross_entropy, on_logits, widen
from gan_jax.types import Array, Losses


def gan_qp(real_B: Array, fake_B: Array, real: Array, fake: Array, *, scale=10.0) -> Losses:
    """disc -D + D^2 / (2 d), gen D; D = s_x - s_g, d = scale * mean abs(x - g). Su 2018 (GAN-QP).

    x and g are paired by index, [B, ...]. disc's optimum is D = d: the quadratic term replaces a
    Lipschitz constraint and is left out where x = g. ValueError if there are not as many reals as
    fakes.
    """
    if real_B.shape != fake_B.shape:
        raise ValueError(f"gan_qp pairs by index: {real_B.shape} reals, {fake_B.shape} fakes")
    apart = jnp.abs(widen(real) - widen(fake))
    d_B = scale * jnp.mean(apart, axis=tuple(range(1, apart.ndim)))

    @on_logits("nothing")
    def of_pairs(real_B: Array, fake_B: Array) -> Losses:
        D_B = real_B - fake_B
        return Losses(disc=-D_B + D_B**2 / (2 * jnp.where(d_B > 0, d_B, jnp.inf)), gen=D_B)

    return of_pairs(real_B, fake_B)


def feature_matching(
    real_B: Array, fake_B: Array, real_F: Array, fake_F: Array, *, smooth_real=0.0, smooth_fake=0.0
) -> Losses:
    """disc as minimax, gen norm2(mean f(x) - mean f(g))^2 with f disc's last hidden layer.

    Salimans et al. 2016, section 3.1. The means run over the batch; all fakes get the same loss.
    """
    apart = jnp.sum((widen(real_F) - widen(fake_F)) ** 2)

    @on_logits("ratio")
    def of_logits(real_B: Array, fake_B: Array) -> Losses:
        disc = cross_entropy(real_B, fake_B, smooth_real, smooth_fake)
        return Losses(disc=disc, gen=jnp.full_like(fake_B, apart))

    return of_logits(real_B, fake_B)


def transport(z: Array, x: Array) -> Array:
    """The mean over dimensions of (x - z)^2, [B]; x = G(z) must have as many elements as z [B, Z].

    Lin et al. 2025 (adversarial flow models). In one dimension the cheapest map to a distribution
    with CDF F is the increasing one: F^-1(Phi(z)) for normal z.
    """
    return jnp.mean((widen(x).reshape(z.shape) - widen(z)) ** 2, axis=1)
