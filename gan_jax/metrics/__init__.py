"""Metrics: pure functions on arrays; none of them downloads anything."""

from gan_jax.metrics.divergence import Divergences, divergences, optimal_discriminator
from gan_jax.metrics.frechet import frechet_distance
from gan_jax.metrics.inception import inception_score
from gan_jax.metrics.kernel import kernel_distance
from gan_jax.metrics.memorise import duplicates, memorised
from gan_jax.metrics.modes import ModeStatistics, mode_statistics, sampling_floor
from gan_jax.metrics.parzen import parzen_log_likelihood
from gan_jax.metrics.prdc import density_coverage, precision_recall
from gan_jax.metrics.sliced import sliced_wasserstein
from gan_jax.metrics.ssim import ms_ssim, ms_ssim_diversity

__all__ = [
    "Divergences",
    "ModeStatistics",
    "density_coverage",
    "divergences",
    "duplicates",
    "frechet_distance",
    "inception_score",
    "kernel_distance",
    "memorised",
    "mode_statistics",
    "ms_ssim",
    "ms_ssim_diversity",
    "optimal_discriminator",
    "parzen_log_likelihood",
    "precision_recall",
    "sampling_floor",
    "sliced_wasserstein",
]
