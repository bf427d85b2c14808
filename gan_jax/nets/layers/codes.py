"""InfoGAN's recognition head: a discriminator's estimate of the codes that a fake was made from."""

from collections.abc import Callable
from typing import NamedTuple

from gan_jax.nets.layers import Dense, Output, Stack, heads_of, logit_of
from gan_jax.objectives.logits import widen
from gan_jax.types import Array

UNITS = 128  # of the head's own layer


class Codes(NamedTuple):
    """The codes in a fake's latent: how many categories, and how many continuous codes."""

    categories: int = 0  # 0: there are no codes
    numbers: int = 0


NO_CODES = Codes()


def with_codes(
    y: Array | Output,
    h: Array,
    train: bool,
    codes: Codes,
    act: Callable[[Array], Array],
    weights: str,
    gain: float,
) -> Array | Output:
    """The output y with Q's heads, which share the last hidden layer h [B, F]. Chen et al. 2016.

    Q has a dense layer of 128 units with batch norm and the trunk's activation, then linear maps to
    the heads "category", logits [B, categories], and "mean", [B, numbers]. The numbers' Gaussian
    has standard deviation 1, as in the authors' MNIST run. The layers belong to the module that
    calls this. Without codes, y is returned unchanged.
    """
    if not codes.categories:
        return y
    how = (weights, gain)
    q = Stack((UNITS,), act, *how, batch_norm=True, name="recognition")(widen(h), train)
    category = Dense(codes.categories, *how, name="category")(q)
    mean = Dense(codes.numbers, *how, name="mean")(q)
    return Output(logit_of(y), heads_of(y) | {"category": category, "mean": mean})
