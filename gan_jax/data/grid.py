"""Twenty-five tight Gaussians on a square grid: {-4, -2, 0, 2, 4}^2, sigma .05."""

import jax.numpy as jnp

from gan_jax.data.base import points
from gan_jax.data.support import mixture
from gan_jax.types import Array

spec = points(2)


def centres(side: int = 5, spacing: Array | float = 2.0, sigma: Array | float = 0.05) -> Array:
    """The modes' means [side^2, 2] around the origin. side determines a shape, so it is static."""
    line = spacing * (jnp.arange(side, dtype=jnp.float32) - (side - 1) / 2)
    across, up = jnp.meshgrid(line, line, indexing="ij")
    return jnp.stack([across.ravel(), up.ravel()], axis=1)


scale, sample, log_density = mixture.around(centres)
