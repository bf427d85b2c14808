"""Upsampling and downsampling of images [B, H, W, C], and the sizes of networks' smallest maps."""

import jax.numpy as jnp
from jax import lax

from gan_jax.host.errors import ConfigError
from gan_jax.types import Array


def doubled(x: Array) -> Array:
    """Nearest-neighbour upsampling: each pixel becomes four of the same value."""
    b, h, w, c = x.shape
    return jnp.broadcast_to(x[:, :, None, :, None], (b, h, 2, w, 2, c)).reshape(b, 2 * h, 2 * w, c)


def halved(x: Array) -> Array:
    """Average pooling: the mean of each 2x2 pixels."""
    return _squares(x).mean((2, 4))


def largest(x: Array) -> Array:
    """Max pooling: the largest of each 2x2 pixels."""
    return _squares(x).max((2, 4))


def smoothly_doubled(x: Array) -> Array:
    """Bilinear upsampling to twice the sides: filter (1, 3, 3, 1) / 4 along each, zeros outside.

    y[2i] = (x[i - 1] + 3 x[i]) / 4, y[2i + 1] = (3 x[i] + x[i + 1]) / 4.
    """
    for axis in (1, 2):
        before, after = _neighbours(x, axis)
        pair = jnp.stack([(before + 3 * x) / 4, (3 * x + after) / 4], axis + 1)
        x = pair.reshape(*x.shape[:axis], -1, *x.shape[axis + 1 :])
    return x


def smoothly_halved(x: Array) -> Array:
    """Downsampling to half the sides: filter (1, 3, 3, 1) / 8 along each, zeros outside.

    y[i] = (x[2i - 1] + 3 x[2i] + 3 x[2i + 1] + x[2i + 2]) / 8: a quarter of the transpose of
    smoothly_doubled.
    """
    for axis in (1, 2):
        pair = x.reshape(*x.shape[:axis], -1, 2, *x.shape[axis + 1 :])
        first, second = (lax.index_in_dim(pair, i, axis + 1, keepdims=False) for i in (0, 1))
        before, after = _neighbours(second, axis)[0], _neighbours(first, axis)[1]
        x = (before + 3 * first + 3 * second + after) / 8
    return x


def _squares(x: Array) -> Array:
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c)


def _neighbours(x: Array, axis: int) -> tuple[Array, Array]:
    """For each pixel, the previous one along the axis and the next one."""
    n, pad = x.shape[axis], [(0, 0)] * x.ndim
    pad[axis] = (1, 1)
    wide = jnp.pad(x, pad)
    return lax.slice_in_dim(wide, 0, n, axis=axis), lax.slice_in_dim(wide, 2, n + 2, axis=axis)


def halvings(side: int) -> int:
    """How often a side can be halved and stay at least 4: 3 for 32, which ends at 4; 2 for 28."""
    times = 0
    while side % 2 == 0 and side // 2 >= 4:
        side, times = side // 2, times + 1
    return times


def smallest(shape: tuple[int, ...], times: int, player: str, net: str) -> tuple[int, int]:
    """The sides of an image after so many halvings. ConfigError if they are not divisible."""
    if len(shape) != 3:
        raise ConfigError(f"{player}.net {net!r} is for images [H, W, C], not for shape {shape}")
    h, w, _ = shape
    if h % 2**times or w % 2**times or not times:
        raise ConfigError(
            f"{player}.args.channels of net {net!r}: {h}x{w} is not divisible by {2**times}, which "
            f"{times} halvings require: expected other channels, one for each size of the maps"
        )
    return h // 2**times, w // 2**times


def square(shape: tuple[int, ...], player: str, net: str) -> int:
    """The side of a square image. ConfigError for other shapes, whose channels must be given."""
    if len(shape) != 3 or shape[0] != shape[1] or not halvings(shape[0]):
        raise ConfigError(
            f"{player}.net {net!r} knows its channels for square images whose sides are even, of 8 "
            f"pixels or more, and not for shape {shape}: expected {player}.args.channels"
        )
    return shape[0]
