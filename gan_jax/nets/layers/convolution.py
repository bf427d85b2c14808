"""Convolutional layers: flax's nn.Conv and nn.ConvTranspose, computed by layers/trilinear.py."""

from flax import linen as nn

from gan_jax.config import choose
from gan_jax.nets.layers import INITS
from gan_jax.nets.layers.narrow import like
from gan_jax.nets.layers.trilinear import How, convolution, transposed
from gan_jax.types import Array

Zeros = tuple[int, int]  # before and after an image, on both of its axes


def conv(
    x: Array, kernel: Array, stride: int = 1, groups: int = 1, zeros: Zeros | None = None
) -> Array:
    """y[i, j] = sum_ab x[s i + a - p, s j + b - p] kernel[a, b], with x = 0 outside of the image.

    [B, H, W, C] and [k, k, C / groups, F] -> [B, H / s, W / s, F]. Unless zeros is given, the
    padding is p = (k - s) // 2 at the start and the rest of k - s at the end. The kernel is not
    flipped: this is PyTorch's Conv2d(C, F, k, s, p) and, if s divides the sides, nn.Conv's "SAME".
    """
    return convolution(x, kernel, how(kernel.shape[0], stride, groups, zeros))


def conv_transpose(x: Array, kernel: Array, stride: int = 2, zeros: Zeros | None = None) -> Array:
    """Enlarges images where conv reduces them: [B, H, W, C] -> [B, s H, s W, F].

    Each pixel of x is spread over k x k pixels of y by the flipped kernel [k, k, C, F], as in
    nn.ConvTranspose's "SAME". With kernel[k - 1 - a, k - 1 - b] and C, F swapped, this is the
    gradient of conv in x and PyTorch's ConvTranspose2d(C, F, k, s, p).
    """
    sides = (stride * x.shape[1], stride * x.shape[2])
    turned = kernel[::-1, ::-1].swapaxes(2, 3)
    return transposed(x, turned, how(kernel.shape[0], stride, zeros=zeros), sides)


def how(size: int, stride: int, groups: int = 1, zeros: Zeros | None = None) -> How:
    """The How of a square kernel, padded by zeros or so that only the stride reduces images."""
    low, both = (size - stride) // 2, size - stride
    return How((size, size), stride, (zeros or (low, both - low),) * 2, groups)


class Conv(nn.Module):
    """x [B, H, W, C] -> conv(x) + b [B, H / stride, W / stride, features].

    weights and gain are as in Dense; size is the side of the kernel.
    """

    features: int
    weights: str = "normal"
    gain: float = 0.02
    bias: bool = True
    size: int = 4
    stride: int = 2
    groups: int = 1
    zeros: Zeros | None = None  # around the image; None: only the stride makes it smaller

    def linear(self, x: Array, kernel: Array) -> Array:
        return conv(x, kernel, self.stride, self.groups, self.zeros)

    @nn.compact
    def __call__(self, x: Array) -> Array:
        c, f, k = x.shape[-1] // self.groups, self.features, self.size
        pair = INITS[choose("weights", self.weights, INITS)](self.gain, k * k * c)
        y = self.linear(x, like(x, self.param("kernel", pair[0], (k, k, c, f))))
        if not self.bias:
            return y
        return y + like(y, self.param("bias", pair[1], (f,))).reshape(1, 1, 1, f)


class ConvTranspose(Conv):
    """x [B, H, W, C] -> conv_transpose(x) + b [B, stride H, stride W, features]; no groups."""

    def linear(self, x: Array, kernel: Array) -> Array:
        return conv_transpose(x, kernel, self.stride, self.zeros)
