"""Eight tight Gaussians on a circle: the usual test for lost modes (8 modes, radius 1, sigma .01).

The angles are 2 pi k / modes. Some public code takes linspace(0, 2 pi, 8), which repeats the first
mode and therefore has only seven.
"""

import jax.numpy as jnp

from gan_jax.data.base import points
from gan_jax.data.support import mixture
from gan_jax.types import Array

spec = points(2)


def centres(modes: int = 8, radius: Array | float = 1.0, sigma: Array | float = 0.01) -> Array:
    """The modes' means [modes, 2], in data units. modes determines a shape, so it is static."""
    angle_K = 2 * jnp.pi * jnp.arange(modes, dtype=jnp.float32) / modes
    return radius * jnp.stack([jnp.cos(angle_K), jnp.sin(angle_K)], axis=1)


scale, sample, log_density = mixture.around(centres)
