"""The sliced Wasserstein distance, from sorted projections onto many lines."""

import numpy as np

from gan_jax.metrics.distances import matrices


def random_directions(dim: int, count: int = 128, seed: int = 0) -> np.ndarray:
    """Unit vectors [count, dim], uniform on the sphere."""
    normal = np.random.default_rng(seed).normal(size=(count, dim))
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def sliced_wasserstein(
    x_NxD: np.ndarray, y_MxD: np.ndarray, directions_PxD: np.ndarray | None = None
) -> float:
    """(mean over directions of W_2^2 of the projections)^(1/2), in data units, float64.

    Rabin et al. 2011. On a line W_2^2 is the integral over u in [0, 1] of the squared difference of
    the quantile functions; N and M may differ. 128 fixed random directions by default.
    """
    x, y = matrices(x_NxD, y_MxD)
    lines = random_directions(x.shape[1]) if directions_PxD is None else directions_PxD
    n, m = len(x), len(y)
    # Both quantile functions are step functions with steps at i / n and j / m, kept as integers.
    steps = np.union1d(np.arange(n + 1) * m, np.arange(m + 1) * n)
    share, left = np.diff(steps) / (n * m), steps[:-1]
    total = 0.0
    for line in lines:
        gap = np.sort(x @ line)[left // m] - np.sort(y @ line)[left // n]
        total += float(share @ gap**2)
    return float(np.sqrt(total / len(lines)))
