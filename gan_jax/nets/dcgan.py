"""Strided and transposed convolutions for images, DCGAN. Radford et al. 2015.

The paper's nets make 64x64 images with up to 1024 channels and have batch norm in disc too, in all
layers but the first (batch_norm here). It draws the scales of batch norm from N(1, 0.02); here they
start at 1. The layer between a vector and a map is dense, which equals the paper's convolution of a
1x1 map.

With dense=1024 these are the nets of InfoGAN and of Lucic et al. 2018, except that their batch norm
after the dense layer is per unit, and here per channel.
"""

import math

from flax import linen as nn

from gan_jax.host.errors import ConfigError
from gan_jax.nets.layers import BatchNorm, Dense, Labels, Output, Stack, activation, flat, logits
from gan_jax.nets.layers.codes import Codes, with_codes
from gan_jax.nets.layers.convolution import Conv, ConvTranspose
from gan_jax.types import Array


class Generator(nn.Module):
    """z [B, Z] -> x [B, H, W, C]: a map of channels[0] whose sides are doubled len(channels) times.

    dense: the number of units of a dense layer before the first map; 0: no such layer.
    """

    shape: tuple[int, ...]
    channels: tuple[int, ...] = (128, 64)
    dense: int = 0
    act: str = "relu"
    slope: float = 0.2
    out: str = "tanh"
    weights: str = "normal"
    gain: float = 0.02
    batch_norm: bool = True
    labels: Labels = Labels()

    @nn.compact
    def __call__(self, z: Array, train: bool, label: Array | None = None) -> Array:
        act, how = activation(self.act, self.slope), (self.weights, self.gain)
        bias, normalise, classes = not self.batch_norm, self.batch_norm, self.labels.classes

        def layer(x: Array, name: str) -> Array:
            norm = BatchNorm(classes=classes, name=name)
            return act(norm(x, train, label) if normalise else x)

        widths = (self.dense,) if self.dense else ()
        h = Stack(widths, act, *how, normalise, classes)(z, train, label)
        start = (*smallest(self.shape, self.channels, "gen"), self.channels[0])
        h = Dense(math.prod(start), *how, bias, name="start")(h).reshape(-1, *start)
        h = layer(h, "norm_0")
        for i, width in enumerate(self.channels[1:], 1):
            h = layer(ConvTranspose(width, *how, bias, name=f"deconv_{i}")(h), f"norm_{i}")
        return activation(self.out)(ConvTranspose(self.shape[-1], *how, name="out")(h))


class Discriminator(nn.Module):
    """x [B, H, W, C] -> logits [B]. dense: units of a dense layer after the last map; 0: none."""

    shape: tuple[int, ...]
    channels: tuple[int, ...] = (64, 128)
    dense: int = 0
    act: str = "leaky_relu"
    slope: float = 0.2
    weights: str = "normal"
    gain: float = 0.02
    batch_norm: bool = False
    labels: Labels = Labels()
    codes: Codes = Codes()

    @property
    def rows_are_independent(self) -> bool:
        """False with batch norm, which Q has too: reals and fakes then have separate statistics."""
        return not (self.batch_norm or self.codes.categories)

    @nn.compact
    def __call__(self, x: Array, train: bool, label: Array | None = None) -> Array | Output:
        smallest(self.shape, self.channels, "disc")
        act, how = activation(self.act, self.slope), (self.weights, self.gain)
        for i, width in enumerate(self.channels):
            normalise = self.batch_norm and i > 0
            x = Conv(width, *how, not normalise, name=f"conv_{i}")(x)
            x = act(BatchNorm(name=f"norm_{i}")(x, train) if normalise else x)
        widths = (self.dense,) if self.dense else ()
        h = Stack(widths, act, *how, self.batch_norm)(flat(x), train)
        y = logits(h, label, self.labels, *how)
        return with_codes(y, h, train, self.codes, act, *how)


def smallest(shape: tuple[int, ...], channels: tuple[int, ...], player: str) -> tuple[int, int]:
    """The sides of the smallest map. ConfigError if the image cannot be halved so often."""
    if len(shape) != 3:
        raise ConfigError(f"{player}.net 'dcgan' is for images [H, W, C], not for shape {shape}")
    (h, w, _), times = shape, 2 ** len(channels)
    if h % times or w % times or not channels:
        raise ConfigError(
            f"{player}.args.channels is {channels!r}: each halves the sides, and {h}x{w} "
            f"is not divisible by {times}: expected fewer"
        )
    return h // times, w // times
