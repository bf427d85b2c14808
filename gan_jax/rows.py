"""The cohorts that a sweep's rows form, which train as one program each."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax import data, experiment
from gan_jax.leaves import attempt, flatten
from gan_jax.objectives import OBJECTIVES
from gan_jax.resolve import Row, as_known_before, hashed, more, resolve  # noqa: F401
from gan_jax.types import ConfigError

# Leaves that a program takes as traced numbers: rows may differ in them and share it.
NUMBERS = {
    "seed",
    "penalty.weight",
    "disc.loss_scale",
    "disc.instance_noise_steps",
    *(f"{player}.{name}" for player in ("gen", "disc") for name in config_lib.PLAYER_NUMBERS),
}
# Traced too, but whether they are above 0 decides what is in the program at all.
SWITCHES = {
    "ema.decay",
    "gen.rescale_gradient",
    "disc.clip_weights",
    "disc.instance_noise",
    *(f"{player}.{name}" for player in ("gen", "disc") for name in ("clip", "weight_decay")),
}
MANY_COHORTS = 16  # the networks of so many are built before a sweep starts


class Cohort(NamedTuple):
    """Rows that differ in traced numbers only."""

    id: str
    rows: tuple[Row, ...]
    why: str  # it is not the first one: what differs


def group(rows: Sequence[Row]) -> list[Cohort]:
    """The rows by what their programs are made of, in the order of their first rows."""
    signatures: dict[str, dict[str, Any]] = {}
    members: dict[str, list[Row]] = {}
    for row in rows:
        static = static_part(row.config, row.id)
        key = hashed(static)
        signatures[key] = static
        members.setdefault(key, []).append(row)
    first = signatures[next(iter(members))]
    return [
        Cohort(
            hashed([key, *(row.id for row in each)]), tuple(each), _differs(first, signatures[key])
        )
        for key, each in members.items()
    ]


def static_part(config: Mapping[str, Any], row_id: str) -> dict[str, Any]:
    """The leaves that decide what is compiled; two rows with equal ones can share a program."""
    static: dict[str, Any] = {}  # objective_args are not: what an objective does not take is 0
    for path, value in flatten(as_known_before(config)).items():
        section = path.rpartition(".")[0]
        if path in NUMBERS or section == "objective_args":
            continue
        traced = section == "penalty.args" or (section == "dynamics.args" and type(value) is float)
        static[path] = "a number" if traced else value > 0 if path in SWITCHES else value
    if config["objective"] in OBJECTIVES:  # chosen by a traced index
        static["objective"] = "one of logits"
    if config["stop_at_equilibrium"]:
        static["ends by itself"] = row_id
    return static


def _differs(first: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    parts = [
        f"{path} is {other.get(path, 'absent')}, not {first.get(path, 'absent')}"
        for path in sorted(first.keys() | other.keys())
        if first.get(path, "absent") != other.get(path, "absent")
    ]
    return "; ".join(parts)


def check(cohorts: Sequence[Cohort]) -> None:
    """Raises one ConfigError with what is wrong with any cohort's first row, or a row's numbers."""
    found: list[str] = []
    for number, cohort in enumerate(cohorts):
        rows = _one_of_each_kind(cohort.rows)
        for row in rows if number < MANY_COHORTS else rows[:1]:
            config = config_lib.from_json(row.config)
            problems = attempt(experiment.check, config)
            problems = problems or attempt(_check_shared, config, len(cohort.rows))
            problems = problems or attempt(_check_devices, config)
            found += [f"row {row.index}: {problem}" for problem in problems]
    if found:
        raise ConfigError("; ".join(found[:5]) + more(found, 5))


def _check_devices(config: ConfigDict) -> None:
    """ConfigError where a row wants several devices, over which its cohort is spread already."""
    if config.devices > 1:
        raise ConfigError(
            f"devices is {config.devices}: expected 1, since a sweep trains a row on one device, "
            "and its rows on all of them"
        )


def _check_shared(config: ConfigDict, rows: int) -> None:
    """ConfigError where images are streamed from the host, which rows in one program cannot be."""
    if rows == 1 or data.law(config.data.name):
        return
    shape = data.spec(config.data.name, config.data.dir).shape
    megabytes = experiment.examples(config) * math.prod(shape) / 2**20
    if megabytes > config.data.device_mb:
        raise ConfigError(
            f"data.device_mb is {config.data.device_mb}: {config.data.name} {config.data.split} "
            f"has {megabytes:.3g} MB, and {rows} rows in one program need it on the device: raise "
            "it if there is room, or train the rows one by one"
        )


def _one_of_each_kind(rows: Sequence[Row]) -> list[Row]:
    """The first row, and the first of every other objective that brings numbers of its own."""
    kinds: dict[tuple, Row] = {}
    for row in rows:
        args = tuple(sorted(row.config["objective_args"]))
        kinds.setdefault((row.config["objective"], args) if args else (), row)
    return list(kinds.values())


def varied(rows: Sequence[Row]) -> list[str]:
    """The leaves in which the rows differ, in the order in which the sweep names them."""
    names = list(dict.fromkeys(path for row in rows for path in row.values))
    return [n for n in names if len({json.dumps(get(row.config, n)) for row in rows}) > 1]


def get(config: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path of nested plain values, or None."""
    value: Any = config
    for word in path.split("."):
        value = value.get(word) if isinstance(value, Mapping) else None
    return value
