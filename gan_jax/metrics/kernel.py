"""The kernel distance (KID's formula): unbiased where the Frechet distance depends on N."""

import numpy as np

from gan_jax.metrics.distances import matrices, rows


def kernel_distance(features_a_NxF: np.ndarray, features_b_MxF: np.ndarray) -> float:
    """MMD^2 with k(x, y) = (x.y / F + 1)^3, unbiased, in float64, of all samples in one.

    mean_{i != j} k(a_i, a_j) + mean_{i != j} k(b_i, b_j) - 2 mean_ij k(a_i, b_j).
    Binkowski et al. 2018. Below 0 about half the time when the distributions are the same;
    nan if a set has one sample, of which there are no two to compare.
    """
    a, b = matrices(features_a_NxF, features_b_MxF)
    if min(len(a), len(b)) < 2:
        return float("nan")
    return float(_among(a) + _among(b) - 2 * _total(a, b) / (len(a) * len(b)))


def _among(x_NxF: np.ndarray) -> float:
    """The mean of k over ordered pairs of different samples."""
    n, f = x_NxF.shape
    own = ((np.square(x_NxF).sum(1) / f + 1) ** 3).sum()
    return (_total(x_NxF, x_NxF) - own) / (n * (n - 1))


def _total(a_NxF: np.ndarray, b_MxF: np.ndarray) -> float:
    """sum_ij k(a_i, b_j), a block of rows at a time."""
    total = 0.0
    for some in rows(len(a_NxF)):
        base = a_NxF[some] @ b_MxF.T
        base /= a_NxF.shape[1]
        base += 1
        total += float(np.vdot(base * base, base))
    return total
