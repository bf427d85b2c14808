"""Checks that a checkpoint is for the step, the seeds and the configs that it is read for.

A seal proves that a checkpoint is whole, but not that it lies where it was saved: folders are
renamed and copied.
"""

import functools
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config import as_json as config_json
from gan_jax.dynamics.step import run_key
from gan_jax.training.linelog import Lines
from gan_jax.training.manifest import StrangeStep


class LostLines(StrangeStep):
    """A step that was saved with lines of metrics.jsonl that are missing now."""


_FREE = ("devices", "data.dir", "data.dir_b")  # may change while a run goes on


class Owner:
    """The configs of a run (one) or of a cohort's rows, and what checkpoints record of them.

    The names of the leaves are recorded beside the hashes, as a later version may have more leaves.
    """

    def __init__(self, configs: Sequence[ConfigDict]):
        self.configs = configs

    @functools.cached_property
    def facts(self) -> dict[str, Any]:
        """What the manifest records; {} if no configs are known."""
        if not self.configs:
            return {}
        names = sorted({name for row in self._leaves for name in row})
        return {"of": {"leaves": names, "sha256": self._hashes(names)}}

    def check(self, described: dict, arrays: dict[str, np.ndarray], step: int) -> None:
        """Raises StrangeStep if a checkpoint is of another step, seed or config."""
        others = set(np.ravel(arrays.get("step", step)).tolist()) | {described.get("step", step)}
        if others - {step}:
            raise StrangeStep(f"it holds the state of step {min(others - {step})}")
        if not self.configs:
            return
        if "key" in arrays and not np.array_equal(arrays["key"].ravel(), self._keys):
            raise StrangeStep("its key is not that of this config's seed")
        of = described.get("of")
        if of and of["sha256"] != self._hashes(of["leaves"]):
            raise StrangeStep("it was saved for another config")

    @functools.cached_property
    def _keys(self) -> np.ndarray:
        seeds = [jax.random.key_data(jax.random.key(config.seed)) for config in self.configs]
        return np.ravel(_state_keys(np.stack(seeds)))

    @functools.cached_property
    def _leaves(self) -> list[dict[str, str]]:
        plain = (config_json.plain_config(config) for config in self.configs)
        return [config_json.leaf_texts(each, free=_FREE) for each in plain]

    def _hashes(self, names: Sequence[str]) -> list[str]:
        rows = (json.dumps([row.get(name) for name in names]) for row in self._leaves)
        return [hashlib.sha256(row.encode()).hexdigest() for row in rows]


@jax.jit
def _state_keys(seeds: jax.Array) -> jax.Array:
    """The states' keys, from the seeds' keys; both as key data [M, ...]."""
    return jax.random.key_data(jax.vmap(run_key)(jax.random.wrap_key_data(seeds)))


def check_lines(described: dict, here: Sequence[Lines | None]) -> None:
    """Raises LostLines if the step was saved with lines that are not there."""
    for row, (saved, found) in enumerate(zip(described.get("lines") or (), here, strict=False)):
        if saved is not None and found is not None and tuple(saved) != tuple(found):
            whose = f" of row {row}" if len(here) > 1 else ""
            raise LostLines(
                f"metrics.jsonl{whose} holds {found.number} of {saved[0]} lines"
                if found.number < saved[0]
                else f"metrics.jsonl{whose} holds other lines than it did"
            )
