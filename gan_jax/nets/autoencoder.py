"""Autoencoder discriminators, for began and ebgan; gen is a perceptron. Zhao et al. 2016."""

import math

import jax.numpy as jnp
from flax import linen as nn

from gan_jax.host.errors import ConfigError
from gan_jax.nets import mlp
from gan_jax.nets.layers import Dense, Stack, activation, flat
from gan_jax.objectives.logits import widen
from gan_jax.types import Array

ERRORS = {"l1": jnp.abs, "l2": jnp.square}

Generator = mlp.Generator


class Discriminator(nn.Module):
    """x [B, ...] -> minus the mean reconstruction error over each example's elements, [B].

    error: l1 (for began) or l2 (for ebgan, whose margin is then in squared units of x per element).
    """

    shape: tuple[int, ...]
    hidden: tuple[int, ...] = (512, 256)
    code: int = 64
    act: str = "elu"
    slope: float = 0.01
    error: str = "l1"
    weights: str = "lecun"
    gain: float = 1.0

    rows_are_independent = True
    is_energy = True
    is_flat = True

    def setup(self):
        if self.error not in ERRORS:
            raise ConfigError(f"disc.args.error is {self.error!r}: expected l1 or l2")
        act = activation(self.act, self.slope)
        how = (self.weights, self.gain)
        self.encoder = Stack(self.hidden, act, *how)
        self.bottleneck = Dense(self.code, *how)
        self.decoder = Stack(tuple(reversed(self.hidden)), act, *how)
        self.out = Dense(math.prod(self.shape), *how)

    def __call__(self, x: Array, train: bool) -> Array:
        again = self.out(self.decoder(self.encode(x)))
        return -ERRORS[self.error](widen(again) - widen(flat(x))).mean(-1)

    def encode(self, x: Array) -> Array:
        """x [B, ...] -> codes [B, code], which pulling_away keeps apart."""
        return self.bottleneck(self.encoder(flat(x)))
