"""Has gen learned the training images by heart, and does it repeat itself?"""

from typing import NamedTuple

import numpy as np

from gan_jax.metrics.distances import Pair, blocks, exact, make_pair

AT_ONCE = 10_000  # training images
SHARE = 0.01  # of held-out images that are taken to be as near as copies


class Nearest(NamedTuple):
    """Of each of M samples, its nearest training image: where it is, and how far."""

    which: np.ndarray  # [M]
    distance: np.ndarray  # [M], Euclidean, in data units


class Memorised(NamedTuple):
    """How near samples come to training images, beside held-out images that gen never saw."""

    distance: float  # median over samples to their nearest training image
    distance_held_out: float  # the same of held-out images; a good gen's is about as large
    copies: float  # share of samples nearer than 99 % of held-out images: .01 without memory


def nearest(x_MxD: np.ndarray, train_NxD: np.ndarray) -> Nearest:
    """The nearest of the training images, flattened; of several as near, one of them."""
    return _nearest(make_pair(x_MxD, train_NxD), itself=True)


def nearest_other(x_MxD: np.ndarray) -> Nearest:
    """The nearest other sample of the same set: distance 0 is a duplicate. At least 2 samples."""
    if len(x_MxD) < 2:
        raise ValueError(f"the nearest other of {len(x_MxD)} samples: expected at least 2")
    return _nearest(make_pair(x_MxD, x_MxD), itself=False)


def _nearest(pair: Pair, itself: bool) -> Nearest:
    which = np.empty(len(pair.a_NxF), int)
    for some, square in blocks(pair):
        if not itself:
            square[np.arange(len(square)), np.arange(some.start, some.stop)] = np.inf
        which[some] = square.argmin(1)
    return Nearest(which, np.sqrt(exact(pair.a_NxF, pair.b_MxF[which])))


def memorised(fake_MxD: np.ndarray, train_NxD: np.ndarray, held_MxD: np.ndarray) -> Memorised:
    """Distances of fakes and of held-out images to the training images.

    These may be uint8, of pixels that are in [0, 1] elsewhere: few of them are taken at a time, so
    that there may be more than the memory holds.
    """
    fake, held = (_distances(x, train_NxD) for x in (fake_MxD, held_MxD))
    copies = float((fake < np.quantile(held, SHARE)).mean())
    return Memorised(float(np.median(fake)), float(np.median(held)), copies)


def _distances(x_MxD: np.ndarray, train_NxD: np.ndarray) -> np.ndarray:
    """Of each x to the nearest of the training images, [M]."""
    least = np.full(len(x_MxD), np.inf)
    for start in range(0, len(train_NxD), AT_ONCE):
        some = train_NxD[start : start + AT_ONCE]
        some = some / np.float32(255) if some.dtype == np.uint8 else some
        least = np.minimum(least, nearest(x_MxD, some).distance)
    return least


def duplicates(x_MxD: np.ndarray, radius: float = 0.0) -> float:
    """Share of the samples with another at most `radius` away; 0: the same numbers."""
    return float((nearest_other(x_MxD).distance <= radius).mean())
