"""Does gen reproduce training images, and does it repeat itself?"""

from typing import NamedTuple

import numpy as np

from gan_jax.metrics.distances import Pair, blocks, exact, make_pair

AT_ONCE = 10_000  # training images
SHARE = 0.01  # the share of held-out images that would count as copies


class Nearest(NamedTuple):
    """The nearest training image of each of M samples: its index and its distance."""

    which: np.ndarray  # [M]
    distance: np.ndarray  # [M], Euclidean, in data units


class Memorised(NamedTuple):
    """How near samples are to training images, compared with held-out images that gen never saw."""

    distance: float  # median distance of samples to their nearest training image
    distance_held_out: float  # the same for held-out images; about equal for a good gen
    copies: float  # share of samples nearer than 99 % of held-out images: .01 if gen copies nothing


def nearest(x_MxD: np.ndarray, train_NxD: np.ndarray) -> Nearest:
    """The nearest training image of each sample; ties are broken arbitrarily."""
    return _nearest(make_pair(x_MxD, train_NxD), itself=True)


def nearest_other(x_MxD: np.ndarray) -> Nearest:
    """The nearest other sample in the same set of at least 2; distance 0 means a duplicate."""
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
    """Compares the distances of fakes and of held-out images to the training images.

    Training images may be uint8, whose pixels are scaled to [0, 1]. Only a few are converted at a
    time, so a memory-mapped set may be larger than the memory.
    """
    fake, held = (_distances(x, train_NxD) for x in (fake_MxD, held_MxD))
    copies = float((fake < np.quantile(held, SHARE)).mean())
    return Memorised(float(np.median(fake)), float(np.median(held)), copies)


def _distances(x_MxD: np.ndarray, train_NxD: np.ndarray) -> np.ndarray:
    """The distance of each x to its nearest training image, [M]."""
    least = np.full(len(x_MxD), np.inf)
    for start in range(0, len(train_NxD), AT_ONCE):
        some = train_NxD[start : start + AT_ONCE]
        some = some / np.float32(255) if some.dtype == np.uint8 else some
        least = np.minimum(least, nearest(x_MxD, some).distance)
    return least


def duplicates(x_MxD: np.ndarray, radius: float = 0.0) -> float:
    """The share of samples that have another one within `radius`; with 0, an identical one."""
    return float((nearest_other(x_MxD).distance <= radius).mean())
