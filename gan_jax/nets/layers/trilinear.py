"""Convolutions of any size, stride, padding and groups, fast on every device, in every derivative.

A convolution y of x with a kernel k is one of the three partial derivatives of the trilinear form
sum(y(x, k) g); the other two are its gradients in x and in k. The gradients of each are the other
two, so one primitive with these three kinds has derivatives of every order.

On GPUs and TPUs, each kind is XLA's own convolution. On CPUs, XLA changes a convolution to the
layout of its fast kernels only outside loops, and the gradients that jax derives are in another
layout, which makes them ten to fifty times slower in a loop of steps. So on CPUs each kind is
written in the fast layout, or as a product of matrices where that is faster (_is_product).
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from gan_jax.nets.layers.matmul import matmul
from gan_jax.types import Array

LAYOUT = ("NHWC", "HWIO", "NHWC")
FEW = 8  # channels
Sides = tuple[int, int]


class How(NamedTuple):
    """The settings of a convolution, without its arrays."""

    size: Sides  # of the kernel
    stride: int = 1
    padding: tuple[Sides, Sides] = ((0, 0), (0, 0))  # (before, after) along each side
    groups: int = 1  # each sees only its share of the channels
    precision: str | None = None  # jax_default_matmul_precision where it was called


def convolution(x: Array, kernel: Array, how: How) -> Array:
    """y[i, j] = sum_ab x[s i + a - p, s j + b - p] kernel[a, b], with x = 0 outside of the image.

    [B, H, W, C], [*size, C / groups, F] -> [B, H', W', F], with stride s and p zeros before x. The
    kernel is not flipped, as in PyTorch's Conv2d.
    """
    return _bind("y", x, kernel, how, _halved((x.shape[1], x.shape[2]), how))


def transposed(y: Array, kernel: Array, how: How, sides: Sides) -> Array:
    """The gradient of sum(convolution(x, kernel) y) in x, where x has the given sides."""
    return _bind("x", kernel, y, how, sides)


def _bind(kind: str, a: Array, b: Array, how: How, sides: Sides) -> Array:
    precision = jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
    how = how._replace(precision=precision)
    return _form.bind(a, b, kind=kind, how=how, sides=tuple(sides))


def _halved(sides: Sides, how: How) -> Sides:
    """The sides of y, from those of x."""
    h, w = (
        (side + sum(pad) - size) // how.stride + 1
        for side, pad, size in zip(sides, how.padding, how.size, strict=True)
    )
    return h, w


def _own(a: Array, b: Array, kind: str, how: How, sides: Sides) -> Array:
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
    like = _shape(a, b, kind, how, sides)
    if kind == "x":
        return jax.linear_transpose(lambda x: conv(x, a), like)(b)[0]
    return jax.linear_transpose(lambda kernel: conv(a, kernel), like)(b)[0]


def _in_layout(a: Array, b: Array, kind: str, how: How, sides: Sides) -> Array:
    """Each kind as a convolution in the layout of the CPU's fast kernels, without groups.

    The barriers keep the compiler from folding the transposes into the layout again.
    """
    s, barrier = how.stride, lax.optimization_barrier
    if kind == "y":
        return _own(a, b, kind, how, sides)
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
        image = _shape(a, b, kind, how, sides)
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
    h, w = _halved((sides[0], sides[1]), how)
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


def _on_cpu(a: Array, b: Array, kind: str, how: How, sides: Sides) -> Array:
    """Computes the groups one by one in a loop: XLA's grouped convolutions are far slower."""
    channels = a.shape[-2] if kind == "x" else a.shape[-1] // how.groups
    way = _as_product if _is_product(kind, how, channels) else _in_layout
    one = functools.partial(way, kind=kind, how=how._replace(groups=1), sides=sides)
    if how.groups == 1:
        return one(a, b)
    parts = [jnp.moveaxis(z.reshape(*z.shape[:-1], how.groups, -1), -2, 0) for z in (a, b)]
    y = jnp.moveaxis(lax.map(lambda pair: one(*pair), tuple(parts)), 0, -2)
    return y.reshape(*y.shape[:-2], -1)


def _lowered(a: Array, b: Array, kind: str, how: How, sides: Sides, *, on_cpu: bool) -> Array:
    """The kind for arrays with any further leading axes: rows with a kernel each."""
    rows, each = a.shape[:-4], _on_cpu if on_cpu else _own
    one = functools.partial(each, kind=kind, how=how, sides=sides)
    with jax.default_matmul_precision(how.precision):
        if not rows:
            return one(a, b)
        a, b = (z.reshape(-1, *z.shape[len(rows) :]) for z in (a, b))
        y = lax.map(lambda pair: one(*pair), (a, b)) if on_cpu else jax.vmap(one)(a, b)
    return y.reshape(*rows, *y.shape[1:])


def _shape(a: Any, b: Any, kind: str, how: How, sides: Sides) -> jax.core.ShapedArray:
    shape = {
        "y": (*a.shape[:-3], *sides, b.shape[-1]),
        "x": (*b.shape[:-3], *sides, a.shape[-2] * how.groups),
        "k": (*a.shape[:-4], *how.size, a.shape[-1] // how.groups, b.shape[-1]),
    }[kind]
    return jax.core.ShapedArray(shape, a.dtype)


def _gradient_of_a(g: Array, a: Any, b: Array, *, kind: str, how: How, sides: Sides) -> Array:
    own = a.aval.shape[-3:-1]
    if kind == "y":  # a function of x and k: the gradient in x
        return _form.bind(b, g, kind="x", how=how, sides=own)
    if kind == "x":  # a function of k and y: the gradient in k
        return _form.bind(g, b, kind="k", how=how, sides=how.size)
    return _form.bind(g, b, kind="x", how=how, sides=own)  # of x and y: the gradient in x


def _gradient_of_b(g: Array, a: Array, b: Any, *, kind: str, how: How, sides: Sides) -> Array:
    if kind == "y":  # the gradient in k
        return _form.bind(a, g, kind="k", how=how, sides=how.size)
    of = (g, a) if kind == "x" else (a, g)  # the gradient in y, from x and k
    return _form.bind(*of, kind="y", how=how, sides=b.aval.shape[-3:-1])


def _rows(args: tuple, dims: tuple, *, kind: str, how: How, sides: Sides) -> tuple[Array, int]:
    """The rule for vmap: one more leading axis. Rows with a common kernel become a larger batch."""
    size = next(z.shape[d] for z, d in zip(args, dims, strict=True) if d is not None)
    given = {"kind": kind, "how": how, "sides": sides}
    kernel = {"y": 1, "x": 0, "k": -1}[kind]  # which of the two arguments it is
    if kernel >= 0 and dims[kernel] is None and args[kernel].ndim == 4:
        rows = jnp.moveaxis(args[1 - kernel], dims[1 - kernel], 0)
        merged = rows.reshape(-1, *rows.shape[2:])
        y = _form.bind(*((merged, args[1]) if kernel else (args[0], merged)), **given)
        return y.reshape(size, -1, *y.shape[1:]), 0
    a, b = (
        jnp.broadcast_to(z, (size, *z.shape)) if d is None else jnp.moveaxis(z, d, 0)
        for z, d in zip(args, dims, strict=True)
    )
    return _form.bind(a, b, **given), 0


_form = Primitive("trilinear_convolution")
_form.def_abstract_eval(_shape)
_form.def_impl(jax.jit(_form.bind, static_argnames=("kind", "how", "sides")))
ad.defbilinear(_form, _gradient_of_a, _gradient_of_b)
batching.primitive_batchers[_form] = _rows
for _platform in (None, "cpu"):
    _lower = functools.partial(_lowered, on_cpu=_platform == "cpu")
    _rule = mlir.lower_fun(_lower, multiple_results=False)
    mlir.register_lowering(_form, _rule, platform=_platform)
