"""InfoGAN's recognition head: what a discriminator says of the codes that a fake was made from."""

from collections.abc import Callable
from typing import NamedTuple

from gan_jax.nets.layers import Dense, Output, Stack, heads_of, logit_of
from gan_jax.objectives.logits import widen
from gan_jax.types import Array

UNITS = 128  # of the head's own layer


class Codes(NamedTuple):
    """The codes among a fake's latents: one category of so many, and so many numbers."""

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
    """The output y, with Q's heads on the same last hidden layer h [B, F]. Chen et al. 2016.

    Q has a dense layer of 128 units with batch norm and the activation of the trunk, then linear
    maps to the heads "category", logits [B, categories], and "mean", [B, numbers]. The Gaussian of
    the numbers has the fixed deviation 1, as in the authors' MNIST run. Layers are those of the
    module that calls this; without codes y comes back as it is.
    """
    if not codes.categories:
        return y
    how = (weights, gain)
    q = Stack((UNITS,), act, *how, batch_norm=True, name="recognition")(widen(h), train)
    category = Dense(codes.categories, *how, name="category")(q)
    mean = Dense(codes.numbers, *how, name="mean")(q)
    return Output(logit_of(y), heads_of(y) | {"category": category, "mean": mean})
