"""Multilayer perceptrons, for images and for points."""

import math

from flax import linen as nn

from gan_jax.nets.layers import Dense, Labels, Output, Stack, activation, flat, logits
from gan_jax.nets.layers.codes import Codes, with_codes
from gan_jax.types import Array


class Generator(nn.Module):
    """z [B, Z] -> x [B, *shape]."""

    shape: tuple[int, ...]
    hidden: tuple[int, ...] = (256, 512, 1024)
    act: str = "leaky_relu"
    slope: float = 0.01
    out: str = "identity"  # games/play/parts.py gives what suits the data
    weights: str = "fan_in_uniform"
    gain: float = 1.0
    batch_norm: bool = False  # after each hidden layer, which then has no bias
    labels: Labels = Labels()

    @nn.compact
    def __call__(self, z: Array, train: bool, label: Array | None = None) -> Array:
        act, classes = activation(self.act, self.slope), self.labels.classes
        stack = Stack(self.hidden, act, self.weights, self.gain, self.batch_norm, classes)
        h = stack(z, train, label)
        x = Dense(math.prod(self.shape), self.weights, self.gain, name="out")(h)
        return activation(self.out)(x).reshape(-1, *self.shape)


class Discriminator(nn.Module):
    """x [B, ...] -> logits [B], positive on reals."""

    hidden: tuple[int, ...] = (1024, 512, 256)
    act: str = "leaky_relu"
    slope: float = 0.01
    weights: str = "fan_in_uniform"
    gain: float = 1.0
    labels: Labels = Labels()
    codes: Codes = Codes()

    is_flat = True

    @property
    def rows_are_independent(self) -> bool:
        """Whether one pass over reals and fakes equals two: not with the batch norm of Q."""
        return not self.codes.categories

    @nn.compact
    def __call__(self, x: Array, train: bool, label: Array | None = None) -> Array | Output:
        act, how = activation(self.act, self.slope), (self.weights, self.gain)
        h = Stack(self.hidden, act, *how)(flat(x))
        y = logits(h, label, self.labels, *how)
        return with_codes(y, h, train, self.codes, act, *how)
