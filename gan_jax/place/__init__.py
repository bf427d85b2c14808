"""The devices of a run as a mesh, and the functions that move arrays there and back.

A single run divides every batch over its devices, on all its hosts, and each device holds all
players. The compiler divides the work and sums the gradients; means, batch norm and moments are
still those of the whole batch. A cohort divides its rows over the devices of its host. The results
equal those of one device, up to rounding.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.sharding import (
    AxisType,
    Mesh,
    NamedSharding,
    PartitionSpec,
    Sharding,
    SingleDeviceSharding,
)
from ml_collections import ConfigDict

from gan_jax.host.errors import ConfigError
from gan_jax.types import Array, PyTree

ROW, DATA = "row", "data"  # the mesh's axes: rows of a cohort, examples of a batch


@dataclasses.dataclass(frozen=True)
class Place:
    """The devices of a run, as a mesh with the axes row and data. One device is a mesh of one."""

    mesh: Mesh

    @property
    def devices(self) -> list[jax.Device]:
        return list(self.mesh.devices.flat)

    def sharding(self, *axes: str | None) -> Sharding:
        """The sharding of an array, split along these axes of the mesh; None: not split."""
        if len(self.devices) == 1:
            return SingleDeviceSharding(self.devices[0])
        return NamedSharding(self.mesh, PartitionSpec(*axes))

    @property
    def spans_hosts(self) -> bool:
        return len({device.process_index for device in self.devices}) > 1

    def replicate(self, tree: PyTree) -> PyTree:
        """Copies the arrays to each device; those that are there already stay."""
        if self.spans_hosts:
            return jax.tree.map(self._copies, tree)
        return jax.device_put(tree, self.sharding() if len(self.devices) > 1 else None)

    def _copies(self, x: Any) -> Array:
        """device_put would compare the values on all hosts, which takes longer than a copy."""
        if isinstance(x, jax.Array) and jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key):
            data = self._copies(jax.random.key_data(x))
            return jax.random.wrap_key_data(data, impl=jax.random.key_impl(x))
        if isinstance(x, jax.Array) and x.sharding.device_set == {*self.devices}:
            return x
        here = np.asarray(x)
        return jax.make_array_from_callback(here.shape, self.sharding(), lambda index: here[index])

    def shard(self, local: np.ndarray, axis: int = 0) -> Array:
        """An array split over the devices along one axis, from the part that this process holds."""
        sharding = self.sharding(*[None] * axis, DATA)
        if not self.spans_hosts:
            return jax.device_put(local, sharding)
        return jax.make_array_from_process_local_data(sharding, local)

    def share(self, size: int) -> slice:
        """Which of `size` examples of a batch are for this process's devices: shard takes these."""
        mine = [i for i, d in enumerate(self.devices) if d.process_index == jax.process_index()]
        each = size // len(self.devices)
        return slice(mine[0] * each, (mine[-1] + 1) * each)

    def part(self, x: Array) -> Array:
        """Inside a program: splits the examples of x [K, B, ...] over the devices."""
        if len(self.devices) == 1:
            return x
        return lax.with_sharding_constraint(x, self.sharding(None, DATA))


def fetch(tree: PyTree) -> PyTree:
    """Copies the arrays to the host, as NumPy arrays."""
    return jax.device_get(tree)


def nearby(tree: PyTree) -> PyTree:
    """This process's own copies of arrays that all hosts hold; nothing is moved."""
    return jax.tree.map(_nearby, tree)


def _nearby(x: Array) -> Array:
    if x.is_fully_addressable:
        return x
    if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key):
        data = _nearby(jax.random.key_data(x))
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(x))
    return x.addressable_data(0)


def place_batch(devices: Sequence[jax.Device] = ()) -> Place:
    """Each device gets its share of every batch; by default one device gets all of it."""
    return _place((1, -1), devices)


def place_rows(devices: Sequence[jax.Device] = ()) -> Place:
    """Each device gets its share of a cohort's rows; by default one device gets all of them."""
    return _place((-1, 1), devices)


def _place(shape: tuple[int, int], devices: Sequence[jax.Device]) -> Place:
    devices = devices or jax.local_devices()[:1]
    types = (AxisType.Auto, AxisType.Auto)
    return Place(Mesh(np.asarray(devices).reshape(shape), (ROW, DATA), axis_types=types))


def place_of(config: ConfigDict) -> Place:
    """The devices that a run takes, on this host or all its hosts; 0: all. Raises ConfigError."""
    there = jax.devices()
    wanted = config.devices or len(there)
    if wanted > len(there):
        raise ConfigError(
            f"devices is {wanted}: expected at most {len(there)}, which is how many "
            f"{there[0].platform} devices this host has"
        )
    if jax.process_count() > 1 and wanted < len(there):
        raise ConfigError(
            f"devices is {wanted}: expected 0, for all {len(there)} devices of the "
            f"{jax.process_count()} processes"
        )
    if config.batch_size % wanted:
        raise ConfigError(
            f"batch_size is {config.batch_size}: expected a multiple of {wanted}, the devices"
        )
    return place_batch(there[:wanted])
