"""The networks' matrix products, at the precision that the config asks for.

Under jax.default_matmul_precision("bfloat16"), jax keeps float32 factors on CPUs and does on GPUs
whatever the GPU offers. Here "bfloat16" means the same on every device: factors are rounded to
bfloat16 and sums are float32, in the products of the gradients too. That takes a primitive of its
own, because the gradient of a bfloat16 product with a float32 result multiplies mixed types, which
no matrix unit does. The primitive is bilinear, so its two transposes give derivatives of any order.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from gan_jax.types import Array

TILE = 32  # bfloat16 numbers in a row of a CPU's matrix registers


def matmul(x: Array, w: Array) -> Array:
    """x [..., K] w [K, N] -> [..., N]. Rounded: float32 under the default precision "bfloat16"."""
    rounds = jax.config.jax_default_matmul_precision == "bfloat16"  # type: ignore[attr-defined]
    if not (rounds and x.dtype == w.dtype == jnp.float32):
        return x @ w
    y = _product.bind(x.reshape(-1, x.shape[-1]), w, kind="x y")
    return y.reshape(*x.shape[:-1], w.shape[-1])


# kind -> the axes to sum over, among the last two of x and of y
SUMMED = {"x y": (1, 0), "x yT": (1, 1), "xT y": (0, 0)}

_product = Primitive("bfloat16_product")  # of float32 matrices with the same leading batch axes


def _dot(x: Array, y: Array, kind: str, *, on_cpu: bool = False) -> Array:
    x, y, n = x.astype(jnp.bfloat16), y.astype(jnp.bfloat16), x.ndim - 2
    (of_x, of_y), batch = SUMMED[kind], tuple(range(n))
    if kind == "xT y" and on_cpu:
        # A weight's gradient: XLA sends a transposed left factor to a slower routine without matrix
        # units. A barrier does not make it materialise the transpose, but appended zeros do.
        zeros = (0, TILE - y.shape[-2] % TILE)
        x = jnp.pad(jnp.swapaxes(x, -1, -2), [(0, 0)] * (n + 1) + [zeros])
        y = jnp.pad(y, [(0, 0)] * n + [zeros, (0, 0)])
        of_x = 1
    dims = (((n + of_x,), (n + of_y,)), (batch, batch))
    return lax.dot_general(x, y, dims, preferred_element_type=jnp.float32)


def _shape(x: jax.core.ShapedArray, y: jax.core.ShapedArray, kind: str) -> jax.core.ShapedArray:
    of_x, of_y = SUMMED[kind]
    rows, columns = x.shape[-1 - of_x], y.shape[-1 - of_y]
    return jax.core.ShapedArray((*x.shape[:-2], rows, columns), jnp.float32)


def _rows(args: tuple[Array, Array], dims: tuple, *, kind: str) -> tuple[Array, int]:
    """The rule for vmap: one more leading batch axis; an argument without it is repeated."""
    size = next(a.shape[d] for a, d in zip(args, dims, strict=True) if d is not None)
    x, y = (
        jnp.broadcast_to(a, (size, *a.shape)) if d is None else jnp.moveaxis(a, d, 0)
        for a, d in zip(args, dims, strict=True)
    )
    return _product.bind(x, y, kind=kind), 0


def _gradient_of_x(g: Array, x: Array, y: Array, kind: str) -> Array:
    if kind == "xT y":
        return _product.bind(y, g, kind="x yT")
    return _product.bind(g, y, kind="x yT" if kind == "x y" else "x y")


def _gradient_of_y(g: Array, x: Array, y: Array, kind: str) -> Array:
    if kind == "xT y":
        return _product.bind(x, g, kind="x y")
    left, right = (x, g) if kind == "x y" else (g, x)
    return _product.bind(left, right, kind="xT y")


_product.def_impl(_dot)
_product.def_abstract_eval(_shape)
ad.defbilinear(_product, _gradient_of_x, _gradient_of_y)
batching.primitive_batchers[_product] = _rows
mlir.register_lowering(_product, mlir.lower_fun(_dot, multiple_results=False))
mlir.register_lowering(
    _product,
    mlir.lower_fun(functools.partial(_dot, on_cpu=True), multiple_results=False),
    platform="cpu",
)
