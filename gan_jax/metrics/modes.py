"""Lost modes: how many of a mixture's centres the samples find, how well, and how evenly."""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import gammaincc, xlogy

from gan_jax.types import Array

NEAR = 3.0  # standard deviations: as far as a sample of high quality may be from its mode


class ModeStatistics(NamedTuple):
    """What N samples make of K modes; reverse_kl alone can be undefined (nan)."""

    modes: int  # with at least one sample of high quality
    high_quality: float  # share of the samples, in [0, 1]
    reverse_kl: float  # nats: the modes' shares of the samples of high quality, from even ones
    reverse_kl_with_junk: float  # nats: with one bin more, for the samples far from every mode


def mode_statistics(
    x_NxD: np.ndarray | Array, centres_KxD: np.ndarray | Array, sigma: float
) -> ModeStatistics:
    """Each sample belongs to its nearest mode, and is of high quality within 3 sigma of it.

    reverse_kl = KL(h || even) = log K - H(h), h the histogram of the samples of high quality over
    the modes: nan if there are none, as no histogram is then to be had (one mode alone: log K).
    With junk: KL over K + 1 bins, the last for all others; a Gaussian itself leaves exp(-9/2)
    there in two dimensions. Srivastava et al. 2017 (VEEGAN), Lin et al. 2018 (PacGAN).
    A sample that is not finite is far from every mode. ValueError without samples or modes.
    """
    x, centres = np.asarray(x_NxD, np.float64), np.asarray(centres_KxD, np.float64)
    if not len(x) or not len(centres):
        raise ValueError(f"mode statistics of {len(x)} samples and {len(centres)} modes")
    distance_NxK = cdist(x, centres)  # from differences: sigma is a hundredth of |c|
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
    """sum p log(p / q) with p = counts / total, in nats; a bin without counts adds nothing."""
    p = counts / counts.sum()
    return float(np.sum(xlogy(p, p) - xlogy(p, q)))


def sampling_floor(modes: int, samples: int) -> float:
    """(K - 1) / (2 N): about the reverse KL of N samples of the even mixture itself, in nats."""
    return (modes - 1) / (2 * samples)
