"""A convolution and its gradients as a few products of matrices, for CPUs.

Each row of outputs is cut into strips of m. The m outputs of a strip and the q columns of a kernel
take m q multiplications directly, but only n = m + q - 1 if the n inputs x and the kernel k are
mixed first (Winograd 1980; Lavin and Gray 2016; here along the columns only):

    y = C^T [(G k) (B^T x)], where the brackets hold an elementwise product.

C [n, m] and G [n, q] evaluate polynomials with m and q coefficients at n points, one of which is
infinity. B inverts this evaluation for n coefficients. The sum over the channels and over the
kernel's rows is one product of matrices for each of the n points. The gradient in the kernel is the
same formula transposed, and the gradient in x is another convolution.

A stride s is removed first: each block of s x s pixels becomes one pixel with s^2 C channels.
"""

import functools
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.nets.layers.matmul import matmul
from gan_jax.types import Array

STRIP = {2: 4, 3: 4, 4: 3, 5: 2}  # q -> m: more than six points would cost digits
POINTS = (0.0, 1.0, -1.0, 2.0, -2.0)  # and infinity
FEW = 16  # channels
Sides = tuple[int, int]


class How(NamedTuple):
    """The settings of a convolution, without its arrays."""

    size: Sides  # of the kernel
    stride: int = 1
    padding: tuple[Sides, Sides] = ((0, 0), (0, 0))  # (before, after) along each side
    groups: int = 1  # each sees only its share of the channels
    precision: str | None = None  # jax_default_matmul_precision where it was called


def sides_of_y(sides: Sides, how: How) -> Sides:
    """The sides of y, from those of x."""
    h, w = (
        (side + sum(pad) - size) // how.stride + 1
        for side, pad, size in zip(sides, how.padding, how.size, strict=True)
    )
    return h, w


class Mixing(NamedTuple):
    """The matrices of a strip: B^T [n, n] mixes x, G [n, q] the kernel, C [n, m] the outputs."""

    x: np.ndarray
    kernel: np.ndarray
    y: np.ndarray


@functools.cache
def mixing(m: int, q: int) -> Mixing:
    """The Mixing for strips of m and q columns; for m = 1, x and the kernel stay as they are."""
    if m == 1:
        return Mixing(np.eye(q), np.eye(q), np.ones((q, 1)))

    def at_points(coefficients: int) -> np.ndarray:
        finite = np.vander(POINTS[: m + q - 2], coefficients, increasing=True)
        return np.vstack([finite, np.eye(coefficients)[-1]])

    x = np.linalg.inv(at_points(m + q - 1)).T
    scale = np.array([np.abs(row[np.abs(row) > 1e-9]).min() for row in x])
    x = np.round(x / scale[:, None])  # small whole numbers: the kernel takes the fractions
    return Mixing(x, at_points(q) * scale[:, None], at_points(m))


def mix(matrix: np.ndarray, parts: Sequence[Array]) -> list[Array]:
    """Row by row, the sum of the parts with the row's numbers as weights."""

    def one(row: np.ndarray) -> Array:
        terms = [part * part.dtype.type(w) for w, part in zip(row, parts, strict=True) if w]
        return functools.reduce(jnp.add, terms)

    return [one(row) for row in matrix]


def by_products(a: Array, b: Array, kind: str, how: How, sides: Sides) -> Array:
    """Each kind without groups, at the precision of matmul."""
    s, low = how.stride, [low for low, _ in how.padding]
    r, q = (-(-size // s) for size in how.size)
    if kind == "x":  # h and w count the blocks from that of x's first pixel to that of its last
        h, w = ((p + n - 1) // s - p // s + 1 for p, n in zip(low, sides, strict=True))
    else:
        h, w = sides if kind == "y" else b.shape[1:3]
    # Rounded factors are those that were given.
    m = 1 if how.precision == "bfloat16" else min(STRIP.get(q, 1), w)
    columns = -(-w // m) * m + q - 1
    if kind == "x":
        first = [p // s for p in low]
        y = _padded(b, (r - 1 - first[0], q - 1 - first[1]), (h + r - 1, columns))
        turned = _kernel_in_blocks(a, s, r, q)[::-1, ::-1].swapaxes(2, 3)
        x = _pixels(_y(y, turned, (h, w), m), s)
        return _padded(x, [s * f - p for f, p in zip(first, low, strict=True)], sides)
    x = _blocks(_padded(a, low, (s * (h + r - 1), s * columns)), s)
    if kind == "y":
        return _y(x, _kernel_in_blocks(b, s, r, q), (h, w), m)
    kernel = _pixels(_kernel(x, b, (r, q), m).transpose(3, 0, 1, 2), s).transpose(1, 2, 3, 0)
    return kernel[: how.size[0], : how.size[1]]


def _y(x: Array, kernel: Array, sides: Sides, m: int) -> Array:
    """x [B, h + r - 1, columns, C], kernel [r, q, C, F] -> [B, h, w, F], without a stride."""
    r, q, c, f = kernel.shape
    (h, w), by = sides, mixing(m, q)
    if f < FEW:  # the product first, then the shifts: they move only f channels
        spread = matmul(x, kernel.transpose(2, 0, 1, 3).reshape(c, -1))
        each = spread.reshape(*x.shape[:3], r, q, f)
        at = itertools.product(range(r), range(q))
        return functools.reduce(jnp.add, [each[:, i : i + h, j : j + w, i, j] for i, j in at])
    kernels = mix(by.kernel, [kernel[:, j].reshape(r * c, f) for j in range(q)])
    seen = _seen(x, (r, q), h, m)
    products = [matmul(u, k) for u, k in zip(seen, kernels, strict=True)]
    y = jnp.stack(mix(by.y.T, products), 3)
    return y.reshape(x.shape[0], h, -1, f)[:, :, :w]


def _kernel(x: Array, y: Array, size: Sides, m: int) -> Array:
    """The gradient of sum(_y(x, kernel) y) in the kernel [r, q, C, F]."""
    by, r = mixing(m, size[1]), size[0]
    _, h, w, f = y.shape
    y = _padded(y, (0, 0), (h, -(-w // m) * m))
    like = jax.ShapeDtypeStruct((r * x.shape[-1], f), x.dtype)
    pairs = zip(_seen(x, size, h, m), mix(by.y, [y[:, :, i::m] for i in range(m)]), strict=True)
    products = [jax.linear_transpose(functools.partial(matmul, u), like)(v)[0] for u, v in pairs]
    return jnp.stack([k.reshape(r, -1, f) for k in mix(by.kernel.T, products)], 1)


def _seen(x: Array, size: Sides, h: int, m: int) -> list[Array]:
    """For each point, what a strip and the kernel's rows see of x: [B, h, strips, r C]."""
    r, q = size
    last = x.shape[2] - (m + q - 1)  # where the last strip begins
    parts = [x[:, :, j : j + last + 1 : m] for j in range(m + q - 1)]
    return [
        jnp.concatenate([u[:, i : i + h] for i in range(r)], -1) for u in mix(mixing(m, q).x, parts)
    ]


def _padded(x: Array, low: Sequence[int], sides: Sequence[int]) -> Array:
    """Zeros before and after the image's sides, or fewer pixels where a number is negative."""
    pads = [(p, n - side - p, 0) for p, n, side in zip(low, sides, x.shape[1:3], strict=True)]
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *pads, (0, 0, 0)])


def _blocks(x: Array, s: int) -> Array:
    """[B, s H, s W, C] -> [B, H, W, s s C]."""
    b, h, w, c = x.shape
    return x.reshape(b, h // s, s, w // s, s, c).swapaxes(2, 3).reshape(b, h // s, w // s, -1)


def _pixels(x: Array, s: int) -> Array:
    """[B, H, W, s s C] -> [B, s H, s W, C]: back from _blocks."""
    b, h, w, _ = x.shape
    return x.reshape(b, h, w, s, s, -1).swapaxes(2, 3).reshape(b, s * h, s * w, -1)


def _kernel_in_blocks(kernel: Array, s: int, r: int, q: int) -> Array:
    """[*size, C, F] -> [r, q, s s C, F], with zeros where the kernel ends within a block."""
    images = _padded(kernel.transpose(3, 0, 1, 2), (0, 0), (s * r, s * q))
    return _blocks(images, s).transpose(1, 2, 3, 0)
