"""Comparisons of pictures with their true counterparts: pixel errors, and retrieval ranks.

Most take paired images in [0, 1], [N, H, W, C]; ranks takes features.
"""

import numpy as np

LEAST = 1e-6  # lower bound on the mean squared error, so PSNR is at most 60 dB
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
    """The mean absolute difference of Cb and Cr, [N]: an error of colour without brightness.

    For images in colour; in a grey image both are 0.
    """
    return np.abs((np.asarray(made, np.float64) - true) @ CHROMA).mean((1, 2, 3))


def ranks(made_NxF: np.ndarray, true_NxF: np.ndarray) -> np.ndarray:
    """For each picture made, how many true pictures are nearer to it than its own true one, [N].

    By Euclidean distance; 0 if its own is the nearest or tied with it.
    """
    made, true = (np.asarray(x, np.float64) for x in (made_NxF, true_NxF))
    squares = (made**2).sum(1)[:, None] + (true**2).sum(1)[None] - 2 * made @ true.T
    own = np.diagonal(squares)[:, None]
    rounding = 1e-9 * (np.abs(squares).max() + 1)  # a bound for the three sums, not for distances
    return (squares < own - rounding).sum(1)


def top(ranks_N: np.ndarray, k: int) -> float:
    """The share of pictures whose true one is among the k nearest."""
    return float((ranks_N < k).mean())
