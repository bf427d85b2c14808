"""The config of a run: its defaults, overrides and files, and the numbers that are traced.

A config is a locked `ml_collections.ConfigDict`. leaves.py declares every leaf; an experiment edits
`get_config()`, and the command line overrides leaves. checks.problems lists what is wrong with the
values. `hypers` extracts the numbers that may change without a recompile and may differ between the
rows of a cohort.
"""

import dataclasses
from collections.abc import Mapping
from types import NoneType
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
from ml_collections.config_dict import FieldReference, placeholder

from gan_jax.config.leaves import ARGS, BEFORE, LEAVES, declared
from gan_jax.config.values import (
    attempt,
    choose,
    fitting,
    flatten,
    following,
    leaf,
    literal,
    put,
    read,
)
from gan_jax.host.errors import ConfigError
from gan_jax.types import Hypers


def get_config() -> ConfigDict:
    """The default: a perceptron GAN on 5,000 MNIST digits. Locked: a new key is an error."""
    nested: dict[str, Any] = {}
    for path, each in LEAVES.items():
        *sections, key = path.split(".")
        owner = nested
        for section in sections:
            owner = owner.setdefault(section, {})
        owner[key] = placeholder(str) if each.default is None else each.default
    config = ConfigDict(nested).lock()
    for path in ARGS:
        leaf(config, path).unlock()
    for path, each in LEAVES.items():
        if each.follows:
            put(config, path, following(config, *each.follows, each.default))
    return config


def override(config: ConfigDict, texts: Mapping[str, str]) -> list[str]:
    """Sets leaves from texts ({'gen.lr': '1e-4'}), typed as the defaults. Returns the problems."""
    return [p for path, text in texts.items() for p in attempt(_override_one, config, path, text)]


def _override_one(config: ConfigDict, path: str, text: str) -> None:
    kinds = kinds_of(path)
    put(config, path, text if str in kinds else fitting(path, literal(text), kinds, said=text))


def assign(config: ConfigDict, path: str, value: Any) -> Any:
    """Sets one leaf to a value of its type (an int does for a float); returns what is stored."""
    return put(config, path, fit(path, value))


def fit(path: str, value: Any) -> Any:
    """The value converted to the leaf's type. ConfigError if it does not fit or is no leaf's."""
    return fitting(path, value, kinds_of(path))


def kinds_of(path: str) -> tuple[type, ...]:
    """The types that a leaf accepts; empty below ARGS, which are checked where they are used."""
    if path.rpartition(".")[0] in ARGS:
        return ()
    if path not in LEAVES or path in ARGS:
        hint = f", and anything under {', '.join(ARGS)}"
        choose("config key", path, LEAVES.keys() - {*ARGS}, hint)
    default = LEAVES[path].default
    return (str, NoneType) if default is None else (type(default),)


def settle(config: ConfigDict) -> tuple[ConfigDict, list[str]]:
    """A copy with references resolved and values of the defaults' types, and what does not fit."""
    return _filled(get_config(), config)


def _filled(config: ConfigDict, values: Mapping[str, Any]) -> tuple[ConfigDict, list[str]]:
    return config, [p for item in read(values).items() for p in attempt(assign, config, *item)]


def as_before() -> ConfigDict:
    """The config that an older version's file stands for where it lacks newer leaves."""
    return _filled(get_config(), BEFORE)[0]


def from_json(values: Mapping[str, Any]) -> ConfigDict:
    """The config that a run wrote to config.json. ConfigError for unknown keys and odd values."""
    config, found = _filled(as_before(), values)
    if found:
        raise ConfigError("; ".join(found[:5]))
    return config


def to_json(config: ConfigDict) -> dict[str, Any]:
    """The config as nested plain values that JSON can hold."""
    return {
        key: to_json(value) if isinstance(value, ConfigDict) else value
        for key, value in config.items(preserve_field_references=False)
        if not isinstance(value, FieldReference)
    }


def keeps_average(config: ConfigDict) -> bool:
    """Whether an average of gen is kept; with a schedule, a decay of 0 is only its start."""
    return config.ema.decay > 0 or config.ema.schedule != "constant"


def hypers(config: ConfigDict) -> Hypers:
    """The traced numbers, as arrays: mixing in Python floats would retrace.

    Of a section of arguments, all numbers are included; the function that takes them skips the
    static ones.
    """
    groups: dict[str, dict] = {field.name: {} for field in dataclasses.fields(Hypers)}
    for path, value in flatten(config).items():
        section, _, key = path.rpartition(".")
        _, group, name = declared(path).reach
        owner = groups[group] if group else {}
        if group == "players":
            owner = owner.setdefault(section, {})
        owner[name or key] = value
    whole = config.schedule_images / config.batch_size or config.steps
    for section, numbers in groups["players"].items():
        updates = whole * config.dynamics[f"k_{section}"]
        numbers["schedule_steps"] = numbers["schedule_steps"] or updates
    for name in ("penalty_schedule_steps", "ema_schedule_steps"):
        groups["game"][name] = groups["game"][name] or whole
    return jax.tree.map(lambda value: jnp.asarray(value, float), Hypers(**groups))
