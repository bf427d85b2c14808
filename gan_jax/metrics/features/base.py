"""The interface of feature extractors, and how they process many images in batches of one size."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.host.errors import ConfigError
from gan_jax.types import Array


class Seen(NamedTuple):
    """An extractor's outputs for N images."""

    features: np.ndarray  # float32 [N, F]
    probabilities: np.ndarray | None  # float32 [N, classes]; None without classes


class Features(NamedTuple):
    """An extractor. Distances are comparable only if all fields agree, so rows record them."""

    name: str  # part of the names of distances: frechet_<name>
    see: Callable[[np.ndarray], Seen]  # of images in [0, 1], [N, H, W, C]
    preprocessing: str  # a description of what is done to images in [0, 1] first
    weights: str  # identifies the weights: crc32:..., sha256:...
    facts: Mapping[str, Any] = {}  # what else is reported with a distance


def in_batches(see: Callable[[Array], tuple[Array, Array | None]], size: int) -> Callable:
    """Turns a function of a batch [size, H, W, C] into a function of any number of images -> Seen.

    It is jitted for one batch size: the last batch is padded with black images, whose outputs are
    dropped.
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
    """Images with three channels, which are equal for grey ones. ConfigError for other numbers."""
    channels = images.shape[-1]
    if channels not in (1, 3):
        raise ConfigError(
            f"images of {channels} channels: expected 1 or 3 for features of RGB images"
        )
    return jnp.broadcast_to(images, (*images.shape[:-1], 3))


def resize(images: Array, side: int, antialias: bool) -> Array:
    """Bilinear resizing with half-pixel centres; values beyond an edge are those at the edge."""
    shape = (len(images), side, side, images.shape[-1])
    return jax.image.resize(images, shape, "bilinear", antialias=antialias)
