"""What a feature extractor is to the rest, and how it sees many images: in batches of one size."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.host.errors import ConfigError
from gan_jax.types import Array


class Seen(NamedTuple):
    """What an extractor makes of N images."""

    features: np.ndarray  # float32 [N, F]
    probabilities: np.ndarray | None  # float32 [N, classes]; None where there are no classes


class Features(NamedTuple):
    """An extractor. Distances compare only if all of this is the same, so rows say all of it."""

    name: str  # a distance is called after it: frechet_<name>
    see: Callable[[np.ndarray], Seen]  # of images in [0, 1], [N, H, W, C]
    preprocessing: str  # what is done to images in [0, 1] first, in words
    weights: str  # which ones: crc32:..., sha256:...
    facts: Mapping[str, Any] = {}  # what else is to stand beside a distance


def in_batches(see: Callable[[Array], tuple[Array, Array | None]], size: int) -> Callable:
    """A function of a batch [size, H, W, C], jitted, as one of any number of images -> Seen.

    The last batch is filled up with black images, which are dropped: one program serves all.
    """
    see = jax.jit(see)

    def all_of(images_NxHxWxC: np.ndarray) -> Seen:
        parts = []
        for start in range(0, len(images_NxHxWxC), size):
            images = np.asarray(images_NxHxWxC[start : start + size], np.float32)
            lacking = [(0, size - len(images)), *[(0, 0)] * 3]
            found = see(jnp.asarray(np.pad(images, lacking)))
            parts.append([None if x is None else np.asarray(x)[: len(images)] for x in found])
        features, probabilities = zip(*parts, strict=True)
        return Seen(
            np.concatenate(features),
            None if probabilities[0] is None else np.concatenate(probabilities),
        )

    return all_of


def as_rgb(images: Array) -> Array:
    """Three channels: a grey image is the same in all of them. ConfigError for other numbers."""
    channels = images.shape[-1]
    if channels not in (1, 3):
        raise ConfigError(
            f"images of {channels} channels: expected 1 or 3 for features of RGB images"
        )
    return jnp.broadcast_to(images, (*images.shape[:-1], 3))


def resize(images: Array, side: int, antialias: bool) -> Array:
    """Bilinear, by the centres of pixels, beyond the edges as at them."""
    shape = (len(images), side, side, images.shape[-1])
    return jax.image.resize(images, shape, "bilinear", antialias=antialias)
