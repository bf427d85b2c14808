"""MNIST, 60,000 + 10,000 handwritten digits, 28x28, from a TFDS folder."""

from gan_jax.data.base import Spec, image_set
from gan_jax.data.support import tfds_reader

_SPEC = Spec(shape=(28, 28, 1), kind="image", splits={"train": 60000, "test": 10000}, classes=10)

spec, load = image_set(_SPEC, lambda split, folder: tfds_reader.read("mnist", split, folder, _SPEC))
