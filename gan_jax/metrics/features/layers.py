"""Convolutions with batch norm folded in, from arrays with PyTorch's names and layout."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.types import Array

EPS = 1e-3  # of the batch norms of EfficientNet-Lite and of Inception v3
NORM = ("weight", "bias", "running_mean", "running_var")


class Convolution(NamedTuple):
    """y = x * kernel + bias."""

    kernel: Array  # [height, width, in, out]
    bias: Array  # [1, 1, 1, out]


def folded(arrays: Mapping[str, np.ndarray], kernel: str, norm: str) -> Convolution:
    """kernel [out, in, height, width], then (y - mean) / sqrt(var + EPS) * weight + bias."""
    weight, bias, mean, var = (arrays[f"{norm}.{name}"].astype(np.float64) for name in NORM)
    scale = weight / np.sqrt(var + EPS)
    scaled, moved = arrays[kernel].transpose(2, 3, 1, 0) * scale, bias - mean * scale
    return Convolution(jnp.float32(scaled), jnp.float32(moved)[None, None, None])


def convolve(x: Array, by: Convolution, stride: int = 1, padding: str = "SAME") -> Array:
    """[N, H, W, C] -> [N, H', W', out]."""
    y = jax.lax.conv_general_dilated(
        x,
        by.kernel,
        (stride, stride),
        padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision="highest",
    )
    return y + by.bias


def convolve_each(x: Array, by: Convolution, stride: int = 1) -> Array:
    """Depthwise convolution, kernel [height, width, 1, C], with SAME padding.

    Computed as a sum of shifted images, which on a CPU is seven times as fast as XLA's grouped
    convolution.
    """
    pads = jax.lax.padtype_to_pads(x.shape[1:3], by.kernel.shape[:2], (stride, stride), "SAME")
    padded = jnp.pad(x, [(0, 0), *pads, (0, 0)])
    height, width = (-(-side // stride) * stride for side in x.shape[1:3])
    y = by.bias
    for i, j in np.ndindex(by.kernel.shape[:2]):
        shifted = padded[:, i : i + height : stride, j : j + width : stride]
        y = y + shifted * by.kernel[None, None, i, j]
    return y
