"""Turns a sweep's rows into resolved configs, each with an id."""

import copy
import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax.config import as_json as config_json
from gan_jax.config.checks import check_value
from gan_jax.config.leaves import BEFORE
from gan_jax.config.values import attempt, flatten, leaf, read
from gan_jax.games.play import penalties, terms
from gan_jax.host.errors import ConfigError, listed


@dataclasses.dataclass(frozen=True)
class Row:
    """One config of a sweep."""

    id: str  # a hash of the config
    index: int
    values: dict[str, Any]  # what the sweep sets
    config: dict[str, Any]  # resolved, plain JSON


def resolve(base: ConfigDict, rows: Sequence[Any]) -> list[Row]:
    """Applies the rows to a config, whose references hold in each of them, as on the command line.

    Everything that is wrong with any of them is reported in one ConfigError.
    """
    if not rows:
        raise ConfigError("the sweep has no rows: expected at least one")
    made: list[Row] = []
    found: dict[str, int] = {}  # a problem -> the first row that has it
    settled, problems = config_lib.settle(base)
    if problems:
        raise ConfigError("; ".join(problems))
    before, plain = flatten(base), config_json.plain_config(settled)
    for index, row in enumerate(rows):
        try:
            values, changed = _changed(base, before, row)
            config = _with(plain, changed)
            made.append(Row(hashed(as_known_before(config)), index, values, config))
        except ConfigError as error:
            found.setdefault(str(error), index)
    if found:
        told = [f"row {index}: {problem}" for problem, index in found.items()]
        raise ConfigError(listed(told, 10))
    first: dict[str, Row] = {}
    for each in made:
        twin = first.setdefault(_same(each.config), each)
        if twin is not each:
            raise ConfigError(f"rows {twin.index} and {each.index} are the same config")
    return made


def _same(config: Mapping[str, Any]) -> str:
    """Text that two rows share only if they are the same config: 1 and 1.0 are one setting."""
    whole = {
        k: int(v) if isinstance(v, float) and v.is_integer() else v
        for k, v in flatten(config).items()
    }
    return json.dumps(whole, sort_keys=True)


def _changed(
    base: ConfigDict, before: Mapping[str, Any], row: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the row sets, and every leaf that this changes, including those that refer to it."""
    if not isinstance(row, Mapping | ConfigDict):
        raise ConfigError(f"it is a {type(row).__name__}: expected a dict, such as {{'seed': 0}}")
    config = copy.deepcopy(base)
    found = [problem for item in row.items() for problem in attempt(_set, config, *item)]
    after = read(config)
    changed = {k: v for k, v in after.items() if k not in before or v is not before[k]}
    found += [problem for item in changed.items() for problem in attempt(_check_leaf, *item)]
    found = found or attempt(penalties.check_weight, config.penalty.name, config.penalty.weight)
    if found:
        raise ConfigError("; ".join(found))
    changed = {path: config_lib.fit(path, value) for path, value in changed.items()}
    return {str(path): config_lib.fit(path, leaf(config, path)) for path in row}, changed


def _with(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the nested base with leaves set by dotted path."""
    config = dict(base)
    for path, value in values.items():
        head, _, rest = path.partition(".")
        plain = config_json.plain_config(value, path)
        config[head] = _with(config[head], {rest: plain}) if rest else plain
    return config


def as_known_before(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The config without newer leaves that change nothing, so that ids stay what they were."""
    return {
        key: as_known_before(value, f"{prefix}{key}.") if isinstance(value, Mapping) else value
        for key, value in config.items()
        if (prefix + key, value) not in BEFORE.items()
    }


def _set(config: ConfigDict, path: Any, value: Any) -> None:
    if not isinstance(path, str):
        raise ConfigError(f"config key {path!r} is not a text: expected one such as 'gen.lr'")
    config_lib.assign(config, path, value)


def _check_leaf(path: str, value: Any) -> None:
    """Raises ConfigError if a value does not fit its leaf's type and rule."""
    value = config_lib.fit(path, value)
    check_value(path, value)
    if path == "objective":
        terms.objective_term(value)


def hashed(value: Any) -> str:
    """A hash of plain values. A cohort's includes its rows, which share checkpoints."""
    text = json.dumps(value, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
