"""Groups a sweep's rows into cohorts, each of which trains as one program."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax import games
from gan_jax.config.arguments import numbers_of, static_arguments
from gan_jax.config.leaves import LEAVES, declared
from gan_jax.config.values import attempt, flatten
from gan_jax.data import open_data
from gan_jax.dynamics import DYNAMICS
from gan_jax.games.play import terms
from gan_jax.host.errors import ConfigError, listed
from gan_jax.sweeps.resolve import Row, as_known_before, hashed, resolve  # noqa: F401
from gan_jax.training import experiment

MANY_COHORTS = 16  # the networks of this many cohorts are built before a sweep starts


class Cohort(NamedTuple):
    """Rows that differ in traced numbers only."""

    id: str
    rows: tuple[Row, ...]
    why: str  # what differs from the first cohort; empty for the first


def group(rows: Sequence[Row]) -> list[Cohort]:
    """Groups the rows that can share a program, in the order of each group's first row."""
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
    """The leaves that decide what is compiled; rows with equal ones can share a program."""
    static: dict[str, Any] = {}  # objective_args are not: those not taken are 0
    for path, value in flatten(as_known_before(config)).items():
        section, _, key = path.rpartition(".")
        how = declared(path).reach.how
        if section == "objective_args" or (how == "traced" and path in LEAVES):
            continue
        if how == "traced" and type(numbers_of(_taker(config, section)).get(key)) is not int:
            static[path] = "a number"
        else:
            static[path] = value > 0 if how == "switch" else value
    if config["objective"] in terms.OF_LOGITS:  # chosen by a traced index
        static["objective"] = "one of logits"
    if config["stop_at_equilibrium"]:
        static["ends by itself"] = row_id
    return static


def _taker(config: Mapping[str, Any], section: str) -> Callable[..., Any] | None:
    """The function that takes a section of arguments of which some are static, if there is one."""
    if section == "dynamics.args":
        return DYNAMICS.get(config["dynamics"]["name"])
    known = section == "game_args" and config["game"] in games.names()
    return games.maker(config["game"]) if known else None


def _differs(first: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    parts = [
        f"{path} is {other.get(path, 'absent')}, not {first.get(path, 'absent')}"
        for path in sorted(first.keys() | other.keys())
        if first.get(path, "absent") != other.get(path, "absent")
    ]
    return "; ".join(parts)


def check(cohorts: Sequence[Cohort]) -> None:
    """Raises one ConfigError for what is wrong with a cohort's first rows or any row's arguments.
    ConfigError if a row would start from what another run has trained.
    """
    found: list[str] = []
    for number, cohort in enumerate(cohorts):
        rows = _one_of_each_kind(cohort.rows)
        for row in rows if number < MANY_COHORTS else rows[:1]:
            config = config_lib.from_json(row.config)
            problems = (
                attempt(experiment.check, config)
                or attempt(_check_shared, config, len(cohort.rows))
                or attempt(_check_devices, config)
                or attempt(_check_beginning, config)
            )
            found += [f"row {row.index}: {problem}" for problem in problems]
        found += [f"row {row.index}: {p}" for row in cohort.rows for p in attempt(_check_args, row)]
    if found:
        raise ConfigError(listed(found, 5))


def _check_args(row: Row) -> None:
    """ConfigError if the dynamics or the game do not take the row's arguments."""
    for section in ("dynamics.args", "game_args"):
        if taker := _taker(row.config, section):
            static_arguments(section, taker, get(row.config, section))


def _check_beginning(config: ConfigDict) -> None:
    """ConfigError if a row's game needs weights that another run has trained."""
    taken = games.make_setup(config).game.taken
    if taken:
        raise ConfigError(
            f"game {config.game!r} takes {', '.join(taken)} from a run that trained it before: "
            "expected gan-jax train --init_from DIR for each run"
        )


def _check_devices(config: ConfigDict) -> None:
    """ConfigError if a row wants several devices, since its cohort is spread over them already."""
    if config.devices > 1:
        raise ConfigError(
            f"devices is {config.devices}: expected 1, since a sweep trains a row on one device, "
            "and its rows on all of them"
        )


def _check_shared(config: ConfigDict, rows: int) -> None:
    """ConfigError if images are streamed from the host, which rows in one program cannot use."""
    data = open_data(config)
    if rows == 1 or data.synthetic:
        return
    megabytes = data.size * data.spec.nbytes / 2**20
    if megabytes > config.data.device_mb:
        raise ConfigError(
            f"data.device_mb is {config.data.device_mb}: {config.data.name} {config.data.split} "
            f"has {megabytes:.3g} MB, and {rows} rows in one program need it on the device: raise "
            "it if there is room, or train the rows one by one"
        )


def _one_of_each_kind(rows: Sequence[Row]) -> list[Row]:
    """The first row, and the first row of each other objective that has numbers of its own."""
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
