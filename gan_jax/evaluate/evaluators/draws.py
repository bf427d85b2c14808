"""What evaluators share: a run's two sets of draws, and real images held out."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from gan_jax.data import load
from gan_jax.games import Setup
from gan_jax.types import Array, Sampler, State

# Folded into a run's key: no step number gets there. A run is watched on the draws of "eval"; what
# is chosen by them, such as the best of many runs, is then measured on those of "test".
STREAMS = {"eval": 2**32 - 2, "test": 2**32 - 3}
Values = Iterator[tuple[str, Any]]
Evaluator = Callable[[State], Values]


def held_out(name: str, data_dir: str | None, n: int) -> np.ndarray:
    """The first n images of a data set's test split, or all there are, in [0, 1]."""
    return unit(load(name, "test", data_dir).x[:n])


def unit(x: np.ndarray) -> np.ndarray:
    """uint8 pixels in [0, 1]."""
    return x / np.float32(255)


def make_draw(
    setup: Setup, part: str = "eval", sampler: Sampler | None = None
) -> Callable[[State, int], np.ndarray]:
    """f(state, n) -> n samples on the host, in [0, 1] for images, in data units for points.

    sampler: which of the game's, by default the first. A part's latents are fixed for the run: what
    changes from step to step is gen's own.
    """
    _, latent, sample, _ = sampler or setup.game.sampler

    @functools.partial(jax.jit, static_argnums=1)
    def draw(state: State, n: int) -> Array:
        z = latent(jax.random.fold_in(state.key, STREAMS[part]), n)
        return setup.data.to_unit(sample(state, z))

    return lambda state, n: np.asarray(draw(state, n))
