"""Where two laws differ: the optimal discriminator, and distances on the line."""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.metrics.parzen import parzen_log_likelihood, silverman
from gan_jax.types import Array


def optimal_discriminator(log_p_data: Array, log_p_gen: Array) -> Array:
    """D*(x) = p_data / (p_data + p_gen) = sigmoid(log p_data - log p_gen), in [0, 1].

    Goodfellow et al. 2014, proposition 1: 1/2 everywhere when the two laws meet.
    """
    return jax.nn.sigmoid(log_p_data - log_p_gen)


def estimated_optimum(real_NxD: Array, fake_NxD: Array, x_MxD: Array) -> Array:
    """D* at x, both laws estimated by Parzen windows on points standardised together, [M]."""
    both = jnp.concatenate([real_NxD, fake_NxD])
    mean, std = both.mean(0, keepdims=True), both.std(0, keepdims=True) + 1e-6

    def log_density(points_NxD: Array) -> Array:
        sigma = silverman(*points_NxD.shape)
        return parzen_log_likelihood((points_NxD - mean) / std, (x_MxD - mean) / std, sigma)

    return optimal_discriminator(log_density(real_NxD), log_density(fake_NxD))


def ks_distance(x_N: np.ndarray, cdf_N: np.ndarray) -> float:
    """Kolmogorov-Smirnov: the largest |empirical CDF - CDF|; cdf_N is the law's at each x."""
    cdf = np.asarray(cdf_N, np.float64)[np.argsort(x_N)]
    n = len(cdf)
    above, below = np.arange(1, n + 1) / n - cdf, cdf - np.arange(n) / n
    return float(max(above.max(), below.max()))
