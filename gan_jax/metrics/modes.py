"""Lost modes: how many of a mixture's modes the samples cover, how precisely and how evenly."""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import gammaincc, xlogy

from gan_jax.types import Array

NEAR = 3.0  # the largest distance, in standard deviations, of a high-quality sample from its mode


class ModeStatistics(NamedTuple):
    """How N samples cover K modes; only reverse_kl can be undefined (nan)."""

    modes: int  # with at least one sample of high quality
    high_quality: float  # share of the samples, in [0, 1]
    reverse_kl: float  # nats: of the high-quality samples' mode frequencies from uniform ones
    reverse_kl_with_junk: float  # nats: with one more bin, for samples far from every mode


def mode_statistics(
    x_NxD: np.ndarray | Array, centres_KxD: np.ndarray | Array, sigma: float
) -> ModeStatistics:
    """Assigns each sample to its nearest mode; it is of high quality within 3 sigma of it.

    reverse_kl = KL(h || even) = log K - H(h), where h is the histogram of high-quality samples over
    modes: log K if all are at one mode, nan if there are none. With junk: KL over K + 1 bins, the
    last for all other samples; in two dimensions even the true Gaussians put exp(-9/2) there.
    Srivastava et al. 2017 (VEEGAN), Lin et al. 2018 (PacGAN). A sample that is not finite counts as
    far from every mode. ValueError without samples or modes.
    """
    x, centres = np.asarray(x_NxD, np.float64), np.asarray(centres_KxD, np.float64)
    if not len(x) or not len(centres):
        raise ValueError(f"mode statistics of {len(x)} samples and {len(centres)} modes")
    distance_NxK = cdist(x, centres)  # from differences, as sigma may be a hundredth of |c|
    near_N = distance_NxK.min(1) <= NEAR * float(sigma)
    counts_K = np.bincount(distance_NxK.argmin(1)[near_N], minlength=len(centres))
    off = float(gammaincc(x.shape[1] / 2, NEAR**2 / 2))  # chi-squared's tail: exp(-9/2) for D = 2
    even_K = np.full(len(centres), 1 / len(centres))
    return ModeStatistics(
        modes=int((counts_K > 0).sum()),
        high_quality=float(near_N.mean()),
        reverse_kl=_kl(counts_K, even_K) if near_N.any() else float("nan"),
        reverse_kl_with_junk=_kl(
            np.append(counts_K, (~near_N).sum()), np.append((1 - off) * even_K, off)
        ),
    )


def _kl(counts: np.ndarray, q: np.ndarray) -> float:
    """sum p log(p / q) with p = counts / total, in nats; empty bins contribute 0."""
    p = counts / counts.sum()
    return float(np.sum(xlogy(p, p) - xlogy(p, q)))


def sampling_floor(modes: int, samples: int) -> float:
    """(K - 1) / (2 N): the approximate reverse KL, in nats, of N samples of the true mixture."""
    return (modes - 1) / (2 * samples)
