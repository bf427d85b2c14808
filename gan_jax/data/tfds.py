"""Any image set in a TFDS folder, named tfds:NAME, tfds:NAME/CONFIG or tfds:NAME:VERSION."""

from gan_jax.data.base import Arrays, PathLike, Spec, take
from gan_jax.data.support import tfds_reader


def spec(name: str, data_dir: PathLike | None = None) -> Spec:
    """The spec that TFDS recorded; if it has no shape, one image is decoded."""
    return tfds_reader.recorded_spec(name, data_dir)


def load(name: str, split: str, data_dir: PathLike | None = None) -> Arrays:
    """x uint8 [N, H, W, C], label int32 [N] or None. ConfigError if the images' shapes differ."""
    whole = spec(name, data_dir)
    return take(split, whole.splits, lambda s: tfds_reader.read(name, s, data_dir, whole))
