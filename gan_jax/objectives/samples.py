"""Objectives and terms that look at the examples themselves."""

import jax.numpy as jnp

from gan_jax.objectives.logits import on_logits, widen
from gan_jax.types import Array, Losses


def gan_qp(real_B: Array, fake_B: Array, real: Array, fake: Array, *, scale=10.0) -> Losses:
    """disc -D + D^2 / (2 d), gen D; D = s_x - s_g, d = scale * mean abs(x - g). Su 2018 (GAN-QP).

    Of pairs, [B, ...]. disc does best at D = d: the quadratic term takes the place of a Lipschitz
    constraint. Where x = g there is none. ValueError if there are not as many reals as fakes.
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


def transport(z: Array, x: Array) -> Array:
    """The mean over dimensions of (x - z)^2, [B]; x = G(z) has as many numbers as z [B, Z].

    Lin et al. 2025 (adversarial flow models). Of all maps to a distribution on the line the one
    that keeps the order is the cheapest: F^-1(Phi(z)) for normal z.
    """
    return jnp.mean((widen(x).reshape(z.shape) - widen(z)) ** 2, axis=1)
