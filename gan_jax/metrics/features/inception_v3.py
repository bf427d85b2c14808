"""Inception v3 as used by the Frechet Inception Distance: the 2048 features before its classes.

Szegedy et al. 2015, in the variant of the network that Heusel et al. 2017 measured with: average
pooling ignores padding, and the last block pools by the maximum. Layers are named as in PyTorch's
ports of it.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.metrics.features.layers import NORM, Convolution, convolve, folded
from gan_jax.types import Array

SIDE, FEATURES = 299, 2048

# layer(x, name, kernel's height and width, output channels, stride, padding) -> its output
Layer = Callable[[Array, str, tuple[int, int], int, int, str], Array]
Convolve = Callable[..., Array]  # (x, "name 3x3 64", ...) -> x after these layers in turn


def network(layer: Layer, x: Array) -> Array:
    """[N, SIDE, SIDE, 3] in [-1, 1] -> [N, 2048]. `3x3/2` has a stride of 2 and no padding."""

    def inside(block: str) -> Convolve:
        return functools.partial(_chain, layer, f"{block}.")

    stem = functools.partial(_chain, layer, "")
    x = stem(x, "Conv2d_1a_3x3 3x3/2 32", "Conv2d_2a_3x3 3x3/1 32", "Conv2d_2b_3x3 3x3 64")
    x = stem(_max_pool(x, 2), "Conv2d_3b_1x1 1x1 80", "Conv2d_4a_3x3 3x3/1 192")
    x = _max_pool(x, 2)
    for name, pooled in {"5b": 32, "5c": 64, "5d": 64}.items():
        x = _wide(inside(f"Mixed_{name}"), x, pooled)
    x = _halve_wide(inside("Mixed_6a"), x)
    for name, inner in {"6b": 128, "6c": 160, "6d": 160, "6e": 192}.items():
        x = _long(inside(f"Mixed_{name}"), x, inner)
    x = _halve_long(inside("Mixed_7a"), x)
    x = _split(inside("Mixed_7b"), x, _average_pool)
    x = _split(inside("Mixed_7c"), x, functools.partial(_max_pool, stride=1))
    return x.mean((1, 2))


def _chain(layer: Layer, prefix: str, x: Array, *steps: str) -> Array:
    for step in steps:
        name, kernel, out = step.split()
        size, _, stride = kernel.partition("/")
        height, width = map(int, size.split("x"))
        padding = "VALID" if stride else "SAME"
        x = layer(x, prefix + name, (height, width), int(out), int(stride or 1), padding)
    return x


def _join(*parts: Array) -> Array:
    return jnp.concatenate(parts, -1)


def _wide(conv: Convolve, x: Array, pooled: int) -> Array:
    """Branches of 1 x 1, 5 x 5, two 3 x 3 in turn, and pooling."""
    return _join(
        conv(x, "branch1x1 1x1 64"),
        conv(x, "branch5x5_1 1x1 48", "branch5x5_2 5x5 64"),
        conv(x, "branch3x3dbl_1 1x1 64", "branch3x3dbl_2 3x3 96", "branch3x3dbl_3 3x3 96"),
        conv(_average_pool(x), f"branch_pool 1x1 {pooled}"),
    )


def _halve_wide(conv: Convolve, x: Array) -> Array:
    return _join(
        conv(x, "branch3x3 3x3/2 384"),
        conv(x, "branch3x3dbl_1 1x1 64", "branch3x3dbl_2 3x3 96", "branch3x3dbl_3 3x3/2 96"),
        _max_pool(x, 2),
    )


def _long(conv: Convolve, x: Array, inner: int) -> Array:
    """Branches with 7 x 7 factored into 1 x 7 and 7 x 1, once and twice."""
    return _join(
        conv(x, "branch1x1 1x1 192"),
        conv(x, f"branch7x7_1 1x1 {inner}", f"branch7x7_2 1x7 {inner}", "branch7x7_3 7x1 192"),
        conv(
            x,
            f"branch7x7dbl_1 1x1 {inner}",
            f"branch7x7dbl_2 7x1 {inner}",
            f"branch7x7dbl_3 1x7 {inner}",
            f"branch7x7dbl_4 7x1 {inner}",
            "branch7x7dbl_5 1x7 192",
        ),
        conv(_average_pool(x), "branch_pool 1x1 192"),
    )


def _halve_long(conv: Convolve, x: Array) -> Array:
    return _join(
        conv(x, "branch3x3_1 1x1 192", "branch3x3_2 3x3/2 320"),
        conv(
            x,
            "branch7x7x3_1 1x1 192",
            "branch7x7x3_2 1x7 192",
            "branch7x7x3_3 7x1 192",
            "branch7x7x3_4 3x3/2 192",
        ),
        _max_pool(x, 2),
    )


def _split(conv: Convolve, x: Array, pool: Callable[[Array], Array]) -> Array:
    """Branches with 3 x 3 replaced by 1 x 3 and 3 x 1 side by side."""
    one = conv(x, "branch3x3_1 1x1 384")
    two = conv(x, "branch3x3dbl_1 1x1 448", "branch3x3dbl_2 3x3 384")
    return _join(
        conv(x, "branch1x1 1x1 320"),
        conv(one, "branch3x3_2a 1x3 384"),
        conv(one, "branch3x3_2b 3x1 384"),
        conv(two, "branch3x3dbl_3a 1x3 384"),
        conv(two, "branch3x3dbl_3b 3x1 384"),
        conv(pool(x), "branch_pool 1x1 192"),
    )


def _average_pool(x: Array) -> Array:
    """3 x 3 average pooling that ignores padding."""

    def add(x: Array) -> Array:
        return jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, 3, 3, 1), (1, 1, 1, 1), "SAME")

    return add(x) / add(jnp.ones((1, *x.shape[1:3], 1)))


def _max_pool(x: Array, stride: int) -> Array:
    """3 x 3 max pooling: without padding if it halves the sides, else ignoring padding."""
    padding = "VALID" if stride > 1 else "SAME"
    window, strides = (1, 3, 3, 1), (1, stride, stride, 1)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, strides, padding)


def shapes() -> dict[str, tuple[int, ...]]:
    """{name: shape} of all weights before the classes, as PyTorch lays them out."""
    found: dict[str, tuple[int, ...]] = {}

    def note(x: Array, name: str, kernel: tuple[int, int], out: int, *how: Any) -> Array:
        found[f"{name}.conv.weight"] = (out, x.shape[-1], *kernel)
        found.update({f"{name}.bn.{each}": (out,) for each in NORM})
        return convolve(
            x, Convolution(jnp.zeros((*kernel, x.shape[-1], out)), jnp.zeros((1, 1, 1, out))), *how
        )

    jax.eval_shape(lambda x: network(note, x), jax.ShapeDtypeStruct((1, SIDE, SIDE, 3), "float32"))
    return found


def parameters(arrays: Mapping[str, np.ndarray]) -> dict[str, Convolution]:
    """The layers by name, batch norms folded in, from arrays of the names of shapes()."""
    names = [name.removesuffix(".conv.weight") for name in shapes() if "conv.weight" in name]
    return {name: folded(arrays, f"{name}.conv.weight", f"{name}.bn") for name in names}


def features(params: Mapping[str, Convolution], x: Array) -> Array:
    """[N, SIDE, SIDE, 3] in [-1, 1] -> [N, FEATURES]: the network with these parameters."""

    def layer(x: Array, name: str, kernel: tuple[int, int], out: int, *how: Any) -> Array:
        return jax.nn.relu(convolve(x, params[name], *how))

    return network(layer, x)
