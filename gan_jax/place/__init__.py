"""Where arrays are: the devices of a run as a mesh, and the verbs that move arrays there and back.

A single run parts every batch over its devices, those of all its hosts, and each device has all of
the players: the compiler parts the work and sums the gradients; a batch's mean, batch norm and
moments stay those of the whole batch. A cohort parts its rows over the devices of its host. The
numbers are those of one device, to rounding.
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
        """Of an array whose axes are parted over these axes of the mesh; whole where None."""
        if len(self.devices) == 1:
            return SingleDeviceSharding(self.devices[0])
        return NamedSharding(self.mesh, PartitionSpec(*axes))

    @property
    def spans_hosts(self) -> bool:
        return len({device.process_index for device in self.devices}) > 1

    def replicate(self, tree: PyTree) -> PyTree:
        """A copy on each device; what is there stays."""
        if self.spans_hosts:
            return jax.tree.map(self._copies, tree)
        return jax.device_put(tree, self.sharding() if len(self.devices) > 1 else None)

    def _copies(self, x: Any) -> Array:
        """device_put would compare the value over all hosts, which takes longer than a copy."""
        if isinstance(x, jax.Array) and jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key):
            data = self._copies(jax.random.key_data(x))
            return jax.random.wrap_key_data(data, impl=jax.random.key_impl(x))
        if isinstance(x, jax.Array) and x.sharding.device_set == {*self.devices}:
            return x
        here = np.asarray(x)
        return jax.make_array_from_callback(here.shape, self.sharding(), lambda index: here[index])

    def shard(self, local: np.ndarray, axis: int = 0) -> Array:
        """An array whose axis is parted over the devices, of what this process has of it."""
        sharding = self.sharding(*[None] * axis, DATA)
        if not self.spans_hosts:
            return jax.device_put(local, sharding)
        return jax.make_array_from_process_local_data(sharding, local)

    def share(self, size: int) -> slice:
        """Which of so many examples of a batch this process's devices have: shard takes those."""
        mine = [i for i, d in enumerate(self.devices) if d.process_index == jax.process_index()]
        each = size // len(self.devices)
        return slice(mine[0] * each, (mine[-1] + 1) * each)

    def part(self, x: Array) -> Array:
        """Inside a program: x [K, B, ...] with its examples parted over the devices."""
        if len(self.devices) == 1:
            return x
        return lax.with_sharding_constraint(x, self.sharding(None, DATA))


def fetch(tree: PyTree) -> PyTree:
    """The arrays on the host, as numpy's."""
    return jax.device_get(tree)


def nearby(tree: PyTree) -> PyTree:
    """Arrays that all hosts have copies of, as this process's own; nothing is moved."""
    return jax.tree.map(_nearby, tree)


def _nearby(x: Array) -> Array:
    if x.is_fully_addressable:
        return x
    if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key):
        data = _nearby(jax.random.key_data(x))
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(x))
    return x.addressable_data(0)


def place_batch(devices: Sequence[jax.Device] = ()) -> Place:
    """Each device has its share of every batch; by default one device has it all."""
    return _place((1, -1), devices)


def place_rows(devices: Sequence[jax.Device] = ()) -> Place:
    """Each device has its share of a cohort's rows; by default one device has them all."""
    return _place((-1, 1), devices)


def _place(shape: tuple[int, int], devices: Sequence[jax.Device]) -> Place:
    devices = devices or jax.local_devices()[:1]
    types = (AxisType.Auto, AxisType.Auto)
    return Place(Mesh(np.asarray(devices).reshape(shape), (ROW, DATA), axis_types=types))


def place_of(config: ConfigDict) -> Place:
    """The devices that a run takes, of this host or of all its hosts; 0: all. ConfigError."""
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
