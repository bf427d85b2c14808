"""BiGAN's networks on permutation-invariant MNIST: an encoder, and a disc of pairs (x, z).

Donahue et al. 2017, following their code: two hidden layers of 1,024 units in each net, no biases,
and batch norm without scale and bias.
"""

import math

import jax.numpy as jnp
from flax import linen as nn

from gan_jax.nets.layers import BatchNorm, Dense, activation, flat
from gan_jax.objectives.logits import widen
from gan_jax.types import Array


class Generator(nn.Module):
    """z [B, Z] -> x [B, *shape]; each hidden layer has batch norm and a relu."""

    shape: tuple[int, ...]
    hidden: tuple[int, ...] = (1024, 1024)
    slope: float = 0.2  # of the encoder
    out: str = "identity"
    weights: str = "normal"
    gain: float = 0.02

    @nn.compact
    def __call__(self, z: Array, train: bool) -> Array:
        h, how = z, (self.weights, self.gain, False)
        for i, width in enumerate(self.hidden):
            h = Dense(width, *how, name=f"dense_{i}")(h)
            h = nn.relu(BatchNorm(affine=False, name=f"norm_{i}")(h, train))
        x = Dense(math.prod(self.shape), *how, name="out")(h)
        return activation(self.out)(x).reshape(-1, *self.shape)


class Encoder(nn.Module):
    """x [B, ...] -> z [B, dim]: gen's hidden layers in reverse order, with leaky_relu.

    Every hidden layer but the first has batch norm. The fields are named as gen's, so gen.args sets
    both.
    """

    dim: int
    hidden: tuple[int, ...] = (1024, 1024)
    slope: float = 0.2
    weights: str = "normal"
    gain: float = 0.02

    def setup(self):
        widths, how = tuple(reversed(self.hidden)), (self.weights, self.gain, False)
        self.dense = [Dense(width, *how) for width in widths]
        self.norm = [BatchNorm(affine=False) for _ in widths[1:]]
        self.out = Dense(self.dim, *how)

    def __call__(self, x: Array, train: bool) -> Array:
        return self.out(self.features(x, train))

    def encode(self, x: Array) -> Array:
        """The last hidden layer [B, F], not in training mode."""
        return self.features(x, train=False)

    def features(self, x: Array, train: bool) -> Array:
        """The last hidden layer [B, F]."""
        h = flat(x)
        for i, dense in enumerate(self.dense):
            h = dense(h)
            h = nn.leaky_relu(self.norm[i - 1](h, train) if i else h, self.slope)
        return h


class Discriminator(nn.Module):
    """Pairs [B, D + Z], x flattened to D numbers and then z, -> logits [B]; z may be missing.

    z enters every layer, including the logit, through a linear map of its own:
    h <- act(W h + V z). Every hidden layer but the first has batch norm.
    """

    shape: tuple[int, ...]  # of x
    hidden: tuple[int, ...] = (1024, 1024)
    slope: float = 0.2
    weights: str = "normal"
    gain: float = 0.02

    is_flat = True

    @nn.compact
    def __call__(self, pair: Array, train: bool) -> Array:
        h, z = jnp.split(flat(pair), [math.prod(self.shape)], axis=1)
        how = (self.weights, self.gain, False)

        def layer(h: Array, width: int, name: str) -> Array:
            h = Dense(width, *how, name=name)(h)
            return h + Dense(width, *how, name=f"{name}_z")(z) if z.shape[1] else h

        for i, width in enumerate(self.hidden):
            h = layer(h, width, f"dense_{i}")
            h = BatchNorm(affine=False, name=f"norm_{i}")(h, train) if i else h
            h = nn.leaky_relu(h, self.slope)
        h, z = widen(h), widen(z)
        return layer(h, 1, "logit")[:, 0]
