"""How each device computes a convolution or one of its gradients: see trilinear.py for the kinds.

On GPUs and TPUs, each kind is XLA's own convolution; on TPUs, small groups are merged into larger
ones first. On CPUs, XLA changes a convolution to the layout of its fast kernels only outside loops,
and the gradients that jax derives are in another layout, which makes them ten to fifty times slower
in a loop of steps. So on CPUs each kind is written in the fast layout, or as a product of matrices
where that is faster (_is_product).
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.nets.layers.matmul import matmul
from gan_jax.types import Array

LAYOUT = ("NHWC", "HWIO", "NHWC")
FEW = 8  # channels
LANES = 128  # channels that a TPU's matrix unit takes at once
Sides = tuple[int, int]


class How(NamedTuple):
    """The settings of a convolution, without its arrays."""

    size: Sides  # of the kernel
    stride: int = 1
    padding: tuple[Sides, Sides] = ((0, 0), (0, 0))  # (before, after) along each side
    groups: int = 1  # each sees only its share of the channels
    precision: str | None = None  # jax_default_matmul_precision where it was called


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


def _as_product(a: Array, b: Array, kind: str, how: How, sides: Sides) -> Array:
    """Each kind as a product of matrices: the windows of x times the kernel."""
    if kind == "y":
        return matmul(_windows(a, how), _matrix(b, how))
    if kind == "x":
        image = shape_of(a, b, kind, how, sides)
        seen = matmul(b, _matrix(a, how).T)
        return jax.linear_transpose(lambda x: _windows(x, how), image)(seen)[0]
    c, f = a.shape[-1], b.shape[-1]
    like = jax.ShapeDtypeStruct((*how.size, c, f), a.dtype)
    seen = _windows(a, how)
    (matrix,) = jax.linear_transpose(
        lambda m: matmul(seen, m), jax.ShapeDtypeStruct((seen.shape[-1], f), a.dtype)
    )(b)
    return jax.linear_transpose(lambda kernel: _matrix(kernel, how), like)(matrix)[0]


def _blocks(how: How) -> Sides:
    """How many blocks of stride x stride pixels the kernel covers, partly covered ones included."""
    h, w = (-(-size // how.stride) for size in how.size)
    return h, w


def _windows(x: Array, how: How) -> Array:
    """[B, H, W, C] -> [B, H', W', S]: the S numbers that the kernel sees, block by block."""
    (b, *sides, c), s, reach = x.shape, how.stride, _blocks(how)
    h, w = sides_of_y((sides[0], sides[1]), how)
    lows = [low for low, _ in how.padding]
    ends = zip((h, w), reach, sides, lows, strict=True)
    pads = [(low, s * (n + m - 1) - side - low, 0) for n, m, side, low in ends]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *pads, (0, 0, 0)])
    rows, columns = h + reach[0] - 1, w + reach[1] - 1
    blocks = x.reshape(b, rows, s, columns, s, c).swapaxes(2, 3).reshape(b, rows, columns, -1)
    at = [blocks[:, i : i + h, j : j + w] for i in range(reach[0]) for j in range(reach[1])]
    return jnp.concatenate(at, -1)


def _matrix(kernel: Array, how: How) -> Array:
    """[*size, C, F] -> [S, F], in the order of _windows."""
    (m, n), s, (c, f) = _blocks(how), how.stride, kernel.shape[2:]
    more = [(0, k * s - size) for k, size in zip((m, n), how.size, strict=True)]
    kernel = jnp.pad(kernel, [*more, (0, 0), (0, 0)])
    return kernel.reshape(m, s, n, s, c, f).swapaxes(1, 2).reshape(-1, f)


def _is_product(kind: str, how: How, channels: int) -> bool:
    """Whether a product of matrices is faster than a convolution on a CPU, by measurement.

    It is for 1x1 kernels, and for few output channels made from many. It is also needed wherever
    factors are to be rounded, which only the product does.
    """
    return how.precision == "bfloat16" or how.size == (1, 1) or (kind == "x" and channels < FEW)


def on_cpu(a: Array, b: Array, kind: str, how: How, sides: Sides) -> Array:
    """Computes the groups one by one in a loop: XLA's grouped convolutions are far slower."""
    channels = a.shape[-2] if kind == "x" else a.shape[-1] // how.groups
    way = _as_product if _is_product(kind, how, channels) else _in_layout
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


def sides_of_y(sides: Sides, how: How) -> Sides:
    """The sides of y, from those of x."""
    h, w = (
        (side + sum(pad) - size) // how.stride + 1
        for side, pad, size in zip(sides, how.padding, how.size, strict=True)
    )
    return h, w


def shape_of(a: Any, b: Any, kind: str, how: How, sides: Sides) -> jax.core.ShapedArray:
    shape = {
        "y": (*a.shape[:-3], *sides, b.shape[-1]),
        "x": (*b.shape[:-3], *sides, a.shape[-2] * how.groups),
        "k": (*a.shape[:-4], *how.size, a.shape[-1] // how.groups, b.shape[-1]),
    }[kind]
    return jax.core.ShapedArray(shape, a.dtype)
