"""R3GAN's networks: residual blocks of grouped convolutions, without norms. Huang et al. 2024.

A block is x + W3 act(W2 act(W1 x)): W1 is 1x1 to twice the channels, W2 is 3x3 in groups, W3 is 1x1
back; act(x) is leaky_relu(x + b). Weights start as N(0, (gain / sqrt fan-in)^2), where W1 and W2
have the gain sqrt(2 / 1.04) L^(-1/4) for L blocks in the net, and W3 starts at 0. The default
widths are those for CIFAR-10 and FFHQ: 768 up to 32x32, halved at each doubling of the sides above.
gen has no output activation: values beyond the data's range are clipped when shown or measured.
"""

import math

import jax.numpy as jnp
from flax import linen as nn

from gan_jax.nets.layers import Dense, Labels, Output, logits, one_hot
from gan_jax.nets.layers.convolution import Conv
from gan_jax.nets.layers.images import (
    halvings,
    smallest,
    smoothly_doubled,
    smoothly_halved,
    square,
)
from gan_jax.nets.layers.narrow import like
from gan_jax.objectives.logits import widen
from gan_jax.types import Array

SLOPE, WEIGHTS = 0.2, "fan_in_normal"
WIDEST = 768


def widths(shape: tuple[int, ...], player: str) -> tuple[int, ...]:
    """Channels from the smallest map to the largest."""
    side = square(shape, player, "r3gan")
    sides = [side // 2**i for i in reversed(range(halvings(side) + 1))]
    return tuple(WIDEST if s <= 32 else WIDEST * 32 // s for s in sides)


def point(features: int, name: str, gain: float = 1.0) -> Conv:
    """A 1x1 convolution without bias."""
    return Conv(features, WEIGHTS, gain, bias=False, size=1, stride=1, name=name)


class Block(nn.Module):
    """[B, H, W, C] -> the same shape. blocks: in the whole net; group: channels per group of W2."""

    blocks: int
    group: int = 16

    @nn.compact
    def __call__(self, x: Array) -> Array:
        c, gain = x.shape[-1], math.sqrt(2 / (1 + SLOPE**2)) * self.blocks**-0.25

        def act(h: Array, name: str) -> Array:
            bias = self.param(name, nn.initializers.zeros, (2 * c,))
            return nn.leaky_relu(h + like(h, bias).reshape(1, 1, 1, -1), SLOPE)

        groups = max(2 * c // self.group, 1)
        h = act(point(2 * c, "conv_0", gain)(x), "bias_0")
        h = Conv(2 * c, WEIGHTS, gain, False, 3, 1, groups, name="conv_1")(h)
        return x + point(c, "conv_2", 0.0)(act(h, "bias_1"))


class Generator(nn.Module):
    """z [B, Z] -> x [B, H, W, C]. channels: at each size of the maps, the smallest first.

    gen.condition "concat" joins an embedding of the label to z. blocks: their number at each size.
    """

    shape: tuple[int, ...]
    channels: tuple[int, ...] = ()
    blocks: int = 2
    group: int = 16
    embedding: int = 64
    labels: Labels = Labels()

    joins_labels = True

    @nn.compact
    def __call__(self, z: Array, train: bool, label: Array | None = None) -> Array:
        channels = self.channels or widths(self.shape, "gen")
        start = smallest(self.shape, len(channels) - 1, "gen", "r3gan")
        if label is not None:
            y = like(z, one_hot(label, self.labels.classes))
            embed = Dense(self.embedding, WEIGHTS, bias=False, name="embedding")
            z = jnp.concatenate([z, embed(y)], -1)
        basis = self.param("basis", nn.initializers.normal(1.0), (*start, channels[0]))
        h = Dense(channels[0], WEIGHTS, bias=False, name="start")(z)
        h = h[:, None, None] * like(h, basis)[None]
        for i, width in enumerate(channels):
            if i:
                h = point(width, f"widen_{i}")(h) if width != h.shape[-1] else h
                h = smoothly_doubled(h)
            h = stage(h, i, self.blocks, self.group, len(channels))
        return point(self.shape[-1], "out")(h)


class Discriminator(nn.Module):
    """x [B, H, W, C] -> logits [B]. channels: at each size of the maps, the largest first.

    Its condition "projection" is the paper's: the logit is the inner product of the features with
    an embedding of the label, without a label-free term.
    """

    shape: tuple[int, ...]
    channels: tuple[int, ...] = ()
    blocks: int = 2
    group: int = 16
    labels: Labels = Labels()

    rows_are_independent = True

    @nn.compact
    def __call__(self, x: Array, train: bool, label: Array | None = None) -> Array | Output:
        channels = self.channels or widths(self.shape, "disc")[::-1]
        sides = smallest(self.shape, len(channels) - 1, "disc", "r3gan")
        h = point(channels[0], "in")(x)
        for i, width in enumerate(channels):
            if i:
                h = smoothly_halved(h)
                h = point(width, f"widen_{i}")(h) if width != h.shape[-1] else h
            h = stage(h, i, self.blocks, self.group, len(channels))
        spread = nn.initializers.normal(1 / math.sqrt(math.prod(sides)))
        h = (widen(h) * self.param("basis", spread, (*sides, h.shape[-1]))[None]).sum((1, 2))
        if self.labels.condition != "projection":
            return logits(h, label, self.labels, WEIGHTS, 1.0, bias=False)
        assert label is not None
        width, y = h.shape[-1], one_hot(label, self.labels.classes)
        embed = Dense(width, WEIGHTS, width**-0.5, bias=False, name="embedding")
        return (Dense(width, WEIGHTS, bias=False, name="features")(h) * embed(y)).sum(-1)


def stage(h: Array, i: int, blocks: int, group: int, stages: int) -> Array:
    """The blocks of one size. The layers belong to the module that calls this."""
    for j in range(blocks):
        h = Block(blocks * stages, group, name=f"block_{i}_{j}")(h)
    return h
