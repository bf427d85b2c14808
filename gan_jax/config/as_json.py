"""Configs as plain JSON, and the leaves in which two configs differ.

JSON has neither NaN nor infinity, so a config that holds one is refused. For metrics, see
linelog.py.
"""

import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.config import flatten
from gan_jax.host.errors import ConfigError
from gan_jax.host.files import read_object

FORMAT = 2  # of folders and checkpoints; version 0.1 wrote format 1, which had other states


def read_config(workdir: str | Path) -> dict:
    """The resolved config of a run. ConfigError if there is none that this version can read."""
    found = read_object(Path(workdir) / "config.json", "a --workdir that a run has written")
    check_format(found, workdir)
    return {name: value for name, value in found.items() if name != "format"}


def check_format(found: Mapping[str, Any], folder: str | Path) -> None:
    """Raises ConfigError for a folder that was begun in another format."""
    there = found.get("format", 1)
    if there != FORMAT:
        raise ConfigError(
            f"{folder} was begun in format {there} (version 0.1 of gan_jax wrote 1), and this "
            f"version reads and writes {FORMAT}: choose another --workdir, or go on with the "
            "version that began it"
        )


def plain_config(config: Any, name: str = "") -> Any:
    """The config as plain JSON, tuples as lists. ConfigError names a leaf that has no JSON form."""
    if hasattr(config, "items"):
        return {
            str(k): plain_config(v, f"{name}.{k}" if name else str(k)) for k, v in config.items()
        }
    if isinstance(config, list | tuple):
        return [plain_config(v, f"{name}[{i}]") for i, v in enumerate(config)]
    if isinstance(config, np.generic):
        config = config.item()
    if isinstance(config, float) and not math.isfinite(config):
        raise ConfigError(f"config.{name} is {config}: JSON has no such number, write a finite one")
    if config is None or isinstance(config, str | bool | int | float):
        return config
    kind = type(config).__name__
    raise ConfigError(f"config.{name} is a {kind}: use a number, a string, a list or None")


def config_difference(there: Any, here: Any, defaults: Any = None) -> list[str]:
    """One phrase for each leaf that differs, e.g. `gen.lr 0.0002 there, 0.001 here`.

    A leaf that is absent there counts as its default, since an older version did not know it. A run
    may go on for more steps and on other devices, so neither is a difference, unless a schedule
    spans all steps of the run.
    """
    new = flatten(here)
    old = {k: v for k, v in flatten(defaults or {}).items() if k in new} | flatten(there)
    names = [name for name in sorted(old | new) if _text(old, name) != _text(new, name)]
    names = [name for name in names if name != "devices"]  # the numbers are the same, to rounding
    if names == ["steps"] and old["steps"] < new["steps"] and not _follows_steps(new):
        return []
    return [f"{name} {_text(old, name)} there, {_text(new, name)} here" for name in names]


def leaf_texts(config: Any, free: Collection[str]) -> dict[str, str]:
    """Each leaf as text, except the free ones, and except the steps if no schedule spans them."""
    leaves = flatten(config)
    free = {*free} if _follows_steps(leaves) else {*free, "steps"}
    return {name: _text(leaves, name) for name in leaves if name not in free}


def _follows_steps(leaves: dict[str, Any]) -> bool:
    """Whether a schedule spans all steps of the run."""
    found = [path for path in leaves if path.endswith("schedule")]
    return not leaves.get("schedule_images") and any(
        leaves[path] in ("linear", "half_linear", "cosine")
        and not leaves.get(f"{path.rpartition('.')[0]}.schedule_steps")
        for path in found
    )


def _text(leaves: dict[str, Any], name: str) -> str:
    if name not in leaves:
        return "absent"
    value = leaves[name]
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return json.dumps(int(value) if whole else value)  # 1 and 1.0 are the same setting
