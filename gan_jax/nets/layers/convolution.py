"""Convolutions of 4x4 and stride 2, and their transposes: halved and doubled images.

On CPUs each is one product of matrices, as fast in a loop of steps as outside: there XLA's own
convolutions take ten to fifty times longer in a loop, and are grouped ones under vmap over kernels.
Elsewhere they are XLA's own.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from gan_jax.config import choose
from gan_jax.nets.layers import INITS
from gan_jax.nets.layers.matmul import matmul
from gan_jax.types import Array

SIZE = 4
LAYOUT = ("NHWC", "HWIO", "NHWC")


def conv(x: Array, kernel: Array) -> Array:
    """y[i, j] = sum_ab x[2i + a - 1, 2j + b - 1] kernel[a, b], x being 0 outside of the image.

    [B, H, W, C] with even H, W and [4, 4, C, F] -> [B, H/2, W/2, F]. One pixel of padding at each
    side, the kernel not flipped: nn.Conv's "SAME", PyTorch's Conv2d(C, F, 4, 2, 1).
    """
    return lax.platform_dependent(x, kernel, cpu=_conv_as_product, default=_conv_as_it_is)


def conv_transpose(x: Array, kernel: Array) -> Array:
    """y[2i + p, 2j + q] = sum_AB x[i + p + A - 1, j + q + B - 1] kernel[2A + p, 2B + q].

    [B, H, W, C], [4, 4, C, F] -> [B, 2H, 2W, F]; p, q, A, B in {0, 1}. Each pixel of x is spread
    over 4x4 of y by the kernel turned upside down: nn.ConvTranspose's "SAME". The gradient of conv
    in its x is this with kernel[3 - a, 3 - b] and C, F swapped, which is PyTorch's
    ConvTranspose2d(C, F, 4, 2, 1).
    """
    return lax.platform_dependent(x, kernel, cpu=_transpose_as_product, default=_transpose_as_it_is)


def _conv_as_it_is(x: Array, kernel: Array) -> Array:
    return lax.conv_general_dilated(x, kernel, (2, 2), ((1, 1), (1, 1)), dimension_numbers=LAYOUT)


def _transpose_as_it_is(x: Array, kernel: Array) -> Array:
    padding, between = ((2, 2), (2, 2)), (2, 2)
    return lax.conv_general_dilated(x, kernel, (1, 1), padding, between, dimension_numbers=LAYOUT)


def _conv_as_product(x: Array, kernel: Array) -> Array:
    return matmul(_windows(x), _matrix(kernel))


def _transpose_as_product(x: Array, kernel: Array) -> Array:
    """The mirror: a product, and what lies over one another summed."""
    b, h, w, _ = x.shape
    image = jax.ShapeDtypeStruct((b, 2 * h, 2 * w, kernel.shape[-1]), x.dtype)
    (overlaid,) = jax.linear_transpose(_windows, image)(
        matmul(x, _matrix(kernel[::-1, ::-1].swapaxes(2, 3)).T)
    )
    return overlaid


def _windows(x: Array) -> Array:
    """[B, H, W, C] -> [B, H/2, W/2, 16 C]: what conv sees at each place, 2x2 blocks of 2x2."""
    b, h, w, c = x.shape
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    blocks = x.reshape(b, h // 2 + 1, 2, w // 2 + 1, 2, c).swapaxes(2, 3)  # space to depth
    blocks = blocks.reshape(b, h // 2 + 1, w // 2 + 1, 4 * c)
    at = [blocks[:, i : i + h // 2, j : j + w // 2] for i in (0, 1) for j in (0, 1)]
    return jnp.concatenate(at, -1)


def _matrix(kernel: Array) -> Array:
    """[4, 4, C, F] -> [16 C, F], in the order of _windows: which block, where in it, C."""
    _, _, c, f = kernel.shape
    return kernel.reshape(2, 2, 2, 2, c, f).swapaxes(1, 2).reshape(16 * c, f)


class Conv(nn.Module):
    """x [B, H, W, C] -> conv(x) + b [B, H/2, W/2, features]; weights and gain as in Dense."""

    features: int
    weights: str = "normal"
    gain: float = 0.02
    bias: bool = True

    def linear(self, x: Array, kernel: Array) -> Array:
        return conv(x, kernel)

    @nn.compact
    def __call__(self, x: Array) -> Array:
        c, f = x.shape[-1], self.features
        pair = INITS[choose("weights", self.weights, INITS)](self.gain, SIZE * SIZE * c)
        y = self.linear(x, self.param("kernel", pair[0], (SIZE, SIZE, c, f)))
        return y + self.param("bias", pair[1], (f,)).reshape(1, 1, 1, f) if self.bias else y


class ConvTranspose(Conv):
    """x [B, H, W, C] -> conv_transpose(x) + b [B, 2H, 2W, features]."""

    def linear(self, x: Array, kernel: Array) -> Array:
        return conv_transpose(x, kernel)
