"""From examples to batches, in an order that is a pure function of (seed, step).

Small sets live on the device and are gathered inside the step; larger ones stay on the host, which
gathers the examples of the next dispatch while the device works on this one. Both meet the same
examples in the same order.
"""

import functools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax import data
from gan_jax.data.base import parse_split
from gan_jax.types import Array, Batch, ConfigError, GanState, PyTree

DATA_STREAM = 2**32 - 1  # folded into a run's key: no step number gets there
POINTS_SEED = 2**32 - 1  # of a law's points, which all runs share: no run is likely to have it
Put = Callable[[PyTree], PyTree]  # host arrays to the devices


class Source(NamedTuple):
    """What a dispatch needs besides the state."""

    examples: PyTree  # (x, label) on the device, or () for a law
    order: Array  # [steps, K, B] int32: rows of x


def load_examples(config: ConfigDict) -> data.Arrays | None:
    """The set's arrays; of a law the data.points drawn once, or None, as it has no end."""
    law = data.law(config.data.name)
    if law is None:
        return data.load(config.data.name, config.data.split, config.data.dir)
    if not config.data.points:
        return None
    x = law.sample(jax.random.key(POINTS_SEED), config.data.points, **dict(config.data.args))
    return data.Arrays(np.asarray(x), None)


def has_held_out(config: ConfigDict) -> bool:
    """Whether the set has a test split, of which nothing is trained on."""
    splits = data.spec(config.data.name, config.data.dir).splits
    return "test" in splits and all(
        part.split != "test" for part in parse_split(config.data.split, splits)
    )


def mean_example(config: ConfigDict) -> np.ndarray:
    """The mean image, in [0, 1]."""
    arrays = load_examples(config)
    assert arrays is not None
    return arrays.x.mean(0, dtype=np.float64) / 255


def make_order(config: ConfigDict, size: int) -> Callable[[Array, Array], Array]:
    """A pure f(key, step) -> [log_every_steps, K, B] int32: rows of the examples from that step on.

    Each epoch is a shuffle of its own, cut into whole batches; the rest of it waits for the next.
    """
    steps, k, batch = config.log_every_steps, config.dynamics.k_disc, config.batch_size
    per_epoch = size // batch
    if not per_epoch:
        raise ConfigError(f"batch_size is {batch}: expected at most {size}, the examples there are")
    epochs = (steps * k - 2) // per_epoch + 2  # that many can be touched by steps * k batches

    def shuffle(key: Array, epoch: Array) -> Array:
        rows = jax.random.permutation(jax.random.fold_in(key, epoch), size)
        return rows[: per_epoch * batch].reshape(per_epoch, batch)

    def order(key: Array, step: Array) -> Array:
        key = jax.random.fold_in(key, DATA_STREAM)
        epoch, start = step * k // per_epoch, step * k % per_epoch
        batches = jax.lax.map(lambda e: shuffle(key, epoch + e), jnp.arange(epochs))
        batches = batches.reshape(epochs * per_epoch, batch)
        chosen = jax.lax.dynamic_slice_in_dim(batches, start, steps * k)
        return chosen.reshape(steps, k, batch).astype(jnp.int32)

    return order


def make_take(config: ConfigDict) -> Callable[[GanState, PyTree, Array], Batch]:
    """A pure f(state, examples, order [K, B]) -> Batch, x [K, B, ...] in the config's range."""
    law, k, batch = data.law(config.data.name), config.dynamics.k_disc, config.batch_size
    if law and not config.data.points:
        draw = functools.partial(law.sample, n=batch, **dict(config.data.args))

        def sample(state: GanState, examples: PyTree, order: Array) -> Batch:
            key = jax.random.fold_in(jax.random.fold_in(state.key, DATA_STREAM), state.step)
            return Batch(jax.vmap(draw)(jax.random.split(key, k)))

        return sample
    low = config.data.low

    def gather(state: GanState, examples: PyTree, order: Array) -> Batch:
        x, label = examples
        return Batch(to_range(x[order], low), None if label is None else label[order])

    return gather


def to_range(x: Array, low: float) -> Array:
    """uint8 pixels to [low, 1]; points stay as they are."""
    return x * ((1 - low) / 255) + low if x.dtype == jnp.uint8 else x


def to_unit(x: Array, low: float) -> Array:
    """Samples in [low, 1] to [0, 1]."""
    return (x - low) / (1 - low)


def make_source(
    config: ConfigDict, arrays: data.Arrays | None, put: Put = jax.device_put
) -> Callable[[Array, Any], Source]:
    """A function (key, step) -> Source of the dispatch that starts at that step.

    put brings the examples to where the program takes them: else each dispatch would.
    """
    shape = (config.log_every_steps, config.dynamics.k_disc, config.batch_size)
    if arrays is None:
        nothing = put(Source((), jnp.zeros((*shape[:2], 0), jnp.int32)))
        return lambda key, step: nothing
    order = jax.jit(make_order(config, len(arrays.x)))
    if arrays.x.nbytes <= config.data.device_mb * 2**20:
        examples = put(tuple(arrays))
        return lambda key, step: Source(examples, order(key, step))
    return _HostSource(arrays, order, shape, put)


class _HostSource:
    """Gathers on the host: the next dispatch's examples while the device works on this one's."""

    def __init__(self, arrays: data.Arrays, order: Callable, shape: tuple[int, int, int], put: Put):
        self.arrays, self.order, self.shape, self.put = arrays, order, shape, put
        self.threads = ThreadPoolExecutor(1)
        self.coming: dict[int, Future[Source]] = {}

    def __call__(self, key: Array, step: Any) -> Source:
        step = int(step)
        now = self.coming.pop(step, None) or self.threads.submit(self._gather, key, step)
        after = step + self.shape[0]
        self.coming = {after: self.threads.submit(self._gather, key, after)}
        return now.result()

    def _gather(self, key: Array, step: int) -> Source:
        rows = np.asarray(self.order(key, np.int32(step))).ravel()
        label = self.arrays.label
        examples = self.arrays.x[rows], None if label is None else label[rows]
        here = np.arange(rows.size, dtype=np.int32).reshape(self.shape)
        return Source(self.put(examples), jnp.asarray(here))
