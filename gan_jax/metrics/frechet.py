"""The Frechet distance between Gaussians fitted to two sets of features (FID's formula)."""

import numpy as np

from gan_jax.metrics.distances import matrices


def frechet_distance(features_a_NxF: np.ndarray, features_b_MxF: np.ndarray) -> float:
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), in float64. Heusel et al. 2017, eq. 6.

    C = R^T R with R from the QR decomposition of the centred features over sqrt(N - 1); then
    tr (C_a C_b)^(1/2) is the sum of the singular values of R_a R_b^T. This needs no matrix square
    root, so singular covariances, as with fewer samples than features, need no correction, and
    equal sets have distance 0. The covariance of a single sample is 0.
    ValueError for sets that are empty, not finite, or of different numbers of features.
    """
    a, b = matrices(features_a_NxF, features_b_MxF)
    root_a, root_b = _root(a), _root(b)
    between = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    spread = np.square(root_a).sum() + np.square(root_b).sum() - 2 * between
    return float(np.square(a.mean(0) - b.mean(0)).sum() + max(spread, 0.0))


def _root(x_NxF: np.ndarray) -> np.ndarray:
    """R [min(N, F), F] with R^T R = the covariance."""
    centred = x_NxF - x_NxF.mean(0)
    return np.asarray(np.linalg.qr(centred / np.sqrt(max(len(x_NxF) - 1, 1)), mode="r"))
