"""Differences of two distributions: the optimal discriminator, divergences, the KS distance."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.metrics.parzen import parzen_log_likelihood, silverman
from gan_jax.types import Array


class Divergences(NamedTuple):
    """Divergences of p from q in nats; the total variation is in [0, 1]."""

    js: float  # at most log 2
    kl: float  # KL(p || q)
    reverse_kl: float  # KL(q || p)
    total_variation: float  # half the integral of |p - q|


def divergences(
    log_p_at_p: np.ndarray, log_q_at_p: np.ndarray, log_p_at_q: np.ndarray, log_q_at_q: np.ndarray
) -> Divergences:
    """Monte Carlo estimates from both log densities at draws of p [N] and of q [M], in float64.

    With t = log p - log q and D* = sig(t): KL = mean_p t, reverse -mean_q t,
    JS = log 2 - mean_p sp(-t) / 2 - mean_q sp(t) / 2 (Goodfellow et al. 2014, theorem 1), and
    total variation mean |2 D* - 1| over both halves. There is no grid, so this works in any
    dimension; only the KLs have heavy tails. A KL is inf if a draw lies outside the other
    distribution's support.
    """
    t_N = np.asarray(log_p_at_p, np.float64) - np.asarray(log_q_at_p, np.float64)
    t_M = np.asarray(log_p_at_q, np.float64) - np.asarray(log_q_at_q, np.float64)
    js = np.log(2) - (np.logaddexp(0, -t_N).mean() + np.logaddexp(0, t_M).mean()) / 2
    variation = (np.abs(np.tanh(t_N / 2)).mean() + np.abs(np.tanh(t_M / 2)).mean()) / 2
    return Divergences(float(js), float(t_N.mean()), float(-t_M.mean()), float(variation))


def optimal_discriminator(log_p_data: Array, log_p_gen: Array) -> Array:
    """D*(x) = p_data / (p_data + p_gen) = sigmoid(log p_data - log p_gen), in [0, 1].

    Goodfellow et al. 2014, proposition 1: it is 1/2 everywhere if the distributions are equal.
    Where neither has any mass (both log p = -inf), D* is arbitrary and taken to be 1/2 too.
    """
    neither = (log_p_data == -jnp.inf) & (log_p_gen == -jnp.inf)
    gap = jnp.where(neither, 0, log_p_data) - jnp.where(neither, 0, log_p_gen)
    return jax.nn.sigmoid(gap)


def parzen_density(points_NxD: Array, x_MxD: Array) -> Array:
    """log p(x) [M] estimated from points by Parzen windows, of Silverman's width in each axis."""
    mean, std = points_NxD.mean(0, keepdims=True), points_NxD.std(0, keepdims=True) + 1e-6
    sigma = silverman(*points_NxD.shape)
    log_p_M = parzen_log_likelihood((points_NxD - mean) / std, (x_MxD - mean) / std, sigma)
    return log_p_M - jnp.log(std).sum()


def estimated_optimum(real_NxD: Array, fake_NxD: Array, x_MxD: Array) -> Array:
    """D* at x [M], with each distribution estimated by Parzen windows of its own width."""
    return optimal_discriminator(parzen_density(real_NxD, x_MxD), parzen_density(fake_NxD, x_MxD))


def ks_distance(x_N: np.ndarray, cdf_N: np.ndarray) -> float:
    """Kolmogorov-Smirnov: the largest |empirical CDF - CDF|; cdf_N is the true CDF at each x."""
    cdf = np.asarray(cdf_N, np.float64)[np.argsort(x_N)]
    n = len(cdf)
    above, below = np.arange(1, n + 1) / n - cdf, cdf - np.arange(n) / n
    return float(max(above.max(), below.max()))
