"""Trained classifiers cached on disk in the user's cache folder: plain arrays and their checksum.

A file is named by a digest of everything that determines the weights: images and labels, settings,
and library versions. A damaged file counts as absent. If no file can be written, the classifier is
trained each time, which takes seconds.
"""

import contextlib
import hashlib
import importlib.metadata
import io
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gan_jax.data.support.cache import user_folders
from gan_jax.host.errors import DataCorruptError
from gan_jax.host.files import write_atomically
from gan_jax.metrics import classifier as lib
from gan_jax.metrics.features import weights
from gan_jax.types import PyTree

_FORMAT = 1  # raise it if the same data and settings give different weights
_TRAINERS = ("jax", "jaxlib", "flax", "optax")


def classifier(
    x_NxHxWxC: np.ndarray, label_N: np.ndarray, classes: int, seed: int = 0
) -> lib.Classify:
    """The result of metrics.classifier.train_classifier, read from disk if it is cached."""
    like = lib.shapes(x_NxHxWxC.shape[1:], classes)
    name = f"{_digest(x_NxHxWxC[: lib.MOST], label_N[: lib.MOST], classes, seed)}.npz"
    paths = [folder / name for folder in user_folders("classifiers")]
    for path in paths:
        if (params := _read(path, like)) is not None:
            return lib.classify(classes, params)
    params = lib.fit(x_NxHxWxC, label_N, classes, seed)
    for path in paths:
        with contextlib.suppress(OSError):
            _write(path, params)
    return lib.classify(classes, params)


def _digest(x: np.ndarray, label: np.ndarray, classes: int, seed: int) -> str:
    versions = [importlib.metadata.version(name) for name in _TRAINERS]
    how = (_FORMAT, lib.SETTINGS, versions, jax.default_backend(), x.shape, classes, seed)
    found = hashlib.sha256(repr(how).encode())
    for array in (x, label):
        found.update(array.tobytes())
    return found.hexdigest()[:16]


def _read(path: Path, like: PyTree) -> PyTree | None:
    expected, tree = jax.tree.flatten(like)
    try:
        arrays = weights.parse(path, path.read_bytes())
        leaves = [arrays[str(i)] for i in range(len(expected))]
        whole = arrays["crc32"].tolist() == lib.crc32(leaves)
    except (OSError, KeyError, DataCorruptError):
        return None
    fits = all(
        a.shape == b.shape and a.dtype == b.dtype for a, b in zip(leaves, expected, strict=True)
    )
    return jax.tree.unflatten(tree, leaves) if whole and fits else None


def _write(path: Path, params: PyTree) -> None:
    leaves, file = jax.tree.leaves(params), io.BytesIO()
    arrays: dict[str, Any] = {str(i): np.asarray(leaf) for i, leaf in enumerate(leaves)}
    np.savez(file, crc32=lib.crc32(leaves), **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, file.getvalue())
