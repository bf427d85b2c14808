"""Parts that architectures share: initialisers and activations by name, dense layers, maxout."""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from gan_jax.config import choose
from gan_jax.nets.layers.matmul import matmul
from gan_jax.types import Array

ACTIVATIONS: dict[str, Callable[..., Array]] = {
    "relu": nn.relu,
    "leaky_relu": nn.leaky_relu,
    "tanh": nn.tanh,
    "sigmoid": nn.sigmoid,
    "elu": nn.elu,
    "identity": lambda x: x,
}


def activation(name: str, slope: float = 0.01) -> Callable[[Array], Array]:
    """The function of that name; slope is leaky_relu's factor below 0."""
    act = ACTIVATIONS[choose("activation", name, ACTIVATIONS)]
    return functools.partial(act, negative_slope=slope) if name == "leaky_relu" else act


def _fan_in_uniform(scale: float, fan_in: int) -> nn.initializers.Initializer:
    bound = scale / math.sqrt(fan_in)
    return lambda key, shape, dtype=jnp.float32: jax.random.uniform(
        key, shape, dtype, -bound, bound
    )


def _symmetric_uniform(bound: float) -> nn.initializers.Initializer:
    return lambda key, shape, dtype=jnp.float32: jax.random.uniform(
        key, shape, dtype, -bound, bound
    )


# name -> (scale, fan_in) -> the initialisers of kernel and bias
INITS: dict[str, Callable[[float, int], tuple]] = {
    "lecun": lambda s, n: (
        nn.initializers.variance_scaling(s, "fan_in", "truncated_normal"),
        nn.initializers.zeros,
    ),
    # nn.Linear's default in PyTorch, with gain 1: tutorials' settings assume it
    "fan_in_uniform": lambda s, n: (_fan_in_uniform(s, n), _fan_in_uniform(s, n)),
    "uniform": lambda s, n: (_symmetric_uniform(s), nn.initializers.zeros),
    "normal": lambda s, n: (nn.initializers.normal(s), nn.initializers.zeros),
    "orthogonal": lambda s, n: (nn.initializers.orthogonal(s), nn.initializers.zeros),
}


class Dense(nn.Module):
    """x [B, D] -> x W + b [B, features]; weights is a name in INITS, gain its number."""

    features: int
    weights: str = "fan_in_uniform"
    gain: float = 1.0
    bias: bool = True

    @nn.compact
    def __call__(self, x: Array) -> Array:
        pair = INITS[choose("weights", self.weights, INITS)](self.gain, x.shape[-1])
        layer = nn.Dense(
            self.features,
            self.bias,
            kernel_init=pair[0],
            bias_init=pair[1],
            dot_general=lambda x, kernel, *_, **__: matmul(x, kernel),
            name="linear",
        )
        return layer(x)


class Maxout(nn.Module):
    """x [B, D] -> the largest of `pieces` linear maps, [B, units]. Goodfellow et al. 2013.

    Column i * units + j of the kernel is piece i of unit j: a unit's pieces side by side would make
    each maximum and its gradient a walk over a few neighbours, which is slow on a CPU.
    """

    units: int
    pieces: int
    weights: str = "fan_in_uniform"
    gain: float = 1.0

    @nn.compact
    def __call__(self, x: Array) -> Array:
        h = Dense(self.units * self.pieces, self.weights, self.gain, name="pieces")(x)
        return functools.reduce(jnp.maximum, jnp.split(h, self.pieces, axis=-1))


class BatchNorm(nn.Module):
    """(x - mean) / sqrt(var + eps) * scale + bias, x [B, D]; Ioffe and Szegedy 2015.

    In training the mean and variance are the batch's, and `batch_stats` among the vars keeps their
    running averages; samples are made with those. Its numbers are those of PacGAN's code.
    """

    keep: float = 0.95  # of the running averages, an update of the player
    eps: float = 1e-4

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        layer = nn.BatchNorm(
            not train, momentum=self.keep, epsilon=self.eps, use_fast_variance=False, name="norm"
        )
        return layer(x)


class Stack(nn.Module):
    """Dense layers with an activation after each, [B, D] -> [B, widths[-1]].

    batch_norm: each is normalised before its activation, and needs no bias.
    """

    widths: tuple[int, ...]
    act: Callable[[Array], Array]
    weights: str = "fan_in_uniform"
    gain: float = 1.0
    batch_norm: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        bias = not self.batch_norm
        for i, width in enumerate(self.widths):
            x = Dense(width, self.weights, self.gain, bias, name=f"dense_{i}")(x)
            if self.batch_norm:
                x = BatchNorm(name=f"norm_{i}")(x, train)
            x = self.act(x)
        return x


def flat(x: Array) -> Array:
    """[B, ...] -> [B, D]."""
    return x.reshape(x.shape[0], -1)
