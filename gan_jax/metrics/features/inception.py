"""Features of Inception v3 with weights of your own, given by path and sha256, never downloaded.

With the weights of 2015, the distance is the Frechet Inception Distance that papers report. The
sha256 of the weights is recorded beside each distance.
"""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax.host.environment import local_path
from gan_jax.host.errors import ConfigError, listed
from gan_jax.metrics.features import inception_v3, weights
from gan_jax.metrics.features.base import Features, as_rgb, in_batches, resize
from gan_jax.types import Array, PyTree

BATCH = 10
LEAF, SUFFIXES = "features.inception", (".npz", ".safetensors")
CLASSES = "fc.weight"  # [classes, 2048]; without it there are no class probabilities


def make(config: ConfigDict) -> Features:
    """The extractor. ConfigError, DataMissingError or DataCorruptError for unusable weights."""
    path, sha256 = config.features.inception.path, config.features.inception.sha256
    if not path:
        raise ConfigError(
            f"features 'inception' need weights of yours: expected {LEAF}.path, a file that ends "
            f"in {' or '.join(SUFFIXES)}, and {LEAF}.sha256"
        )
    return _make(Path(local_path(f"{LEAF}.path", path, "file")), (sha256 or "").lower())


@functools.lru_cache(maxsize=1)
def _make(path: Path, sha256: str) -> Features:
    arrays = _arrays(path, sha256)
    params = {"layers": inception_v3.parameters(arrays), "classes": arrays.get(CLASSES)}
    side = inception_v3.SIDE
    return Features(
        "inception",
        in_batches(functools.partial(_see, jax.tree.map(jnp.asarray, params)), BATCH),
        f"grey as RGB, bilinear without antialiasing to {side} x {side}, 2 x - 1",
        f"sha256:{sha256}",
    )


def _arrays(path: Path, sha256: str) -> dict[str, np.ndarray]:
    if path.suffix not in SUFFIXES:
        raise ConfigError(
            f"{LEAF}.path is {str(path)!r}: expected a file that ends in {' or '.join(SUFFIXES)}, "
            "as others can hold code; README.md says how to save one"
        )
    content = weights.read(path, "Inception's weights", f"correct {LEAF}.path")
    found = weights.sha256(content)
    if found != sha256:
        given = f"{sha256!r}" if sha256 else "not set"
        raise ConfigError(f"{LEAF}.sha256 is {given}: that of {path} is {found}")
    arrays = weights.parse(path, content)
    expected = inception_v3.shapes()
    wrong = [
        f"{name} is {arrays[name].shape if name in arrays else 'missing'}, expected {shape}"
        for name, shape in expected.items()
        if name not in arrays or arrays[name].shape != shape
    ]
    if wrong:
        raise ConfigError(f"{path} is not of Inception v3: {listed(wrong, 2)}")
    return arrays


def _see(params: PyTree, images: Array) -> tuple[Array, Array | None]:
    x = 2 * resize(as_rgb(images), inception_v3.SIDE, antialias=False) - 1
    features = inception_v3.features(params["layers"], x)
    if params["classes"] is None:
        return features, None
    # without the bias, as for the inception score since Salimans et al. 2016
    logits = jnp.matmul(features, params["classes"].T, precision="highest")
    return features, jax.nn.softmax(logits)
