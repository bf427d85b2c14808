"""Three Gaussians on the line, the smallest mixture (means -2, 0, 2, sigma .4 by default).

Its quantile function is known, and so is the increasing map from noise to the data.
"""

import jax
import jax.numpy as jnp

from gan_jax.data.base import points
from gan_jax.data.support import mixture
from gan_jax.types import Array

spec = points(1)


def centres(modes: int = 3, spacing: Array | float = 2.0, sigma: Array | float = 0.4) -> Array:
    """The modes' means [modes, 1], around 0. modes determines a shape, so it is static."""
    place_K = jnp.arange(modes, dtype=jnp.float32) - (modes - 1) / 2
    return spacing * place_K[:, None]


scale, sample, log_density = mixture.around(centres)


def cdf(x_N: Array, modes: int = 3, spacing: Array | float = 2.0, sigma: Array | float = 0.4):
    """The mean over modes of Phi((x - mean) / sigma), [N]."""
    z_NxK = (x_N[:, None] - centres(modes, spacing).T) / sigma
    return jax.scipy.special.ndtr(z_NxK).mean(1)
