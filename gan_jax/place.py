"""One run over several devices: each has its share of every batch, and all of both players.

The compiler parts the work and sums the gradients; a batch's mean, batch norm and moments stay
those of the whole batch. The numbers are those of one device, to rounding.
"""

from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import (
    AxisType,
    Mesh,
    NamedSharding,
    PartitionSpec,
    Sharding,
    SingleDeviceSharding,
)
from ml_collections import ConfigDict

from gan_jax.types import ConfigError, PyTree

BATCH = "batch"  # the mesh axis of a batch's examples


def devices_of(config: ConfigDict) -> list[jax.Device]:
    """This host's devices that a run takes. ConfigError where there are not as many."""
    there = jax.local_devices()
    if config.devices > len(there):
        raise ConfigError(
            f"devices is {config.devices}: expected at most {len(there)}, which is how many "
            f"{there[0].platform} devices this host has"
        )
    return there[: config.devices]


def placed(tree: PyTree, devices: Sequence[jax.Device]) -> PyTree:
    """A copy on each of the devices; what is where it should be stays."""
    return jax.device_put(tree, everywhere(devices) if len(devices) > 1 else None)


def everywhere(devices: Sequence[jax.Device]) -> Sharding:
    """Whole, on each of the devices."""
    if len(devices) == 1:
        return SingleDeviceSharding(devices[0])
    return NamedSharding(line(devices, BATCH), PartitionSpec())


def line(devices: Sequence[jax.Device], axis: str) -> Mesh:
    """The devices in a row."""
    return Mesh(np.asarray(devices), (axis,), axis_types=(AxisType.Auto,))
