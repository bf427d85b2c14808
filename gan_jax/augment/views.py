"""Views: what disc judges, each sample by itself or several samples combined."""

from collections.abc import Callable

import jax.numpy as jnp

from gan_jax.types import Array


def sample(x: Array) -> Array:
    """Each sample by itself: [B, ...] -> [B, ...]."""
    return x


def moments(x: Array) -> Array:
    """Mean, standard deviation, skew and excess kurtosis of the whole batch: -> [1, 4]."""
    mean = x.mean()
    std = jnp.sqrt(jnp.square(x - mean).mean() + 1e-12)  # a finite gradient for a constant batch
    z = (x - mean) / std
    return jnp.stack([mean, std, (z**3).mean(), (z**4).mean() - 3])[None]


VIEWS: dict[str, Callable[[Array], Array]] = {"sample": sample, "moments": moments}


def pack(x: Array, m: int) -> Array:
    """m samples joined for each decision: [B, ..., C] -> [B / m, ..., m C]. PacGAN (Lin et al.)."""
    groups = x.reshape(x.shape[0] // m, m, *x.shape[1:])
    together = jnp.moveaxis(groups, 1, -2)  # [B / m, ..., m, C]
    return together.reshape(*together.shape[:-2], m * x.shape[-1])
