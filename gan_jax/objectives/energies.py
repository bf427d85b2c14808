"""Objectives of energies: disc is an autoencoder, and the energy is its reconstruction error.

Energies are low on reals and high on fakes, so everywhere else the logit is minus the energy.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import relu

from gan_jax.objectives.logits import add, widen
from gan_jax.types import Array, Losses


def began(real_energy_B, fake_energy_B, k, *, gamma=0.5, rate=0.001) -> tuple[Losses, Array]:
    """disc L(x) - k L(g), gen L(g); new k = clip(k + rate (gamma mean L(x) - mean L(g)), 0, 1).

    Berthelot et al. 2017. L(y) = mean |y - autoencoder(y)| per example; k is a scalar that starts
    at 0, gamma the diversity ratio, rate the paper's lambda_k. No gradient flows through k.
    """
    real, fake, k = widen(real_energy_B), widen(fake_energy_B), jax.lax.stop_gradient(k)
    balance = jax.lax.stop_gradient(gamma * jnp.mean(real) - jnp.mean(fake))
    return Losses(disc=add(real, -k * fake), gen=fake), jnp.clip(k + rate * balance, 0, 1)


def ebgan(real_energy_B, fake_energy_B, encodings_BxF, *, margin=10.0, weight=0.1) -> Losses:
    """disc E(x) + relu(margin - E(g)), gen E(g) + weight * pulling_away(encodings of fakes).

    Zhao et al. 2016, eqs. 1, 2 and section 2.4. E is the autoencoder's reconstruction error.
    """
    real, fake = widen(real_energy_B), widen(fake_energy_B)
    gen = fake + weight * pulling_away(encodings_BxF)
    return Losses(disc=add(real, relu(margin - fake)), gen=gen)


def pulling_away(encodings_BxF: Array) -> Array:
    """[B]: the mean over j != i of cos^2 between encodings i and j. Zhao et al. 2016, eq. 4.

    An encoding of zeros counts as orthogonal to all others. A batch of one gets 0.
    """
    encodings = widen(encodings_BxF)
    square = jnp.sum(encodings**2, axis=1, keepdims=True)
    unit = encodings * jax.lax.rsqrt(jnp.where(square > 0, square, 1))
    cosine_BxB = jnp.matmul(unit, unit.T, precision="highest")
    others = 1 - jnp.eye(len(unit), dtype=unit.dtype)
    return jnp.sum(others * cosine_BxB**2, axis=1) / max(len(unit) - 1, 1)


ENERGY_OBJECTIVES: dict[str, Callable[..., Any]] = {"began": began, "ebgan": ebgan}
