"""How each device computes a convolution or one of its gradients: see trilinear.py for the kinds.

On GPUs and TPUs, each kind is XLA's own convolution; on TPUs, small groups are merged into larger
ones first. On CPUs, XLA's convolutions are slow, and the gradients that jax derives of them ten to
fifty times slower still in a loop of steps. So there each kind is a few products of matrices.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.nets.layers.by_products import FEW, How, Sides, by_products
from gan_jax.types import Array

LAYOUT = ("NHWC", "HWIO", "NHWC")
MANY = 32  # channels
LANES = 128  # channels that a TPU's matrix unit takes at once


def by_xla(a: Array, b: Array, kind: str, how: How, sides: Sides) -> Array:
    """Each kind by XLA's own convolution and jax's derivatives of it."""

    def conv(x: Array, kernel: Array) -> Array:
        return lax.conv_general_dilated(
            x,
            kernel,
            (how.stride, how.stride),
            how.padding,
            dimension_numbers=LAYOUT,
            feature_group_count=how.groups,
        )

    if kind == "y":
        return conv(a, b)
    like = shape_of(a, b, kind, how, sides)
    if kind == "x":
        return jax.linear_transpose(lambda x: conv(x, a), like)(b)[0]
    return jax.linear_transpose(lambda kernel: conv(a, kernel), like)(b)[0]


def _in_layout(a: Array, b: Array, kind: str, how: How, sides: Sides) -> Array:
    """Each kind as a convolution in the layout of the CPU's fast kernels, without groups.

    The barriers keep the compiler from folding the transposes into the layout again.
    """
    s, barrier = how.stride, lax.optimization_barrier
    if kind == "y":
        return by_xla(a, b, kind, how, sides)
    if kind == "x":
        turned = barrier(a[::-1, ::-1].swapaxes(2, 3))
        gaps = zip(sides, b.shape[1:3], how.padding, how.size, strict=True)
        padding = [
            (size - 1 - low, side - s * (n - 1) - 1 + low) for side, n, (low, _), size in gaps
        ]
        return lax.conv_general_dilated(
            b, turned, (1, 1), padding, lhs_dilation=(s, s), dimension_numbers=LAYOUT
        )
    x, g = barrier(a.transpose(3, 1, 2, 0)), barrier(b.transpose(1, 2, 0, 3))
    ends = zip(a.shape[1:3], b.shape[1:3], how.padding, how.size, strict=True)
    padding = [(low, s * (n - 1) + size - side - low) for side, n, (low, _), size in ends]
    kernel = lax.conv_general_dilated(
        x, g, (1, 1), padding, rhs_dilation=(s, s), dimension_numbers=LAYOUT
    )
    return kernel.transpose(1, 2, 0, 3)


def _is_product(kind: str, how: How, c: int, f: int) -> bool:
    """Whether products of matrices are faster on a CPU, by measurement, or have to be: only they
    round factors. They are for 1x1 kernels, for many channels, and for few made from many."""
    needed = how.precision == "bfloat16" or how.size == (1, 1)
    return needed or min(c, f) >= MANY or (kind == "x" and c < FEW)


def on_cpu(a: Array, b: Array, kind: str, how: How, sides: Sides) -> Array:
    """Computes the groups one by one in a loop, and narrow numbers as float32, which costs less."""
    if a.dtype == jnp.bfloat16:
        wide = on_cpu(a.astype(jnp.float32), b.astype(jnp.float32), kind, how, sides)
        return wide.astype(jnp.bfloat16)
    c = a.shape[-2] if kind == "x" else a.shape[-1] // how.groups
    f = (a if kind == "x" else b).shape[-1] // how.groups
    way = by_products if _is_product(kind, how, c, f) else _in_layout
    one = functools.partial(way, kind=kind, how=how._replace(groups=1), sides=sides)
    if how.groups == 1:
        return one(a, b)
    parts = [jnp.moveaxis(z.reshape(*z.shape[:-1], how.groups, -1), -2, 0) for z in (a, b)]
    y = jnp.moveaxis(lax.map(lambda pair: one(*pair), tuple(parts)), 0, -2)
    return y.reshape(*y.shape[:-2], -1)


def on_tpu(a: Array, b: Array, kind: str, how: How, sides: Sides) -> Array:
    """Merges groups until they have up to LANES channels; the merged kernel is zero between them.

    The zeros cost nothing, as groups of fewer channels leave the rest of the matrix unit idle.
    """
    channels = a.shape[-2] if kind == "x" else a.shape[-1] // how.groups
    many = range(1, max(LANES // channels, 1) + 1)
    merged = max(n for n in many if how.groups % n == 0)
    if merged == 1:
        return by_xla(a, b, kind, how, sides)

    def spread(kernel: Array) -> Array:
        """[*size, C, F] -> [*size, merged C, F]: a block of the diagonal for each group."""
        sides, each = kernel.shape[:2], kernel.shape[-1] // how.groups
        parts = kernel.reshape(*sides, 1, channels, -1, merged, each)
        diagonal = jnp.eye(merged, dtype=kernel.dtype)[None, None, :, None, None, :, None]
        return (parts * diagonal).reshape(*sides, merged * channels, -1)

    wider = how._replace(groups=how.groups // merged)
    if kind == "y":
        return by_xla(a, spread(b), kind, wider, sides)
    if kind == "x":
        return by_xla(spread(a), b, kind, wider, sides)
    like = shape_of(a, b, kind, how, sides)
    return jax.linear_transpose(spread, like)(by_xla(a, b, kind, wider, sides))[0]


def shape_of(a: Any, b: Any, kind: str, how: How, sides: Sides) -> jax.core.ShapedArray:
    shape = {
        "y": (*a.shape[:-3], *sides, b.shape[-1]),
        "x": (*b.shape[:-3], *sides, a.shape[-2] * how.groups),
        "k": (*a.shape[:-4], *how.size, a.shape[-1] // how.groups, b.shape[-1]),
    }[kind]
    return jax.core.ShapedArray(shape, a.dtype)
