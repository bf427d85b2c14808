"""Parts that architectures share: initialisers and activations by name, dense layers, maxout."""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from gan_jax.config import choose
from gan_jax.nets.layers.matmul import matmul
from gan_jax.nets.layers.narrow import dtype_of, like
from gan_jax.objectives.logits import widen
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
    "fan_in_normal": lambda s, n: (nn.initializers.normal(s / math.sqrt(n)), nn.initializers.zeros),
    # with variance 2 s^2 / (inputs + outputs), as PyTorch's xavier_uniform_ with gain s
    "glorot_uniform": lambda s, n: (
        nn.initializers.variance_scaling(s * s, "fan_avg", "uniform"),
        nn.initializers.zeros,
    ),
    "orthogonal": lambda s, n: (nn.initializers.orthogonal(s), nn.initializers.zeros),
}


class Dense(nn.Module):
    """x [B, D] -> x W + b [B, features]; weights is a name in INITS, gain that row's scale."""

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
            dtype=dtype_of(x),
            kernel_init=pair[0],
            bias_init=pair[1],
            dot_general=lambda x, kernel, *_, **__: matmul(x, kernel),
            name="linear",
        )
        return layer(x)


class Output(NamedTuple):
    """The output of a discriminator with further heads, for each example."""

    logit: Array  # [B]
    heads: dict[str, Array]  # by name: class logits, or codes [B, ...]


def logit_of(y: Array | Output) -> Array:
    """The logits of a discriminator's output, [B]; those of patches [B, P] flattened to [B P]."""
    return (y.logit if isinstance(y, Output) else y).reshape(-1)


def of_example(y: Array | Output, join: Callable = jnp.sum) -> Array:
    """One number per example [B]: its logit, or its patches' logits joined by a sum or mean."""
    logit = y.logit if isinstance(y, Output) else y
    return join(logit, 1) if logit.ndim > 1 else logit


def heads_of(y: Array | Output) -> dict[str, Array]:
    """The outputs of a discriminator's further heads."""
    return y.heads if isinstance(y, Output) else {}


class Projection(nn.Module):
    """E[label] h, [B], with E initialised like the weights of a logit of h [B, F]."""

    classes: int
    weights: str = "fan_in_uniform"
    gain: float = 1.0

    @nn.compact
    def __call__(self, h: Array, label: Array) -> Array:
        each = one_hot(label, self.classes)
        init = INITS[self.weights](self.gain, h.shape[-1])[0]
        table = self.param("embedding", init, (each.shape[-1], h.shape[-1]))
        return (matmul(each, table) * h).sum(-1)


class Labels(NamedTuple):
    """How a network takes labels: a row of the config's conditions, and how many classes."""

    condition: str = "none"
    classes: int = 0


def logits(
    h: Array, label: Array | None, labels: Labels, weights: str, gain: float, bias: bool = True
) -> Array | Output:
    """h [B, F] -> w h + b, [B]. The layers belong to the module that calls this.

    projection: w h + b + E[label] h (Miyato and Koyama 2018). acgan: an Output, whose head "class"
    holds the logits of a classifier on the same h (Odena et al. 2017). Packs of m samples have
    labels [B, m], with a separate embedding or classifier for each position.
    """
    h = widen(h)
    logit = Dense(1, weights, gain, bias, name="logit")(h)[:, 0]
    if labels.condition == "projection":
        assert label is not None
        return logit + Projection(labels.classes, weights, gain, name="projection")(h, label)
    if labels.condition == "acgan":
        assert label is not None
        of_all = Dense(label[0].size * labels.classes, weights, gain, name="class")(h)
        return Output(logit, {"class": of_all.reshape(*label.shape, labels.classes)})
    return logit


def one_hot(label: Array, classes: int) -> Array:
    """Labels [B] -> [B, classes]; labels of packs [B, m] -> [B, m classes]."""
    return jax.nn.one_hot(label, classes).reshape(label.shape[0], -1)


class Maxout(nn.Module):
    """x [B, D] -> the largest of `pieces` linear maps, [B, units]. Goodfellow et al. 2013.

    Column i * units + j of the kernel is piece i of unit j. With a unit's pieces side by side, each
    maximum and its gradient would run over a few neighbouring numbers, which is slow on a CPU.
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

    In training, the mean and variance are the batch's, and `batch_stats` among the vars keeps their
    running averages, with which samples are made. The defaults are those of PacGAN's code.

    With classes, scale and bias are 1 + gain[label] and bias[label]. Both tables start at 0, so all
    classes start alike. Dumoulin et al. 2017; the 1 is from BigGAN.
    """

    keep: float = 0.95  # decay of the running averages per update of the player
    eps: float = 1e-4
    classes: int = 0
    affine: bool = True  # False: scale 1 and bias 0 for good

    @nn.compact
    def __call__(self, x: Array, train: bool, label: Array | None = None) -> Array:
        layer = nn.BatchNorm(
            not train,
            momentum=self.keep,
            epsilon=self.eps,
            dtype=dtype_of(x),
            use_scale=self.affine and not self.classes,
            use_bias=self.affine and not self.classes,
            use_fast_variance=False,
            name="norm",
        )
        x = layer(x)
        if not self.classes:
            return x
        assert label is not None
        table = (self.classes, x.shape[-1])
        gain, bias = (
            like(x, self.param(n, nn.initializers.zeros, table)) for n in ("gain", "bias")
        )
        where = (x.shape[0], *(1,) * (x.ndim - 2), -1)
        return x * (1 + gain[label].reshape(where)) + bias[label].reshape(where)


class Stack(nn.Module):
    """Dense layers with an activation after each, [B, D] -> [B, widths[-1]].

    batch_norm: each layer is normalised before its activation, and then has no bias.
    """

    widths: tuple[int, ...]
    act: Callable[[Array], Array]
    weights: str = "fan_in_uniform"
    gain: float = 1.0
    batch_norm: bool = False
    classes: int = 0  # of conditional batch norm; 0: batch norm without labels

    @nn.compact
    def __call__(self, x: Array, train: bool = False, label: Array | None = None) -> Array:
        bias = not self.batch_norm
        for i, width in enumerate(self.widths):
            x = Dense(width, self.weights, self.gain, bias, name=f"dense_{i}")(x)
            if self.batch_norm:
                x = BatchNorm(classes=self.classes, name=f"norm_{i}")(x, train, label)
            x = self.act(x)
        return x


def flat(x: Array) -> Array:
    """[B, ...] -> [B, D]."""
    return x.reshape(x.shape[0], -1)
