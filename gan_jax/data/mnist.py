"""MNIST, 60,000 + 10,000 handwritten digits, 28x28, from a TFDS folder."""

from gan_jax.data import tfds_reader
from gan_jax.data.base import Arrays, PathLike, Spec, take

_SPEC = Spec(shape=(28, 28, 1), kind="image", splits={"train": 60000, "test": 10000}, classes=10)


def spec(data_dir: PathLike | None = None) -> Spec:
    """28x28 grey images of 10 classes, known without the files."""
    return _SPEC


def load(split: str, data_dir: PathLike | None = None) -> Arrays:
    """x uint8 [N, 28, 28, 1], label int32 [N]. DataMissingError if TFDS has not prepared it."""
    return take(split, _SPEC.splits, lambda s: tfds_reader.read("mnist", s, data_dir, _SPEC))
