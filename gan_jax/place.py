"""Where arrays are: the devices of a run as a mesh, and the verbs that move arrays there and back.

A single run parts every batch over its devices, and each device has all of the players: the
compiler parts the work and sums the gradients; a batch's mean, batch norm and moments stay those of
the whole batch. A cohort parts its rows. The numbers are those of one device, to rounding.
"""

import dataclasses
from collections.abc import Sequence

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

    def replicate(self, tree: PyTree) -> PyTree:
        """A copy on each device; what is there stays."""
        return jax.device_put(tree, self.sharding() if len(self.devices) > 1 else None)

    def part(self, x: Array) -> Array:
        """Inside a program: x [K, B, ...] with its examples parted over the devices."""
        if len(self.devices) == 1:
            return x
        return lax.with_sharding_constraint(x, self.sharding(None, DATA))


def fetch(tree: PyTree) -> PyTree:
    """The arrays on the host, as numpy's."""
    return jax.device_get(tree)


def place_batch(devices: Sequence[jax.Device] = ()) -> Place:
    """Each device has its share of every batch; by default one device has it all."""
    return _place((1, -1), devices)


def place_rows(devices: Sequence[jax.Device] = ()) -> Place:
    """Each device has its share of a cohort's rows; by default one device has them all."""
    return _place((-1, 1), devices)


def _place(shape: tuple[int, int], devices: Sequence[jax.Device]) -> Place:
    devices = devices or jax.devices()[:1]
    types = (AxisType.Auto, AxisType.Auto)
    return Place(Mesh(np.asarray(devices).reshape(shape), (ROW, DATA), axis_types=types))


def place_of(config: ConfigDict) -> Place:
    """This host's devices that a run takes. ConfigError where there are not as many."""
    there = jax.local_devices()
    if config.devices > len(there):
        raise ConfigError(
            f"devices is {config.devices}: expected at most {len(there)}, which is how many "
            f"{there[0].platform} devices this host has"
        )
    return place_batch(there[: config.devices])
