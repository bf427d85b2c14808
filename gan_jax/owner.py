"""Whose a checkpoint is: the step, the seeds and the configs that it was saved for.

A seal proves that a checkpoint is whole, and not that it lies where it was saved: folders are
renamed and copied.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax import records
from gan_jax.linelog import Lines
from gan_jax.manifest import StrangeStep
from gan_jax.steps import split_key


class LostLines(StrangeStep):
    """A step that was saved with lines of metrics.jsonl that are not there."""


_FREE = ("devices", "data.dir")  # may change while a run goes on


def facts(configs: Sequence[ConfigDict]) -> dict[str, Any]:
    """What a manifest says of the rows that a state is of (of one, for a run); {} where unknown.

    The names of the leaves stand beside the hashes: a later version may know more of them.
    """
    rows = [_leaves(config) for config in configs]
    names = sorted({name for row in rows for name in row})
    return {"of": {"leaves": names, "sha256": [_hash(row, names) for row in rows]}} if rows else {}


def check(
    described: dict, arrays: dict[str, np.ndarray], step: int, configs: Sequence[ConfigDict]
) -> None:
    """Raises StrangeStep if the checkpoint is of another step, seed or config, as far as it says.

    Those of version 0.1 hold the step and the key, and nothing of the config.
    """
    steps = {described.get("step", step), *np.ravel(arrays.get("step", step)).tolist()} - {step}
    if steps:
        raise StrangeStep(f"it holds the state of step {min(steps)}")
    if not configs:
        return
    if "key" in arrays and not np.array_equal(np.ravel(arrays["key"]), _keys(configs)):
        raise StrangeStep("its key is not that of this config's seed")
    of = described.get("of")
    if of and of["sha256"] != [_hash(_leaves(config), of["leaves"]) for config in configs]:
        raise StrangeStep("it was saved for another config")


def check_lines(described: dict, here: Sequence[Lines | None]) -> None:
    """Raises LostLines unless the lines are those that the step was saved with, if it says so."""
    for row, (saved, found) in enumerate(zip(described.get("lines") or (), here, strict=False)):
        if saved is not None and found is not None and tuple(saved) != tuple(found):
            whose = f" of row {row}" if len(here) > 1 else ""
            raise LostLines(
                f"metrics.jsonl{whose} holds {found.number} of {saved[0]} lines"
                if found.number < saved[0]
                else f"metrics.jsonl{whose} holds other lines than it did"
            )


def _keys(configs: Sequence[ConfigDict]) -> np.ndarray:
    seeds = jnp.stack([jax.random.key(config.seed) for config in configs])
    return np.ravel(jax.random.key_data(jax.vmap(split_key)(seeds)[:, 0]))


def _leaves(config: ConfigDict) -> dict[str, str]:
    return records.leaf_texts(records.plain_config(config), free=_FREE)


def _hash(leaves: dict[str, str], names: Sequence[str]) -> str:
    known = json.dumps([leaves.get(name) for name in names])
    return hashlib.sha256(known.encode()).hexdigest()
