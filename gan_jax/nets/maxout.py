"""The networks of the 2014 paper's MNIST run: a relu generator, and a maxout disc with dropout."""

import math

import jax.numpy as jnp
from flax import linen as nn

from gan_jax.nets.layers import Dense, Labels, Maxout, Output, Stack, activation, flat, logits
from gan_jax.types import Array, PyTree


def start_at(params: PyTree, mean: Array, low: float) -> PyTree:
    """Sets the output's bias to the logit of the mean example, clipped as in the 2014 code.

    For data in [-1, 1] it is half that logit, since tanh(t) = 2 sig(2 t) - 1.
    """
    p = jnp.clip(mean.ravel(), 1e-7, 1 - 1e-7)
    logit = jnp.log(p) - jnp.log1p(-p)
    out = params["out"]["linear"] | {"bias": logit / (1 - low)}
    return {**params, "out": {"linear": out}}


class Generator(nn.Module):
    """z [B, Z] -> x [B, *shape]. The output's bias starts at the mean image (see start_at)."""

    shape: tuple[int, ...]
    hidden: tuple[int, ...] = (1200, 1200)
    act: str = "relu"
    out: str = "sigmoid"
    weights: str = "uniform"
    gain: float = 0.05

    start_at = staticmethod(start_at)

    @nn.compact
    def __call__(self, z: Array, train: bool) -> Array:
        h = Stack(self.hidden, activation(self.act), self.weights, self.gain)(z)
        x = Dense(math.prod(self.shape), self.weights, self.gain, name="out")(h)
        return activation(self.out)(x).reshape(-1, *self.shape)


class Discriminator(nn.Module):
    """x [B, ...] -> logits [B]. keep_input, keep_hidden: the share of units that dropout keeps."""

    units: tuple[int, ...] = (240, 240)
    pieces: int = 5
    keep_input: float = 0.8
    keep_hidden: float = 0.5
    weights: str = "uniform"
    gain: float = 0.005
    labels: Labels = Labels()

    is_flat = True

    @property
    def rows_are_independent(self) -> bool:
        """False with dropout: reals and fakes then have separate masks."""
        return self.keep_input == self.keep_hidden == 1.0

    @nn.compact
    def __call__(self, x: Array, train: bool, label: Array | None = None) -> Array | Output:
        h = nn.Dropout(1 - self.keep_input, deterministic=not train)(flat(x))
        for i, units in enumerate(self.units):
            h = Maxout(units, self.pieces, self.weights, self.gain, name=f"maxout_{i}")(h)
            h = nn.Dropout(1 - self.keep_hidden, deterministic=not train)(h)
        return logits(h, label, self.labels, self.weights, self.gain)
