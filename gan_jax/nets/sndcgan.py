"""SNDCGAN: a DCGAN whose disc has 3x3 convolutions between those that halve. Miyato et al. 2018.

The default widths are the paper's: 64 at the full size, doubled at each halving up to 512. Gen's
only 3x3 convolution is its last; its batch norm after the first layer is per unit, not per channel.
The paper's disc has disc.normalise "spectral".
"""

import math

from flax import linen as nn

from gan_jax.nets.layers import BatchNorm, Dense, Labels, Output, activation, flat, logits
from gan_jax.nets.layers.convolution import Conv, ConvTranspose
from gan_jax.nets.layers.images import halvings, smallest, square
from gan_jax.types import Array

NARROWEST, WIDEST = 64, 512


def widths(shape: tuple[int, ...], player: str) -> tuple[int, ...]:
    """Channels at the full size, at half of it, and so on: (64, 128, 256, 512) for 32x32."""
    side = square(shape, player, "sndcgan")
    return tuple(min(WIDEST, NARROWEST * 2**i) for i in range(halvings(side) + 1))


class Generator(nn.Module):
    """z [B, Z] -> x [B, H, W, C]. channels: at each size of the maps, the smallest first."""

    shape: tuple[int, ...]
    channels: tuple[int, ...] = ()
    out: str = "tanh"
    weights: str = "normal"
    gain: float = 0.02
    keep: float = 0.9  # decay of batch norm's running averages per update
    labels: Labels = Labels()

    batch_norm = True

    @nn.compact
    def __call__(self, z: Array, train: bool, label: Array | None = None) -> Array:
        channels, how = self.channels or widths(self.shape, "gen")[::-1], (self.weights, self.gain)
        start = (*smallest(self.shape, len(channels) - 1, "gen", "sndcgan"), channels[0])

        def layer(x: Array, name: str) -> Array:
            norm = BatchNorm(self.keep, 1e-5, self.labels.classes, name=name)
            return nn.relu(norm(x, train, label))

        h = layer(Dense(math.prod(start), *how, name="start")(z), "norm_0").reshape(-1, *start)
        for i, width in enumerate(channels[1:], 1):
            h = layer(ConvTranspose(width, *how, name=f"deconv_{i}")(h), f"norm_{i}")
        x = Conv(self.shape[-1], *how, size=3, stride=1, name="out")(h)
        return activation(self.out)(x)


class Discriminator(nn.Module):
    """x [B, H, W, C] -> logits [B]. channels: at each size of the maps, the largest first."""

    shape: tuple[int, ...]
    channels: tuple[int, ...] = ()
    slope: float = 0.1
    weights: str = "normal"
    gain: float = 0.02
    labels: Labels = Labels()

    rows_are_independent = True

    @nn.compact
    def __call__(self, x: Array, train: bool, label: Array | None = None) -> Array | Output:
        channels, how = self.channels or widths(self.shape, "disc"), (self.weights, self.gain)
        act = activation("leaky_relu", self.slope)
        smallest(self.shape, len(channels) - 1, "disc", "sndcgan")
        for i, width in enumerate(channels):
            x = act(Conv(width, *how, size=3, stride=1, name=f"conv_{i}")(x))
            if i < len(channels) - 1:
                x = act(Conv(width, *how, name=f"halve_{i}")(x))
        return logits(flat(x), label, self.labels, *how)
