"""Metrics: pure functions on arrays; none of them downloads anything."""

from gan_jax.metrics.divergence import optimal_discriminator
from gan_jax.metrics.modes import ModeStatistics, mode_statistics, sampling_floor
from gan_jax.metrics.parzen import parzen_log_likelihood

__all__ = [
    "ModeStatistics",
    "mode_statistics",
    "optimal_discriminator",
    "parzen_log_likelihood",
    "sampling_floor",
]
