"""TPU slices of one host, and the command that a generated file has for each share of a sweep.

gan_jax trains in one process per host, and no row spans hosts. Rows are spread over hosts, each of
which has a slice of its own, as large as one host can have.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gan_jax.config.file import split_arg
from gan_jax.host.errors import ConfigError
from gan_jax.sweeps.launch.options import Option


class Tpu(NamedTuple):
    """One host's slice, as GKE and Cloud TPU VMs call it."""

    label: str  # cloud.google.com/gke-tpu-accelerator
    chips: int
    kind: str  # --accelerator-type
    runtime: str  # --version, for JAX


TPUS = {
    "v4:2x2x1": Tpu("tpu-v4-podslice", 4, "v4-8", "tpu-ubuntu2204-base"),
    "v5e:1x1": Tpu("tpu-v5-lite-podslice", 1, "v5litepod-1", "v2-alpha-tpuv5-lite"),
    "v5e:2x2": Tpu("tpu-v5-lite-podslice", 4, "v5litepod-4", "v2-alpha-tpuv5-lite"),
    "v5e:2x4": Tpu("tpu-v5-lite-podslice", 8, "v5litepod-8", "v2-alpha-tpuv5-lite"),
    "v5p:2x2x1": Tpu("tpu-v5p-slice", 4, "v5p-8", "v2-alpha-tpuv5"),
    "v6e:1x1": Tpu("tpu-v6e-slice", 1, "v6e-1", "v2-alpha-tpuv6e"),
    "v6e:2x2": Tpu("tpu-v6e-slice", 4, "v6e-4", "v2-alpha-tpuv6e"),
    "v6e:2x4": Tpu("tpu-v6e-slice", 8, "v6e-8", "v2-alpha-tpuv6e"),
}
TOPOLOGY = Option("|".join(TPUS), f"a slice of one host: {', '.join(TPUS)}")
HOSTS = Option("[1-9][0-9]{0,3}", "how many hosts share the rows")


class Sweep(NamedTuple):
    """The sweep that the hosts train."""

    config: str  # FILE[:ARG], on this machine
    workdir: str  # on the hosts: a folder that all of them see
    words: tuple[str, ...]  # the other flags
    rows: int  # how many there are


def command(sweep: Sweep, config: str) -> list[str]:
    """The command of a host on which the config's FILE lies at `config`; its share is appended."""
    arg = split_arg(sweep.config)[1]
    where = ["--config", f"{config}:{arg}" if arg else config, "--workdir", sweep.workdir]
    return ["gan-jax", "sweep", *where, *sweep.words, "--share"]


def check(sweep: Sweep, options: Mapping[str, str]) -> int:
    """The number of hosts. ConfigError for options under which a host could not train."""
    folder = Path(sweep.workdir)
    if not folder.is_absolute() or len(folder.parts) < 3 or ".." in folder.parts:
        raise ConfigError(
            f"--workdir {sweep.workdir}: expected a folder that all hosts see, as /data/runs/a"
        )
    hosts = int(options["hosts"])
    if hosts > sweep.rows:
        raise ConfigError(f"--option hosts={hosts}: there are {sweep.rows} rows, a host needs one")
    return hosts
