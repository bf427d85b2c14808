"""SNGAN's residual networks. Miyato et al. 2018; sizes other than 32: Miyato and Koyama 2018.

Up to 32x32, gen has 256 channels throughout; disc has 128, in four blocks of which the first two
halve the sides. Above 32x32, gen's channels halve from at most 1,024 to 64 and disc's double from
64. The paper's disc has disc.normalise "spectral".
"""

import functools
import math
from collections.abc import Sequence

from flax import linen as nn

from gan_jax.nets.layers import BatchNorm, Dense, Labels, Output, activation, logits
from gan_jax.nets.layers.convolution import Conv
from gan_jax.nets.layers.images import halvings, smallest, square
from gan_jax.nets.layers.residual import Attention, DiscBlock, GenBlock, VectorNorm
from gan_jax.objectives.logits import widen
from gan_jax.types import Array

# side -> (number of disc's blocks, how many of them halve)
LARGE = {48: (5, 4), 64: (5, 5), 128: (6, 5), 256: (7, 6)}


class Generator(nn.Module):
    """z [B, Z] -> x [B, H, W, C]. channels: of the first map, and after each block.

    attention: indices, from 0, of the blocks that attention follows.
    """

    shape: tuple[int, ...]
    channels: tuple[int, ...] = ()
    attention: tuple[int, ...] = ()
    out: str = "tanh"
    weights: str = "glorot_uniform"
    gain: float = 1.0
    residual_gain: float = 2**0.5  # an extra factor of the gain of the blocks' 3x3 convolutions
    keep: float = 0.9  # decay of batch norm's running averages per update
    spectral: bool = False  # divides its weights by their largest singular values
    labels: Labels = Labels()

    batch_norm = True

    def widths(self) -> tuple[int, ...]:
        """(256, 256, 256, 256) for 32x32; (1024, 512, 256, 128, 64) for 64x64."""
        side = square(self.shape, "gen", "sngan")
        n = halvings(side)
        if side <= 32:
            return (256,) * (n + 1)
        return tuple(min(1024, 64 * 2**i) for i in reversed(range(n + 1)))

    def conditions(self, z: Array, label: Array | None, blocks: int) -> tuple[Array, Sequence]:
        """The first layer's input, and what the batch norms of each block depend on."""
        return z, [label] * blocks

    @nn.compact
    def __call__(self, z: Array, train: bool, label: Array | None = None) -> Array:
        channels, how = self.channels or self.widths(), (self.weights, self.gain)
        blocks = len(channels) - 1
        start = (*smallest(self.shape, blocks, "gen", "sngan"), channels[0])
        z, given = self.conditions(z, label, blocks)

        def norm(given: Array | None, name: str, x: Array) -> Array:
            """Batch norm, conditioned on a label [B] or on a vector [B, E]."""
            if given is not None and given.ndim > 1:
                return VectorNorm(self.keep, 1e-5, *how, name=name)(x, train, given)
            return BatchNorm(self.keep, 1e-5, self.labels.classes, name=name)(x, train, given)

        h = Dense(math.prod(start), *how, name="start")(z).reshape(-1, *start)
        for i, (width, c) in enumerate(zip(channels[1:], given, strict=True)):
            block = GenBlock(width, *how, self.residual_gain, name=f"block_{i}")
            h = block(h, functools.partial(norm, c))
            h = Attention(*how, name=f"attention_{i}")(h) if i in self.attention else h
        h = nn.relu(BatchNorm(self.keep, 1e-5, name="norm")(h, train))
        x = Conv(self.shape[-1], *how, size=3, stride=1, name="out")(h)
        return activation(self.out)(x)


class Discriminator(nn.Module):
    """x [B, H, W, C] -> logits [B], from the last map summed over its pixels.

    channels: after each block. halvings: how many blocks halve the sides, the first ones; 0: all
    blocks if channels are given, else as in the published net. is_wide: a block has all its output
    channels already after its first convolution.
    """

    shape: tuple[int, ...]
    channels: tuple[int, ...] = ()
    halvings: int = 0
    attention: tuple[int, ...] = ()
    is_wide: bool = False
    weights: str = "glorot_uniform"
    gain: float = 1.0
    residual_gain: float = 2**0.5
    labels: Labels = Labels()

    rows_are_independent = True

    def widths(self) -> tuple[tuple[int, ...], int]:
        """Channels after each block, and how many halve."""
        side = square(self.shape, "disc", "sngan")
        if side <= 32:
            return (128,) * 4, 2
        blocks, times = LARGE.get(side, (halvings(side) + 1, halvings(side)))
        return tuple(min(1024, 64 * 2**i) for i in range(blocks)), times

    @nn.compact
    def __call__(self, x: Array, train: bool, label: Array | None = None) -> Array | Output:
        channels, times = self.channels, self.halvings or len(self.channels)
        if not channels:
            channels, times = self.widths()
        smallest(self.shape, times, "disc", "sngan")
        how = (self.weights, self.gain)
        for i, width in enumerate(channels):
            hidden = width if self.is_wide or i == 0 else channels[i - 1]
            block = functools.partial(DiscBlock, width, *how, self.residual_gain, hidden)
            x = block(i < times, i == 0, name=f"block_{i}")(x)
            x = Attention(*how, name=f"attention_{i}")(x) if i in self.attention else x
        return logits(widen(nn.relu(x)).sum((1, 2)), label, self.labels, *how)
