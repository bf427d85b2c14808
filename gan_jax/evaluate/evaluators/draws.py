"""What evaluators share: a run's two sets of draws, and real images held out."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from gan_jax.data import Origin
from gan_jax.games import Setup
from gan_jax.types import Array, Sampler, State

# Folded into a run's key: no step number gets there. A run is watched on the draws of "eval"; what
# is chosen by them, such as the best of many runs, is then measured on those of "test".
STREAMS = {"eval": 2**32 - 2, "test": 2**32 - 3}
AT_ONCE = 1000  # samples of a part of make_draw_in_parts
Values = Iterator[tuple[str, Any]]
Evaluator = Callable[[State], Values]


def held_out(origin: Origin, n: int) -> np.ndarray:
    """The first n images of a data set's test split, or all there are, in [0, 1]."""
    return unit(origin.load("test").x[:n])


def unit(x: np.ndarray) -> np.ndarray:
    """uint8 pixels in [0, 1]."""
    return x / np.float32(255)


def make_draw(
    setup: Setup, part: str = "eval", sampler: Sampler | None = None
) -> Callable[..., np.ndarray]:
    """f(state, n, label=None) -> n samples on the host, in [0, 1] for images, else in data units.

    sampler: which of the game's, by default the first. A part's latents are fixed for the run: what
    changes from step to step is gen's own. A conditional game is asked for `label`, [n], by default
    for all classes in turn: see in_turn. One that maps examples is given the first n held-out ones,
    or all there are.
    """
    chosen = sampler or setup.game.sampler
    if chosen.of:
        return make_translate(setup, chosen)

    @functools.partial(jax.jit, static_argnums=2)
    def draw(state: State, label: Array | None, n: int) -> Array:
        z = chosen.latent(jax.random.fold_in(state.key, STREAMS[part]), n)
        return setup.data.to_unit(chosen.sample(state, z, label))

    def asked(state: State, n: int, label: np.ndarray | None = None) -> np.ndarray:
        label = in_turn(n, chosen.classes) if label is None else label
        return np.asarray(draw(state, label, n))

    return asked


def make_translate(setup: Setup, sampler: Sampler) -> Callable[..., np.ndarray]:
    """f(state, n) -> what the sampler makes of the first n held-out examples, or of all there are.

    AT_ONCE at a time; each part has noise of its own.
    """
    data = setup.data

    @jax.jit
    def draw(state: State, i: int, some: Array) -> Array:
        state = state.replace(key=jax.random.fold_in(state.key, i))
        return data.to_unit(sampler.sample(state, data.to_range(some), None))

    def asked(state: State, n: int, label: None = None) -> np.ndarray:
        given = getattr(data.held_out(), sampler.of)[:n]
        starts = range(0, len(given), AT_ONCE)
        parts = [draw(state, i, given[s : s + AT_ONCE]) for i, s in enumerate(starts)]
        return np.concatenate([np.asarray(x) for x in parts])

    return asked


def make_draw_in_parts(setup: Setup, part: str = "eval") -> Callable[..., np.ndarray]:
    """f(state, label) -> as many samples as labels [n], as make_draw's, of a conditional game.

    They are made AT_ONCE at a time, each part of latents of its own, so that any number fits.
    """
    chosen = setup.game.sampler

    @jax.jit
    def draw(state: State, i: int, label: Array) -> Array:
        key = jax.random.fold_in(jax.random.fold_in(state.key, STREAMS[part]), i)
        z = chosen.latent(key, len(label))
        return setup.data.to_unit(chosen.sample(state, z, label))

    def asked(state: State, label: np.ndarray) -> np.ndarray:
        starts = range(0, len(label), AT_ONCE)
        parts = [draw(state, i, label[start : start + AT_ONCE]) for i, start in enumerate(starts)]
        return np.concatenate([np.asarray(x) for x in parts])

    return asked


def in_turn(n: int, classes: int) -> np.ndarray | None:
    """Labels 0, 1, ..., classes - 1, 0, 1, ... [n]; None without classes."""
    return np.arange(n, dtype=np.int32) % classes if classes else None
