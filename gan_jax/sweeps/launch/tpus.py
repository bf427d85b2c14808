"""TPUs of one host, and what a generated file says for each share of a sweep.

gan_jax trains in one process a host, and no row spans hosts: rows are spread over hosts, each of
which has its own slice, as large as one host can have.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gan_jax.config.file import split_arg
from gan_jax.host.errors import ConfigError
from gan_jax.sweeps.launch.options import Option


class Tpu(NamedTuple):
    """One host's slice, in the words of GKE and of Cloud TPU VMs."""

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
    """What the hosts are to train."""

    config: str  # FILE[:ARG], here
    workdir: str  # there: a folder that all hosts see
    words: tuple[str, ...]  # the other flags
    rows: int  # how many there are


def command(sweep: Sweep, config: str) -> list[str]:
    """The command of one host, its share to follow, where the config's FILE lies at `config`."""
    arg = split_arg(sweep.config)[1]
    where = ["--config", f"{config}:{arg}" if arg else config, "--workdir", sweep.workdir]
    return ["gan-jax", "sweep", *where, *sweep.words, "--share"]


def check(sweep: Sweep, options: Mapping[str, str]) -> int:
    """How many hosts. ConfigError for what no host could do."""
    folder = Path(sweep.workdir)
    if not folder.is_absolute() or len(folder.parts) < 3 or ".." in folder.parts:
        raise ConfigError(
            f"--workdir {sweep.workdir}: expected a folder that all hosts see, as /data/runs/a"
        )
    hosts = int(options["hosts"])
    if hosts > sweep.rows:
        raise ConfigError(f"--option hosts={hosts}: there are {sweep.rows} rows, a host needs one")
    return hosts
