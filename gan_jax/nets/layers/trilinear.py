"""Convolutions of any size, stride, padding and groups, fast on every device, in every derivative.

A convolution y of x with a kernel k is one of the three partial derivatives of the trilinear form
sum(y(x, k) g); the other two are its gradients in x and in k. The gradients of each are the other
two, so one primitive with these three kinds has derivatives of every order.

How a device computes a kind is in by_device.py.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from gan_jax.nets.layers.by_device import by_xla, on_cpu, on_tpu, shape_of
from gan_jax.nets.layers.by_products import How, Sides, sides_of_y
from gan_jax.types import Array

Way = Callable[..., Array]  # (a, b, kind, how, sides) -> the kind


def convolution(x: Array, kernel: Array, how: How) -> Array:
    """y[i, j] = sum_ab x[s i + a - p, s j + b - p] kernel[a, b], with x = 0 outside of the image.

    [B, H, W, C], [*size, C / groups, F] -> [B, H', W', F], with stride s and p zeros before x. The
    kernel is not flipped, as in PyTorch's Conv2d.
    """
    return _bind("y", x, kernel, how, sides_of_y((x.shape[1], x.shape[2]), how))


def transposed(y: Array, kernel: Array, how: How, sides: Sides) -> Array:
    """The gradient of sum(convolution(x, kernel) y) in x, where x has the given sides."""
    return _bind("x", kernel, y, how, sides)


def _bind(kind: str, a: Array, b: Array, how: How, sides: Sides) -> Array:
    precision = jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
    how = how._replace(precision=precision)
    return _form.bind(a, b, kind=kind, how=how, sides=tuple(sides))


def _lowered(a: Array, b: Array, kind: str, how: How, sides: Sides, *, each: Way) -> Array:
    """The kind for arrays with any further leading axes: rows with a kernel each."""
    rows = a.shape[:-4]
    one = functools.partial(each, kind=kind, how=how, sides=sides)
    with jax.default_matmul_precision(how.precision):
        if not rows:
            return one(a, b)
        a, b = (z.reshape(-1, *z.shape[len(rows) :]) for z in (a, b))
        in_turn = each is on_cpu
        y = lax.map(lambda pair: one(*pair), (a, b)) if in_turn else jax.vmap(one)(a, b)
    return y.reshape(*rows, *y.shape[1:])


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
_form.def_abstract_eval(shape_of)
_form.def_impl(jax.jit(_form.bind, static_argnames=("kind", "how", "sides")))
ad.defbilinear(_form, _gradient_of_a, _gradient_of_b)
batching.primitive_batchers[_form] = _rows
for _platform, _way in ((None, by_xla), ("cpu", on_cpu), ("tpu", on_tpu)):
    _lower = functools.partial(_lowered, each=_way)
    _rule = mlir.lower_fun(_lower, multiple_results=False)
    mlir.register_lowering(_form, _rule, platform=_platform)
