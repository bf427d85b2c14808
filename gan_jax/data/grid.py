"""Twenty-five tight Gaussians on a square grid: {-4, -2, 0, 2, 4}^2, sigma .05."""

import jax.numpy as jnp

from gan_jax.data import mixture
from gan_jax.data.base import Spec
from gan_jax.types import Array


def spec() -> Spec:
    """Points of shape (2,), without labels."""
    return Spec(shape=(2,), kind="points", splits={}, classes=0)


def centres(side: int = 5, spacing: Array | float = 2.0, sigma: Array | float = 0.05) -> Array:
    """The modes' means [side^2, 2] around the origin. side gives a shape and so is static."""
    line = spacing * (jnp.arange(side, dtype=jnp.float32) - (side - 1) / 2)
    across, up = jnp.meshgrid(line, line, indexing="ij")
    return jnp.stack([across.ravel(), up.ravel()], axis=1)


def scale(
    side: int = 5, spacing: Array | float = 2.0, sigma: Array | float = 0.05
) -> Array | float:
    """The standard deviation of each mode, in data units."""
    return sigma


def sample(
    key: Array,
    n: int,
    side: int = 5,
    spacing: Array | float = 2.0,
    sigma: Array | float = 0.05,
) -> Array:
    """n points [n, 2] float32 of the equal mixture. spacing and sigma are traced."""
    return mixture.sample(key, n, centres(side, spacing), sigma)


def log_density(
    x_NxD: Array,
    side: int = 5,
    spacing: Array | float = 2.0,
    sigma: Array | float = 0.05,
) -> Array:
    """log of the mixture's density, in nats, [N]."""
    return mixture.log_density(x_NxD, centres(side, spacing), sigma)
