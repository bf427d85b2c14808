"""The conditional networks of Mirza and Osindero 2014 for MNIST: one layer for z or x, one for y.

A further layer takes both outputs, or without labels only the first. Dropout follows every hidden
layer of both players; the paper gives its rate but does not say where it is applied.
"""

import math

import jax.numpy as jnp
from flax import linen as nn

from gan_jax.nets.layers import Dense, Labels, Maxout, Output, activation, flat, logits, one_hot
from gan_jax.nets.layers.narrow import like
from gan_jax.nets.maxout import start_at as at_mean
from gan_jax.types import Array


class Generator(nn.Module):
    """z [B, Z] -> x [B, *shape]. The output's bias starts at the mean image, as in maxout.py."""

    shape: tuple[int, ...]
    latent_units: int = 200
    label_units: int = 1000
    joint_units: int = 1200
    act: str = "relu"
    keep_hidden: float = 0.5  # the share of units that dropout keeps
    out: str = "sigmoid"
    weights: str = "uniform"
    gain: float = 0.05
    labels: Labels = Labels()

    start_at = staticmethod(at_mean)
    joins_labels = True

    @nn.compact
    def __call__(self, z: Array, train: bool, label: Array | None = None) -> Array:
        act, how = activation(self.act), (self.weights, self.gain)
        drop = nn.Dropout(1 - self.keep_hidden, deterministic=not train)
        h = drop(act(Dense(self.latent_units, *how, name="latent")(z)))
        if label is not None:
            y = like(z, one_hot(label, self.labels.classes))
            y = drop(act(Dense(self.label_units, *how, name="label")(y)))
            h = jnp.concatenate([h, y], -1)
        h = drop(act(Dense(self.joint_units, *how, name="joint")(h)))
        x = Dense(math.prod(self.shape), *how, name="out")(h)
        return activation(self.out)(x).reshape(-1, *self.shape)


class Discriminator(nn.Module):
    """x [B, ...] -> logits [B]. Each layer is Maxout."""

    image_units: int = 240
    label_units: int = 50
    joint_units: int = 240
    pieces: int = 5
    joint_pieces: int = 4
    keep_hidden: float = 0.5
    weights: str = "uniform"
    gain: float = 0.005
    labels: Labels = Labels()

    is_flat = True
    joins_labels = True

    @property
    def rows_are_independent(self) -> bool:
        """False with dropout: reals and fakes then have separate masks."""
        return self.keep_hidden == 1.0

    @nn.compact
    def __call__(self, x: Array, train: bool, label: Array | None = None) -> Array | Output:
        how = (self.weights, self.gain)
        drop = nn.Dropout(1 - self.keep_hidden, deterministic=not train)
        h = drop(Maxout(self.image_units, self.pieces, *how, name="image")(flat(x)))
        if self.labels.condition == "concat":
            assert label is not None
            y = like(x, one_hot(label, self.labels.classes))
            y = drop(Maxout(self.label_units, self.pieces, *how, name="label")(y))
            h = jnp.concatenate([h, y], -1)
        h = drop(Maxout(self.joint_units, self.joint_pieces, *how, name="joint")(h))
        return logits(h, label, self.labels, *how)
