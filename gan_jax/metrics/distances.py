"""Distances between two sets of points on the host, a block of rows at a time, in float64.

|a|^2 + |b|^2 - 2 a.b costs only one matrix product but rounds. Where a decision depends on the
rounding, or a distance is reported, the distance is computed from differences, so results are exact
for coinciding points and for equal sets.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

BLOCK = 500  # rows of a matrix product: 500 x 10,000 distances are 40 MB
TILE = 25  # rows processed at a time, which fit in the processor's cache
PAIRS = 4096  # differences taken at a time


class Pair(NamedTuple):
    """Two sets of points, as given and shifted to a common centre, where squares cancel less."""

    a_NxF: np.ndarray
    b_MxF: np.ndarray
    near_a: np.ndarray
    near_b: np.ndarray
    squares_a: np.ndarray  # [N]
    squares_b: np.ndarray  # [M]

    @property
    def rounding(self) -> float:
        """An upper bound on the error of the squared distances from `blocks`."""
        size = self.squares_a.max() + self.squares_b.max()
        return float(np.finfo(np.float64).eps * (self.a_NxF.shape[1] + 8) * size)


def matrices(a_NxF: np.ndarray, b_MxF: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both in float64. ValueError unless both are non-empty, finite matrices of the same width."""
    a, b = (np.asarray(x, np.float64) for x in (a_NxF, b_MxF))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or not a.size or not b.size:
        raise ValueError(f"points {a.shape} and {b.shape}: expected [N, F] and [M, F], not empty")
    if not np.isfinite(a).all() or not np.isfinite(b).all():
        raise ValueError(
            "points are not finite: compare the samples of a run that has not diverged"
        )
    return a, b


def make_pair(a_NxF: np.ndarray, b_MxF: np.ndarray) -> Pair:
    """Two sets for `blocks`. ValueError as for `matrices`."""
    a, b = matrices(a_NxF, b_MxF)
    middle = a.mean(0)
    near_a, near_b = a - middle, b - middle
    squares_a, squares_b = (np.einsum("nf,nf->n", x, x) for x in (near_a, near_b))
    return Pair(a, b, near_a, near_b, squares_a, squares_b)


def rows(n: int, size: int = BLOCK) -> Iterator[slice]:
    """Consecutive slices of at most `size` that cover n rows."""
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


def blocks(pair: Pair) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields (rows of a, their squared distances to b [rows, M]), off by at most pair.rounding."""
    for block in rows(len(pair.a_NxF)):
        product = pair.near_a[block] @ pair.near_b.T
        for part in rows(len(product), TILE):
            some, square = slice(block.start + part.start, block.start + part.stop), product[part]
            square *= -2
            square += pair.squares_a[some, None]
            square += pair.squares_b
            yield some, square


def exact(a_PxF: np.ndarray, b_PxF: np.ndarray) -> np.ndarray:
    """Squared distances between paired points, [P], computed from differences."""
    return np.square(a_PxF - b_PxF).sum(1)


def inside(
    pair: Pair, some: slice, square: np.ndarray, radius: np.ndarray, closed: bool
) -> np.ndarray:
    """Which squared distances of a block are below the squared `radius`; closed: or equal to it.

    radius broadcasts against the block: [rows, 1] for balls around a, [1, M] for balls around b.
    """
    beyond = square - radius
    found = beyond < 0
    close = np.argwhere(np.abs(beyond) <= pair.rounding)
    limit = np.broadcast_to(radius, square.shape)
    for part in rows(len(close), PAIRS):
        i, j = close[part].T
        true = exact(pair.a_NxF[some][i], pair.b_MxF[j])
        found[i, j] = true <= limit[i, j] if closed else true < limit[i, j]
    return found
