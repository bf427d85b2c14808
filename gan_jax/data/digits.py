"""scikit-learn's 1,797 handwritten digits, 8x8: needs no download, trains in seconds.

Values 0..16 are scaled to 0..255. The first four fifths of every class, in scikit-learn's order,
are the train split; the rest, mostly of later writers, are the test split.
"""

from collections.abc import Iterator

import numpy as np

from gan_jax.data import cache
from gan_jax.data.base import Arrays, PathLike, Spec, stratified, take

_SPEC = Spec(shape=(8, 8, 1), kind="image", splits={"train": 1437, "test": 360}, classes=10)


def spec(data_dir: PathLike | None = None) -> Spec:
    """8x8 grey images of 10 classes; data_dir is not used, the digits come with scikit-learn."""
    return _SPEC


def load(split: str, data_dir: PathLike | None = None) -> Arrays:
    """x uint8 [N, 8, 8, 1], label int32 [N]. ConfigError if scikit-learn is not installed."""
    return take(split, _SPEC.splits, _whole)


def _whole(split: str) -> Arrays:
    whole = cache.packaged("digits", "scikit-learn", (1797, *_SPEC.shape), _blocks)
    return stratified(whole, split, _SPEC.splits["train"])


def _blocks() -> Iterator[Arrays]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = np.round(digits.images * (255 / 16)).astype(np.uint8)
    yield Arrays(x[..., None], digits.target.astype(np.int32))
