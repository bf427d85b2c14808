"""Parts of pix2pix and CycleGAN: instance norm, mirrored edges, a disc that judges patches."""

import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from gan_jax.host.errors import ConfigError
from gan_jax.nets.layers.convolution import Conv
from gan_jax.objectives.logits import widen
from gan_jax.types import Array


class InstanceNorm(nn.Module):
    """(x - mean) / sqrt(var + eps) per image and channel, x [B, H, W, C]. Ulyanov et al. 2016.

    The same in training and outside it: batch norm over a batch of one image. affine: applies a
    learned scale and bias per channel.
    """

    affine: bool = True
    eps: float = 1e-5

    @nn.compact
    def __call__(self, x: Array) -> Array:
        wide = widen(x)
        mean, var = (f(wide, (1, 2), keepdims=True) for f in (jnp.mean, jnp.var))
        y = (wide - mean) * lax.rsqrt(var + self.eps)
        if not self.affine:
            return y.astype(x.dtype)
        scale, bias = (
            self.param(name, init, x.shape[-1:]).reshape(1, 1, 1, -1)
            for name, init in (("scale", nn.initializers.ones), ("bias", nn.initializers.zeros))
        )
        return (y * scale + bias).astype(x.dtype)


def mirrored(x: Array, pixels: int) -> Array:
    """The images padded by `pixels` on each side by reflection, without repeating the edge.

    PyTorch's ReflectionPad2d.
    """
    edge = (pixels, pixels)
    return jnp.pad(x, ((0, 0), edge, edge, (0, 0)), mode="reflect")


class Patches(nn.Module):
    """x [B, H, W, C] -> logits [B, P] of P overlapping patches each: PatchGAN. Isola et al. 2017.

    `layers` 4x4 convolutions that halve the sides, one that does not, and one for the logits. A
    patch has 70x70 pixels with three layers, 34x34 with two and 16x16 with one. Channels double
    from `width` to at most eight times that. affine: see InstanceNorm; without it, convolutions
    have a bias.
    """

    layers: int = 3
    width: int = 64
    affine: bool = True
    slope: float = 0.2
    weights: str = "normal"
    gain: float = 0.02

    rows_are_independent = True
    judges_patches = True

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        check_layers(x.shape[1:], self.layers)
        how = (self.weights, self.gain)
        h = nn.leaky_relu(Conv(self.width, *how, name="conv_0")(x), self.slope)
        for i in range(1, self.layers + 1):
            width = self.width * min(2**i, 8)
            stride, zeros = (2, None) if i < self.layers else (1, (1, 1))
            conv = Conv(width, *how, not self.affine, 4, stride, zeros=zeros, name=f"conv_{i}")
            h = InstanceNorm(self.affine, name=f"norm_{i}")(conv(h))
            h = nn.leaky_relu(h, self.slope)
        logits = Conv(1, *how, stride=1, zeros=(1, 1), name="logits")(widen(h))
        return logits.reshape(len(x), -1)


def check_layers(shape: tuple[int, ...], layers: int) -> None:
    """ConfigError unless examples of that shape are images large enough for so many layers."""
    if len(shape) != 3:
        raise ConfigError(f"this disc.net judges patches of images, not examples of shape {shape}")
    h, w, _ = shape
    if layers < 1 or h % 2**layers or w % 2**layers or min(h, w) // 2**layers < 3:
        raise ConfigError(
            f"disc.args.layers is {layers}: each halves the sides, and {h}x{w} has to leave at "
            "least 3 pixels: expected at least 1, and fewer here"
        )
