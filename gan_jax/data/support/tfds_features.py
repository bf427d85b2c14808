"""The features of a TFDS set: which classes it may name, and which are its image and its label.

TFDS imports the module of every class that features.json names. So before TFDS sees the file, the
names are checked against TFDS's own classes: a folder from a stranger must not decide which code is
imported and thereby run.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.host.errors import ConfigError, DataCorruptError
from gan_jax.host.files import parse_json

_NAMES = ("pythonClassName", "python_class_name", "type")  # as it was before TFDS 4.3

MODES = {1: "L", 3: "RGB"}  # what images.grid can show, by the number of channels
MOST_CLASSES = 2**20


class Fields(NamedTuple):
    """Which feature of a set is the image and which the label."""

    image: str
    shape: tuple[int | None, ...]
    label: str | None
    classes: int


def check(folder: Path) -> None:
    """DataCorruptError if features.json cannot be read, or names a class that is not TFDS's own."""
    path = folder / "features.json"
    try:
        unknown = sorted(set(_class_names(parse_json(path.read_bytes()))) - _known())
    except (OSError, ValueError) as error:
        raise DataCorruptError(
            f"{path} cannot be read as JSON ({' '.join(str(error).split())[:200]}): "
            "prepare or copy the set again"
        ) from error
    if unknown:
        raise DataCorruptError(
            f"{path} names the feature class {unknown[0]!r}, which would be imported: expected "
            "only those of tensorflow_datasets.features; prepare the set with them"
        )


def _class_names(tree: Any) -> Iterator[str]:
    """The name of every class in a tree of JSON, whatever its depth."""
    rest = [tree]
    while rest:
        node = rest.pop()
        if isinstance(node, list):
            rest += node
        if isinstance(node, dict):
            rest += node.values()
            # A feature may also be called "type"; its value is then not a string.
            yield from (node[key] for key in _NAMES if isinstance(node.get(key), str))
            if isinstance(node.get("json"), str):  # TFDS reads this text as JSON again
                rest.append(parse_json(node["json"]))


def _known() -> set[str]:
    from tensorflow_datasets import features

    classes: list[Any] = [
        each
        for each in vars(features).values()
        if isinstance(each, type) and issubclass(each, features.FeatureConnector)
    ]
    names = {f"{each.__module__}.{each.__qualname__}" for each in classes}
    return names.union(*(each.ALIASES for each in classes))  # where TFDS kept them before


def fields(name: str, info: Any) -> Fields:
    """The image and label that supervised_keys names, else the only image, else 'image'."""
    import tensorflow_datasets as tfds

    features = dict(info.features.items()) if hasattr(info.features, "items") else {}
    keys = info.supervised_keys or ()
    images = [key for key, each in features.items() if type(each) is tfds.features.Image]
    image = next((key for key in (*keys, "image") if key in images), images[0] if images else None)
    if image is None or features[image].np_dtype != np.uint8 or len(features[image].shape) != 3:
        raise ConfigError(
            f"data 'tfds:{name}' has no 8-bit image feature: it has {', '.join(features) or 'none'}"
        )
    shape = tuple(features[image].shape)
    if shape[-1] not in MODES and shape[-1] is not None:
        raise ConfigError(f"data 'tfds:{name}' has images of {shape[-1]} channels: expected 1 or 3")
    labels = [key for key, each in features.items() if type(each) is tfds.features.ClassLabel]
    label = next((key for key in (*keys, "label") if key in labels), None)
    classes = int(features[label].num_classes or 0) if label else 0
    _check_sizes(name, shape, classes)
    return Fields(image, shape, label, classes)


def _check_sizes(name: str, shape: tuple[int | None, ...], classes: int) -> None:
    """ConfigError for absurd sizes, since networks are built before any image is read."""
    from gan_jax.data.support.opening import MOST_PIXELS

    pixels = math.prod(side for side in shape[:2] if side is not None)
    if not (1 <= pixels <= MOST_PIXELS and 0 <= classes <= MOST_CLASSES):
        raise DataCorruptError(
            f"data 'tfds:{name}' is recorded with images of {shape} and {classes} classes: "
            f"expected at most {MOST_PIXELS} pixels and {MOST_CLASSES} classes; prepare it again"
        )
