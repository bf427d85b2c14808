"""StackGAN: pictures from captions in two stages, with a disc that reads them. Zhang et al. 2017.

A caption is represented by the mean of its words' vectors, which each net learns, and its code c is
drawn from a normal distribution that depends on this mean (conditioning augmentation). The paper's
nets have width 192 in gen and 64 in disc, 64x64 pixels in stage I and 256x256 in stage II, and a
code of 128 numbers; the paper represents captions by 1,024 numbers from a pretrained text encoder.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from gan_jax.nets.layers import BatchNorm, Dense, activation, flat
from gan_jax.nets.layers.convolution import Conv
from gan_jax.nets.layers.images import doubled, halvings, smallest
from gan_jax.nets.layers.narrow import like
from gan_jax.objectives.logits import widen
from gan_jax.types import Array

FIRST_WORD = 2  # its index in a vocabulary, after the entries for padding and unknown words


class Drawing(NamedTuple):
    """A picture and the distribution that the code of its caption was drawn from."""

    x: Array  # [B, H, W, C]
    mean: Array  # [B, E]
    log_std: Array  # [B, E]


class Reader(nn.Module):
    """text int32 [B, T] -> the mean vector of its known words, [B, features]; 0 if it has none."""

    words: int
    features: int

    @nn.compact
    def __call__(self, text: Array) -> Array:
        init = nn.initializers.normal(1.0)
        table = self.param("words", init, (self.words, self.features))
        known = (text >= FIRST_WORD).astype(table.dtype)[..., None]
        return (table[text] * known).sum(1) / jnp.maximum(known.sum(1), 1)


class Augmented(nn.Module):
    """text -> the mean and log standard deviation of c, [B, features] each, and a draw of c.

    Without a key, the draw is the mean.
    """

    words: int
    vectors: int
    features: int
    weights: str = "normal"
    gain: float = 0.02

    @nn.compact
    def __call__(self, text: Array) -> tuple[Array, Array, Array]:
        h = Reader(self.words, self.vectors, name="reader")(text)
        both = Dense(2 * self.features, self.weights, self.gain, name="code")(h)
        mean, log_std = jnp.split(nn.leaky_relu(both, 0.2), 2, axis=1)
        if not self.has_rng("dropout"):
            return mean, log_std, mean
        noise = jax.random.normal(self.make_rng("dropout"), mean.shape, jnp.float32)
        return mean, log_std, mean + jnp.exp(log_std) * noise


class Painter(nn.Module):
    """What both stages have in common: how a layer is made, and how maps are doubled."""

    shape: tuple[int, ...]
    words: int = 0
    width: int = 64
    vectors: int = 128
    code: int = 128
    blocks: int = 2  # number of residual blocks in stage II
    out: str = "tanh"
    weights: str = "normal"
    gain: float = 0.02

    def augmented(self, text: Array) -> tuple[Array, Array, Array]:
        how = (self.words, self.vectors, self.code, self.weights, self.gain)
        return Augmented(*how, name="caption")(text)

    def layer(self, h: Array, width: int, train: bool, name: str, size: int = 3) -> Array:
        conv = Conv(width, self.weights, self.gain, False, size, size - 2, name=name)
        return nn.relu(BatchNorm(0.9, 1e-5, name=f"{name}_norm")(conv(h), train))

    def grown(self, h: Array, widths: list[int], train: bool) -> Array:
        for i, width in enumerate(widths):
            h = self.layer(doubled(h), width, train, f"up_{i}")
        how = (self.weights, self.gain)
        return activation(self.out)(Conv(self.shape[-1], *how, size=3, stride=1, name="out")(h))


class Generator(Painter):
    """Stage I: z [B, Z], or (z, text [B, T]) -> Drawing; z alone -> a picture without a caption.

    A first map with sides of 4 or more is doubled until it has the picture's size; its channels
    halve each time, down to `width`.
    """

    @nn.compact
    def __call__(self, z: Array | tuple[Array, Array], train: bool) -> Any:
        noise, text = z if isinstance(z, tuple) else (z, None)
        n = doublings(self.shape)
        sides = smallest(self.shape, n, "gen", "stackgan")
        mean, log_std, c = self.augmented(text) if text is not None else (noise[:, :0],) * 3
        first = self.width * 2**n
        start = Dense(sides[0] * sides[1] * first, self.weights, self.gain, False, name="start")
        h = start(jnp.concatenate([noise, like(noise, c)], 1)).reshape(-1, *sides, first)
        h = nn.relu(BatchNorm(0.9, 1e-5, name="start_norm")(h, train))
        x = self.grown(h, [self.width * 2**i for i in reversed(range(n))], train)
        return x if text is None else Drawing(x, mean, log_std)


class Refiner(Painter):
    """Stage II: (picture of half the sides, text [B, T]) -> Drawing of shape `shape`.

    The picture is halved twice, joined with the caption's code at every pixel, passed through
    residual blocks (four in the paper), and doubled three times.
    """

    @nn.compact
    def __call__(self, z: tuple[Array, Array], train: bool) -> Drawing:
        picture, text = z
        mean, log_std, c = self.augmented(text)
        h = self.layer(picture, self.width, train, "down_0")
        for i in (1, 2):
            h = self.layer(h, self.width * 2**i, train, f"down_{i}", size=4)
        h = self.layer(beside(h, c), h.shape[-1], train, "joined")
        for i in range(self.blocks):
            y = self.layer(h, h.shape[-1], train, f"block_{i}")
            conv = Conv(h.shape[-1], self.weights, self.gain, False, 3, 1, name=f"block_{i}_end")
            h = nn.relu(h + BatchNorm(0.9, 1e-5, name=f"block_{i}_end_norm")(conv(y), train))
        x = self.grown(h, [2 * self.width, self.width, self.width], train)
        return Drawing(x, mean, log_std)


class Discriminator(nn.Module):
    """x [B, H, W, C], or (x, text [B, T]) -> logits [B]: whether x is real and fits its caption."""

    shape: tuple[int, ...]
    words: int = 0
    width: int = 64
    vectors: int = 128
    code: int = 128
    slope: float = 0.2
    weights: str = "normal"
    gain: float = 0.02

    @property
    def rows_are_independent(self) -> bool:
        """Not with batch norm, which all layers but the first have."""
        return doublings(self.shape) == 1 and not self.words

    @nn.compact
    def __call__(self, x: Array | tuple[Array, Array], train: bool) -> Array:
        h, text = x if isinstance(x, tuple) else (x, None)
        n, how = doublings(self.shape), (self.weights, self.gain)
        smallest(self.shape, n, "disc", "stackgan")
        for i in range(n):
            h = Conv(self.width * min(2**i, 8), *how, i == 0, name=f"down_{i}")(h)
            h = BatchNorm(0.9, 1e-5, name=f"norm_{i}")(h, train) if i else h
            h = nn.leaky_relu(h, self.slope)
        if text is not None:
            read = Reader(self.words, self.vectors, name="reader")(text)
            c = nn.leaky_relu(Dense(self.code, *how, name="code")(read), self.slope)
            h = Conv(h.shape[-1], *how, False, 3, 1, name="joined")(beside(h, c))
            h = nn.leaky_relu(BatchNorm(0.9, 1e-5, name="joined_norm")(h, train), self.slope)
        return Dense(1, *how, name="logit")(widen(flat(h)))[:, 0]


def beside(h: Array, c: Array) -> Array:
    """Maps [B, H, W, F] with the code [B, E] joined to every pixel: [B, H, W, F + E]."""
    each = jnp.broadcast_to(like(h, c)[:, None, None], (*h.shape[:3], c.shape[-1]))
    return jnp.concatenate([h, each], -1)


def doublings(shape: tuple[int, ...]) -> int:
    """How often both sides can be halved and stay at least 4; 1 if the shape is not an image's."""
    return max(1, min(map(halvings, shape[:2]))) if len(shape) == 3 else 1
