"""One Gaussian on the line, N(4, 1.25^2) by default: the smallest game with a known answer."""

import jax
import jax.numpy as jnp

from gan_jax.data.base import points
from gan_jax.types import Array

spec = points(1)


def sample(key: Array, n: int, mean: Array | float = 4.0, std: Array | float = 1.25) -> Array:
    """n points [n, 1] float32: mean + std N(0, 1). mean and std are in data units, and traced."""
    return mean + std * jax.random.normal(key, (n, 1), jnp.float32)


def log_density(x_NxD: Array, mean: Array | float = 4.0, std: Array | float = 1.25) -> Array:
    """-(x - mean)^2 / (2 std^2) - log(std sqrt(2 pi)), in nats, [N]."""
    z_N = (x_NxD[:, 0] - mean) / std
    return -0.5 * z_N**2 - jnp.log(std) - 0.5 * jnp.log(2 * jnp.pi)


def cdf(x_N: Array, mean: Array | float = 4.0, std: Array | float = 1.25) -> Array:
    """Phi((x - mean) / std), [N]."""
    return jax.scipy.special.ndtr((x_N - mean) / std)
