"""Fidelity and diversity by nearest neighbours: precision, recall, density, coverage.

Each point is the centre of a ball that reaches to its k-th nearest other point of the same set.
"""

from typing import NamedTuple

import numpy as np

from gan_jax.metrics.distances import Pair, blocks, exact, inside, make_pair


class PrecisionRecall(NamedTuple):
    """Shares in [0, 1]."""

    precision: float  # share of fakes that lie in a ball of the reals
    recall: float  # share of reals that lie in a ball of the fakes


class DensityCoverage(NamedTuple):
    """Density is about 1 and coverage near 1 if the distributions are the same."""

    density: float  # mean number of reals' balls that a fake lies in, over k; can exceed 1
    coverage: float  # share of the reals' balls with a fake in them


def precision_recall(real_NxF: np.ndarray, fake_MxF: np.ndarray, k: int = 3) -> PrecisionRecall:
    """Kynkaanniemi et al. 2019, eqs. 1 and 2: balls are closed. ValueError unless k < N, M."""
    pair = make_pair(real_NxF, fake_MxF)
    real_N, fake_M = radii(pair.a_NxF, k), radii(pair.b_MxF, k)
    precise = np.zeros(len(fake_M), bool)
    recalled = np.zeros(len(real_N), bool)
    for some, square in blocks(pair):
        precise |= inside(pair, some, square, real_N[some, None], closed=True).any(0)
        recalled[some] = inside(pair, some, square, fake_M[None], closed=True).any(1)
    return PrecisionRecall(float(precise.mean()), float(recalled.mean()))


def density_coverage(real_NxF: np.ndarray, fake_MxF: np.ndarray, k: int = 5) -> DensityCoverage:
    """Naeem et al. 2020, eqs. 4 and 5: balls are open, so equal sets have density 1.

    density = sum_ij [fake_j in ball of real_i] / (k M). The ball of a real with k duplicates has
    radius 0 and is empty. ValueError unless k < N; one fake is enough.
    """
    pair = make_pair(real_NxF, fake_MxF)
    real_N, total, covered = radii(pair.a_NxF, k), 0, 0
    for some, square in blocks(pair):
        in_ball = inside(pair, some, square, real_N[some, None], closed=False)
        total += int(in_ball.sum())
        covered += int(in_ball.any(1).sum())
    return DensityCoverage(total / (k * len(pair.b_MxF)), covered / len(real_N))


def radii(x_NxF: np.ndarray, k: int) -> np.ndarray:
    """Squared distance of each point to its k-th nearest other one, [N]; 0 for duplicates."""
    if not 1 <= k < len(x_NxF):
        raise ValueError(f"k is {k}, of {len(x_NxF)} points: expected 1 <= k < points")
    pair: Pair = make_pair(x_NxF, x_NxF)
    found = np.empty(len(x_NxF))
    for some, square in blocks(pair):
        square[np.arange(len(square)), np.arange(some.start, some.stop)] = np.inf  # not itself
        kth = np.argpartition(square, k - 1, axis=1)[:, k - 1]
        found[some] = exact(pair.a_NxF[some], pair.a_NxF[kth])
    return found
