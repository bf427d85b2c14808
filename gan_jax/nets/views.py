"""What disc decides on: each sample, or something made of several."""

from collections.abc import Callable

import jax.numpy as jnp

from gan_jax.types import Array


def sample(x: Array) -> Array:
    """Each sample by itself: [B, ...] -> [B, ...]."""
    return x


def moments(x: Array) -> Array:
    """Mean, standard deviation, skew, excess kurtosis of a batch, for one decision: -> [1, 4]."""
    mean = x.mean()
    std = jnp.sqrt(jnp.square(x - mean).mean() + 1e-12)  # a constant batch has a gradient too
    z = (x - mean) / std
    return jnp.stack([mean, std, (z**3).mean(), (z**4).mean() - 3])[None]


VIEWS: dict[str, Callable[[Array], Array]] = {"sample": sample, "moments": moments}
