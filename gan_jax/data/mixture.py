"""Equal mixtures of round Gaussians, the law behind ring and grid."""

import jax
import jax.numpy as jnp

from gan_jax.types import Array


def sample(key: Array, n: int, centres_KxD: Array, sigma: Array | float) -> Array:
    """n points [n, D] float32: a centre chosen uniformly, plus sigma N(0, I)."""
    k_mode, k_noise = jax.random.split(key)
    modes, dim = centres_KxD.shape
    mode_n = jax.random.randint(k_mode, (n,), 0, modes)
    noise_nxD = jax.random.normal(k_noise, (n, dim), jnp.float32)
    return centres_KxD[mode_n] + sigma * noise_nxD


def log_density(x_NxD: Array, centres_KxD: Array, sigma: Array | float) -> Array:
    """log (1/K) sum_k N(x; c_k, sigma^2 I), in nats, [N].

    Distances are taken from differences, never from |x|^2 - 2 x c + |c|^2, which cancels when
    sigma is a hundredth of |c|.
    """
    modes, dim = centres_KxD.shape
    square_NxK = jnp.sum((x_NxD[:, None, :] - centres_KxD[None, :, :]) ** 2, axis=-1)
    log_norm = dim * (jnp.log(sigma) + 0.5 * jnp.log(2 * jnp.pi)) + jnp.log(modes)
    return jax.nn.logsumexp(-square_NxK / (2 * sigma**2), axis=1) - log_norm
