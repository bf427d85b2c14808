"""Versions and hardware, recorded with every measured number."""

import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "libtpu", "torch")


def versions() -> dict[str, str]:
    """Versions of Python, gan_jax and the libraries it computes with, if installed."""
    found = {"python": platform.python_version()}
    for name in ("gan-jax", *PACKAGES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def made_with(command: str) -> dict[str, Any]:
    """Where a result comes from: its command, versions and hardware."""
    return {"command": command, "versions": versions(), "hardware": hardware()}


def hardware() -> str:
    """Processor model, number of cores this process may use, and the accelerators jax sees."""
    import jax

    devices = sorted({d.device_kind for d in jax.devices() if d.platform != "cpu"})
    return ", ".join([processor(), *devices])


def processor() -> str:
    """The processor's model, and the number of cores this process may use."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    count = cores()
    return f"{model}, {count} core{'' if count == 1 else 's'}"


def cores() -> int:
    """The cores this process may use; SLURM may grant fewer than exist, and macOS shows all."""
    if hasattr(os, "sched_getaffinity"):
        shown = len(os.sched_getaffinity(0))
    else:
        shown = os.cpu_count() or 1
    granted = re.match("[1-9][0-9]{0,8}", os.environ.get("SLURM_CPUS_ON_NODE", ""))
    return min(shown, int(granted[0])) if granted else shown
