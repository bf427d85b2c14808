"""TPU topologies by name, as libtpu describes them: chips that one can compile for unattached."""

import os
import re
from collections.abc import Sequence
from importlib import metadata
from typing import Any, NamedTuple

import jax

from gan_jax.config.values import choose
from gan_jax.host.errors import ConfigError

INSTALL = "pip install 'gan-jax[plan]'"
# Keeps libtpu from asking a cloud's metadata server, and from locking chips that nobody uses here.
NO_TPU = {
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_ACCELERATOR_TYPE": "v5litepod-8",
}


class Generation(NamedTuple):
    """One kind of chip."""

    hbm_gib: int
    ghz: float  # its published bfloat16 peak over its multipliers' work per cycle
    link_gb: int  # GB/s that a chip's links carry together, as published
    axes: int  # number of axes of a topology
    options: dict[str, Any]  # for libtpu: v4's two cores are one device
    examples: str


GENERATIONS = {
    "v4": Generation(32, 1.05, 300, 3, {"chip_config_name": "megacore"}, "v4:2x2x1, v4:4x4x4"),
    "v5e": Generation(16, 1.5, 200, 2, {}, "v5e:1x1, v5e:2x2, v5e:2x4, v5e:16x16"),
    "v5p": Generation(95, 1.75, 600, 3, {}, "v5p:2x2x1, v5p:4x4x4"),
    "v6e": Generation(32, 1.75, 448, 2, {}, "v6e:1x1, v6e:2x2, v6e:2x4, v6e:16x16"),
}


class Topology(NamedTuple):
    """Chips that a program can be compiled for."""

    name: str
    kind: Generation
    chips: Sequence[jax.Device]


def parse(name: str) -> tuple[Generation, tuple[int, ...]]:
    """v5e:16x16 -> its generation and axes. ConfigError says what such names look like."""
    first, _, shape = name.partition(":")
    kind = GENERATIONS[choose("--topology generation", first, GENERATIONS)]
    axes = tuple(int(n) for n in shape.split("x")) if re.fullmatch(r"\d+(x\d+)*", shape) else ()
    if len(axes) != kind.axes or not all(axes):
        raise ConfigError(
            f"--topology {name!r}: expected {first}:{'x'.join('N' * kind.axes)}, such as "
            f"{kind.examples}"
        )
    return kind, axes


def describe(name: str) -> Topology:
    """The named topology. ConfigError if there is none, or no libtpu that fits this jax."""
    kind, axes = parse(name)
    _check_libtpu()
    from jax.experimental import topologies

    for key, value in NO_TPU.items():
        os.environ.setdefault(key, value)
    host = [min(n, most) for n, most in zip((*axes, 1)[:3], (2, 2, 1), strict=True)]
    try:
        found = topologies.get_topology_desc(
            name, platform="tpu", chips_per_host_bounds=host, **kind.options
        )
    except jax.errors.JaxRuntimeError as error:
        raise ConfigError(
            f"--topology {name!r}: {one_line(error)}: expected such as {kind.examples}"
        ) from error
    return Topology(name, kind, found.devices)


def _check_libtpu() -> None:
    try:
        here = metadata.version("libtpu")
    except metadata.PackageNotFoundError:
        raise ConfigError(f"plan needs libtpu, TPUs' compiler: {INSTALL}") from None
    for line in metadata.requires("jax") or []:
        wanted = re.match(r"libtpu\s*==\s*([\d.]+)\.\*", line)
        if wanted and not f"{here}.".startswith(f"{wanted[1]}."):
            raise ConfigError(
                f"libtpu is {here}: expected {wanted[1]}.* beside jax {jax.__version__}: {INSTALL}"
            )


def one_line(error: Exception) -> str:
    """The beginning of libtpu's message, on one line."""
    return " ".join(str(error).split())[:200].rstrip(".")
