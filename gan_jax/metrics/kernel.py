"""The kernel distance (KID's formula), which is unbiased for any N, unlike the Frechet distance."""

import numpy as np

from gan_jax.metrics.distances import matrices, rows


def kernel_distance(features_a_NxF: np.ndarray, features_b_MxF: np.ndarray) -> float:
    """The unbiased MMD^2 with k(x, y) = (x.y / F + 1)^3, over all samples at once, in float64.

    mean_{i != j} k(a_i, a_j) + mean_{i != j} k(b_i, b_j) - 2 mean_ij k(a_i, b_j).
    Binkowski et al. 2018. For equal distributions it is negative about half the time. nan if a set
    has only one sample, and so no pair.
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
