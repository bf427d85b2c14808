"""scikit-learn's 1,797 handwritten digits, 8x8: needs no download, trains in seconds.

Values 0..16 are scaled to 0..255. The first four fifths of every class, in scikit-learn's order,
are the train split; the rest, mostly of later writers, are the test split.
"""

from collections.abc import Iterator

import numpy as np

from gan_jax.data.base import Arrays, Spec, image_set
from gan_jax.data.support import cache

_SPEC = Spec(shape=(8, 8, 1), kind="image", splits={"train": 1437, "test": 360}, classes=10)


def _blocks() -> Iterator[Arrays]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = np.round(digits.images * (255 / 16)).astype(np.uint8)
    yield Arrays(x[..., None], digits.target.astype(np.int32))


spec, load = image_set(_SPEC, cache.packaged("digits", "scikit-learn", _SPEC, _blocks))
