"""What evaluators share: a run's two sets of draws, and real images held out."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from gan_jax.data import Origin
from gan_jax.games import Setup
from gan_jax.host.compiling import jit_quickly
from gan_jax.types import Array, Sampler, State

# Folded into a run's key; above any step number. A run is monitored on the draws of "eval"; what is
# selected by them, such as the best of many runs, is then measured on those of "test".
STREAMS = {"eval": 2**32 - 2, "test": 2**32 - 3}
AT_ONCE = 1000  # samples in each part of make_draw_in_parts
Values = Iterator[tuple[str, Any]]
Evaluator = Callable[[State], Values]


def held_out(origin: Origin, n: int) -> np.ndarray:
    """The first n images of a data set's test split, or all there are, in [0, 1]."""
    return unit(origin.load("test").x[:n])


def unit(x: np.ndarray) -> np.ndarray:
    """uint8 pixels scaled to [0, 1]."""
    return x / np.float32(255)


def make_draw(
    setup: Setup, part: str = "eval", sampler: Sampler | None = None
) -> Callable[..., np.ndarray]:
    """f(state, n, label=None) -> n samples on the host, in [0, 1] for images, else in data units.

    sampler: which of the game's to use, by default the first. A part's latents are fixed for the
    run, so only gen changes between steps. A conditional game is asked for `label`, [n], by default
    all classes in turn (see in_turn). A game that maps examples is given the first n held-out ones,
    or all if there are fewer.
    """
    chosen = sampler or setup.game.sampler
    if chosen.of:
        return make_translate(setup, chosen)

    @functools.partial(jit_quickly, static_argnums=2)
    def draw(state: State, label: Array | None, n: int) -> Array:
        z = chosen.latent(jax.random.fold_in(state.key, STREAMS[part]), n)
        return setup.data.to_unit(chosen.sample(state, z, label))

    def asked(state: State, n: int, label: np.ndarray | None = None) -> np.ndarray:
        label = in_turn(n, chosen.classes) if label is None else label
        return np.asarray(draw(state, label, n))

    return asked


def make_translate(setup: Setup, sampler: Sampler) -> Callable[..., np.ndarray]:
    """f(state, n) -> the sampler's outputs for the first n held-out examples, or all if fewer.

    They are made AT_ONCE at a time, each part with its own noise.
    """
    data = setup.data

    @jit_quickly
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
    """f(state, label) -> a sample of a conditional game for each label [n], as from make_draw.

    They are made AT_ONCE at a time, each part with its own latents, so any number fits in memory.
    """
    chosen = setup.game.sampler

    @jit_quickly
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
