"""From examples to batches, in an order that is a pure function of (seed, step).

Small sets are stored on each device, and batches are gathered inside the step. Larger sets stay on
the host, which gathers the next dispatch's batches while the devices work on the current one, and
gives each device its part. Either way the examples come in the same order, on any number of devices
and hosts.
"""

import dataclasses
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax.data import Arrays, Data
from gan_jax.host.errors import ConfigError
from gan_jax.place import Place, nearby
from gan_jax.types import Array, Batch, PyTree, State

DATA_STREAM = 2**32 - 1  # folded into a run's key; above any step number
OTHER_STREAM = 1  # folded into a step's data key: draws of the other domain
OTHER_DOMAIN_STREAM = 2**32 - 5  # folded into a run's key: the order of an unpaired other domain


class Source(NamedTuple):
    """What a dispatch needs besides the state."""

    examples: PyTree  # Arrays: the whole set, or batches [steps, K, B, ...]; () if endless
    # int32 [steps, K, B], indices into the examples; [steps] if examples are batches already. If
    # two domains have separate orders, [steps, 2, ...]: that of x and that of other.
    order: Array


@dataclasses.dataclass(frozen=True)
class Order:
    """Which examples each step takes: a pure f(key, step) -> [log_every_steps, K, B] int32.

    Each epoch has its own shuffle, cut into whole batches; the rest of the shuffle is left out.
    """

    shuffles: Callable[[Array, Array], Array]  # (key, epoch) -> the batches from that epoch on
    pick: Callable[[Array, Array], Array]  # (shuffles at the step's epoch, step) -> the order
    epoch_of: Callable[[Any], Any]  # step -> its epoch

    def __call__(self, key: Array, step: Array) -> Array:
        return self.pick(self.shuffles(key, self.epoch_of(step)), step)


def make_order(config: ConfigDict, size: int, stream: int = DATA_STREAM) -> Order:
    """The Order of `size` examples. ConfigError if they are fewer than a batch."""
    steps, k, batch = config.log_every_steps, config.dynamics.k_disc, config.batch_size
    per_epoch = size // batch
    if not per_epoch:
        raise ConfigError(f"batch_size is {batch}: expected at most {size}, the examples there are")
    epochs = (steps * k - 2) // per_epoch + 2  # the most that steps * k batches can touch

    def shuffle(key: Array, epoch: Array) -> Array:
        rows = jax.random.permutation(jax.random.fold_in(key, epoch), size)
        return rows[: per_epoch * batch].reshape(per_epoch, batch)

    def shuffles(key: Array, epoch: Array) -> Array:
        key = jax.random.fold_in(key, stream)
        batches = jax.lax.map(lambda e: shuffle(key, epoch + e), jnp.arange(epochs))
        return batches.reshape(epochs * per_epoch, batch).astype(jnp.int32)

    def pick(batches: Array, step: Array) -> Array:
        chosen = jax.lax.dynamic_slice_in_dim(batches, step * k % per_epoch, steps * k)
        return chosen.reshape(steps, k, batch)

    return Order(shuffles, pick, lambda step: step * k // per_epoch)


def remembered(
    order: Order, over: Callable[..., Callable] = lambda f, axes: f
) -> Callable[[Array, Any], Array]:
    """The order as a function of (key, step) that shuffles once per epoch instead of in each call.

    It is for one key only. over: jax.vmap, for an order for each of several keys.
    """
    shuffles = jax.jit(over(order.shuffles, (0, None)))
    pick = jax.jit(over(order.pick, (0, None)))
    kept: dict[int, Array] = {}

    def call(key: Array, step: Any) -> Array:
        epoch = int(order.epoch_of(int(step)))
        if epoch not in kept:
            kept.clear()
            kept[epoch] = shuffles(key, np.int32(epoch))
        return pick(kept[epoch], np.int32(step))

    return call


def make_orders(
    config: ConfigDict, arrays: Arrays, over: Callable[..., Callable] = lambda f, axes: f
) -> Callable[[Array, Any], Array]:
    """Source.order for a set on the device, as a function of (key, step); see remembered."""
    own = remembered(make_order(config, len(arrays.x)), over)
    if not are_apart(config, arrays):
        return own
    assert arrays.other is not None
    other = remembered(make_order(config, len(arrays.other), OTHER_DOMAIN_STREAM), over)
    return lambda key, step: jnp.stack([own(key, step), other(key, step)], axis=-3)


def make_take(config: ConfigDict, data: Data) -> Callable[[State, PyTree, Array], Batch]:
    """A pure f(state, examples, a step's order) -> Batch, x [K, B, ...] in the config's range."""
    k, batch, synthetic = config.dynamics.k_disc, config.batch_size, data.synthetic

    def draw(state: State, examples: PyTree, order: Array) -> Batch:
        """New examples of a synthetic distribution."""
        assert synthetic
        key = jax.random.fold_in(jax.random.fold_in(state.key, DATA_STREAM), state.step)
        sample, other = synthetic.sample, synthetic.other
        x = jax.vmap(lambda key: sample(key, batch))(jax.random.split(key, k))
        if other is None:
            return Batch(x)
        keys = jax.random.split(jax.random.fold_in(key, OTHER_STREAM), k)
        return Batch(x, other=jax.vmap(lambda key: other(key, batch))(keys))

    def gather(state: State, examples: PyTree, order: Array) -> Batch:
        return to_batch(
            data, chosen(examples, order, bool(order.ndim) and are_apart(config, examples))
        )

    return draw if data.is_endless else gather


def are_apart(config: ConfigDict, examples: Arrays) -> bool:
    """Whether there are two domains with separate orders."""
    return examples.other is not None and not config.data.paired


def chosen(examples: Arrays, order: Any, apart: bool) -> Arrays:
    """The examples in that order [..., K, B]; it is [..., 2, K, B] for domains that are apart."""
    if examples.other is None or not apart:
        return examples.map(lambda field: field[order])
    own = examples._replace(other=None).map(lambda field: field[order[..., 0, :, :]])
    return own._replace(other=examples.other[order[..., 1, :, :]])


def to_batch(data: Data, arrays: Arrays) -> Batch:
    """The fields as a game receives them: pixels in the config's range."""
    return Batch(**jax.tree.map(data.to_range, arrays)._asdict())


def make_source(
    config: ConfigDict, arrays: Arrays | None, place: Place
) -> Callable[[Array, Any], Source]:
    """A function (key, step) -> the Source of the dispatch that starts at that step."""
    shape = (config.log_every_steps, config.dynamics.k_disc, config.batch_size)
    if arrays is None:
        nothing = place.replicate(Source((), jnp.zeros((*shape[:2], 0), jnp.int32)))
        return lambda key, step: nothing
    order = make_orders(config, arrays)
    if arrays.nbytes <= config.data.device_mb * 2**20:
        examples = place.replicate(arrays)
        return lambda key, step: Source(examples, order(key, step))
    return _HostSource(arrays, are_apart(config, arrays), order, shape, place)


class _HostSource:
    """Gathers the next dispatch's batches on the host while the devices work on this one's.

    Each process gathers only the examples for its own devices.
    """

    def __init__(
        self,
        arrays: Arrays,
        apart: bool,
        order: Callable,
        shape: tuple[int, int, int],
        place: Place,
    ):
        self.arrays, self.apart, self.order = arrays, apart, order
        self.place, self.steps = place, shape[0]
        self.share = place.share(shape[2])
        self.threads = ThreadPoolExecutor(1)
        self.coming: dict[int, Future[Arrays]] = {}
        self.each = place.replicate(np.arange(self.steps, dtype=np.int32))

    def __call__(self, key: Array, step: Any) -> Source:
        step, key = int(step), nearby(key)  # a program across hosts must not run in a thread
        now = self.coming.pop(step, None) or self.threads.submit(self._gather, key, step)
        after = step + self.steps
        self.coming = {after: self.threads.submit(self._gather, key, after)}
        batches = jax.tree.map(lambda field: self.place.shard(field, axis=2), now.result())
        return Source(batches, self.each)

    def _gather(self, key: Array, step: int) -> Arrays:
        """This process's share of each batch, [steps, K, B / processes, ...]."""
        rows = np.asarray(self.order(key, np.int32(step)))[..., self.share]
        return chosen(self.arrays, rows, self.apart)
