"""Gaussian Parzen windows: the likelihood estimate of the 2014 paper, and densities for D*."""

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import logsumexp

from gan_jax.types import Array

BLOCK = 1000  # rows of x at a time: N x BLOCK distances are in memory, not N x M


def parzen_log_likelihood(centres_NxD: Array, x_MxD: Array, sigma: Array | float) -> Array:
    """log p(x) in nats, [M], of the mean of N isotropic Gaussians of width sigma.

    log p(x) = logmeanexp_i(-norm2(x - c_i)^2 / (2 sigma^2)) - D log(sigma sqrt(2 pi)).
    Breuleux, Bengio and Vincent 2011; Goodfellow et al. 2014, section 5.
    """
    n, d = centres_NxD.shape
    middle = centres_NxD.mean(0, keepdims=True)  # smaller numbers, smaller rounding
    centres = (centres_NxD - middle) / sigma
    squares_N = jnp.square(centres).sum(1)

    def one(x: Array) -> Array:
        with jax.default_matmul_precision("highest"):
            products_N = centres @ x
        return logsumexp(products_N - squares_N / 2) - jnp.square(x).sum() / 2

    log_sums_M = lax.map(one, (x_MxD - middle) / sigma, batch_size=BLOCK)
    return log_sums_M - jnp.log(n) - d * (jnp.log(sigma) + jnp.log(2 * jnp.pi) / 2)


def silverman(n: int, d: int) -> float:
    """The window for n standardised points in d dimensions: (4 / (n (d + 2)))^(1 / (d + 4))."""
    return (4 / (n * (d + 2))) ** (1 / (d + 4))
