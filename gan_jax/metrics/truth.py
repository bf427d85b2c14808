"""Pictures beside the ones they should be: how far off they are, and whether they are recognised.

All are of paired images in [0, 1], [N, H, W, C].
"""

import numpy as np

LEAST = 1e-6  # mean squared error that counts as none: PSNR ends at 60 dB
# Cb and Cr of ITU-R BT.601, of colours in [0, 1]; each is in [-1/2, 1/2].
CHROMA = np.asarray([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]).T


def l1(made: np.ndarray, true: np.ndarray) -> np.ndarray:
    """The mean absolute difference of pixels, [N], in [0, 1]."""
    return np.abs(np.asarray(made, np.float64) - true).mean((1, 2, 3))


def psnr(made: np.ndarray, true: np.ndarray) -> np.ndarray:
    """-10 log10 of the mean squared difference, [N], in dB; at most 60, for equal images too."""
    square = ((np.asarray(made, np.float64) - true) ** 2).mean((1, 2, 3))
    return -10 * np.log10(np.maximum(square, LEAST))


def chroma(made: np.ndarray, true: np.ndarray) -> np.ndarray:
    """The mean absolute difference of Cb and Cr, [N]: of colours, whatever their brightness.

    Of images in colour. A grey image has both 0.
    """
    return np.abs((np.asarray(made, np.float64) - true) @ CHROMA).mean((1, 2, 3))


def ranks(made_NxF: np.ndarray, true_NxF: np.ndarray) -> np.ndarray:
    """How many of the true ones are nearer to what was made than the one it should be, [N].

    By Euclidean distance; 0 where the right one is the nearest, or as near as it.
    """
    made, true = (np.asarray(x, np.float64) for x in (made_NxF, true_NxF))
    squares = (made**2).sum(1)[:, None] + (true**2).sum(1)[None] - 2 * made @ true.T
    own = np.diagonal(squares)[:, None]
    rounding = 1e-9 * (np.abs(squares).max() + 1)  # of the three sums, not of the distances
    return (squares < own - rounding).sum(1)


def top(ranks_N: np.ndarray, k: int) -> float:
    """The share of images whose true one is among the k nearest."""
    return float((ranks_N < k).mean())
