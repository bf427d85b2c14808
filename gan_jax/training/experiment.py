"""From a config file and overrides to a checked config, or to one error that lists all problems."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax import data, nets
from gan_jax.augment.views import VIEWS
from gan_jax.config.arguments import numbers_of
from gan_jax.config.as_json import read_config
from gan_jax.config.checks import problems
from gan_jax.config.file import call, check_call, load_module, split_arg
from gan_jax.config.leaves import ARGS
from gan_jax.config.values import attempt, choose
from gan_jax.data import Data, open_data
from gan_jax.dynamics import DYNAMICS
from gan_jax.games import Setup, make_setup
from gan_jax.games.play import penalties, terms
from gan_jax.games.play.labels import labels_of
from gan_jax.games.play.parts import make_disc
from gan_jax.host.errors import ConfigError, DataMissingError, UserError
from gan_jax.nets.layers.normalise import NORMALISERS
from gan_jax.training.steps import make_init, make_train_step
from gan_jax.types import State

log = logging.getLogger(__name__)
WIDTHS = {"sigma", "std"}  # arguments of distributions that have to be above 0


def load_setup(file_and_arg: str, overrides: Mapping[str, str] | None = None) -> Setup:
    """Runs FILE[:ARG]'s get_config (it is Python), applies the overrides and checks everything.

    All problems are reported in one ConfigError.
    """
    config, _, found = _load(file_and_arg, overrides or {})
    return check(config, found)


def load_begun(workdir: str | Path, overrides: Mapping[str, str] | None = None) -> Setup:
    """The setup of the run in a workdir, with overrides. ConfigError if there is no run."""
    config = config_lib.from_json(read_config(workdir))
    return check(config, _override(config, overrides or {}))


def load_sweep(
    file_and_arg: str, overrides: Mapping[str, str] | None = None, name: str | None = None
) -> tuple[ConfigDict, str, list[Any]]:
    """FILE's config and the named sweep of its SWEEPS, or the only one: (config, name, rows).

    The config has plain values, and references, which rows.resolve follows; it is not checked yet.
    """
    config, module, found = _load(file_and_arg, overrides or {})
    found += config_lib.settle(config)[1]
    if found:
        raise ConfigError("; ".join(found))
    file, sweeps = split_arg(file_and_arg)[0], getattr(module, "SWEEPS", None)
    if not isinstance(sweeps, dict) or not sweeps or not all(isinstance(n, str) for n in sweeps):
        raise ConfigError(
            f"{file} has no SWEEPS: expected {{name: rows}}, see gan_jax/sweeps/product.py"
        )
    if name is None and len(sweeps) > 1:
        raise ConfigError(f"{file} has several sweeps: --sweep {'|'.join(sweeps)}")
    name = choose("sweep", name, sweeps) if name else next(iter(sweeps))
    return config, name, call(list, [sweeps[name]], file)  # a generator's rows are made only here


def _load(file_and_arg: str, overrides: Mapping[str, str]) -> tuple[ConfigDict, Any, list[str]]:
    """The config with overrides, the module it is from, and what is wrong with the overrides."""
    file, arg = split_arg(file_and_arg)
    module = load_module(file)
    get_config = getattr(module, "get_config", None)
    if not callable(get_config):
        raise ConfigError(f"{file} has no get_config(): expected a function that returns a config")
    args = [arg] if arg else []
    check_call(get_config, args, file)
    config = call(get_config, args, file)
    if not isinstance(config, ConfigDict):
        raise ConfigError(f"{file}: get_config() returned {config!r}: expected a config")
    config = call(lambda: ConfigDict(config).unlock(), [], file)  # it may be locked or frozen
    _check_keys(config, file)
    return config, module, _override(config, overrides)


def _override(config: ConfigDict, overrides: Mapping[str, str]) -> list[str]:
    """Sets leaves, and returns the problems. A net that is swapped starts from its own defaults."""
    for player in ("gen", "disc"):
        section, net = config[player], overrides.get(f"{player}.net")
        if net in nets.names() and net != section.net and section.args:
            log.warning(
                "%s.net is %s: %s.args of %s (%s) are left out, and it starts from its defaults",
                *(player, net, player, section.net, ", ".join(section.args)),
            )
            section.args = ConfigDict()
    return config_lib.override(config, overrides)


def _check_keys(config: ConfigDict, file: str) -> None:
    """ConfigError if a config that a file has unlocked or made itself lacks keys or has others."""
    there, known = (
        _keys(call(config_lib.flatten, [c], file)) for c in (config, config_lib.get_config())
    )
    wrong = [f"lacks {key}" for key in sorted(known - there)]
    wrong += [f"has an unknown key {key}" for key in sorted(there - known)]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ConfigError(
            f"{file}: the config {', '.join(wrong[:5])}{more}: "
            "expected gan_jax.config.get_config() with other values"
        )


def _keys(flat: Mapping[str, Any]) -> set[str]:
    return {key for key in flat if key.rpartition(".")[0] not in ARGS}


def check(config: ConfigDict, found: Sequence[str] = ()) -> Setup:
    """The setup of a config as it is trained, with references resolved to plain values.

    Raises one ConfigError with everything that is wrong with it, `found` first.
    """
    config, wrong = config_lib.settle(config)
    found = [*found, *wrong, *problems(config)]
    made: list[Setup] = []
    try:
        found += _wrong_names(config) or _wrong_args(config)
    except DataMissingError:
        if not found:
            raise
    found = found or attempt(_make, config, made)
    if found:
        raise ConfigError("; ".join(dict.fromkeys(found)))
    return made[0]


def _make(config: ConfigDict, made: list[Setup]) -> None:
    setup = make_setup(config)
    make_train_step(setup)
    _check_shapes(setup)
    made.append(setup)


def state_like(setup: Setup) -> State:
    """The shapes and dtypes of the state, by tracing: nothing is computed or compiled."""
    return jax.eval_shape(
        make_init(setup),
        jax.random.key(0),
        config_lib.hypers(setup.config),
        jax.ShapeDtypeStruct(setup.data.spec.shape, jnp.float32),
    )


def _check_shapes(setup: Setup) -> None:
    """Raises ConfigError if the networks cannot be built at these sizes."""
    try:
        state_like(setup)
    except UserError:
        raise
    except Exception as error:  # a network may raise anything for sizes that do not fit
        raise ConfigError(
            f"the networks cannot be built for data {setup.data.name!r}: {type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]}: see gen.args and disc.args"
        ) from error


def _wrong_names(config: ConfigDict) -> list[str]:
    tables: dict[str, Any] = {
        "penalty.name": [*terms.PENALTY_TERMS, "none"],
        "dynamics.name": DYNAMICS,
        "disc.view": VIEWS,
        "disc.normalise": NORMALISERS,
        "gen.net": nets.names(),
        "disc.net": nets.names(),
    }
    found = attempt(terms.objective_term, config.objective)
    found += [
        problem
        for path, table in tables.items()
        for problem in attempt(choose, path, config_lib.leaf(config, path), table)
    ]
    found += attempt(penalties.named, config)
    return found + attempt(data.origin_of(config).spec)


def _wrong_args(config: ConfigDict) -> list[str]:
    distribution, opened = data.distribution(config.data.name), open_data(config)
    takers = {
        "objective_args": terms.objective_term(config.objective),
        "penalty.args": terms.penalty_term(config.penalty.name),
        "dynamics.args": DYNAMICS[config.dynamics.name],
    } | ({"data.args": distribution.sample} if distribution else {})  # else Origin.spec checks them
    found = [
        problem
        for path, taker in takers.items()
        for key, value in config_lib.leaf(config, path).items()
        for problem in attempt(_check_arg, path, taker, key, value)
    ]
    shape, classes, gen = opened.spec.shape, opened.spec.classes, config.gen
    of_gen = (gen.net, gen.args, shape, "identity", labels_of(gen, classes))
    found += attempt(penalties.check_weight, config.penalty.name, config.penalty.weight)
    found += attempt(nets.make_generator, *of_gen)
    found += attempt(make_disc, config, shape, classes)
    return found + attempt(_check_sizes, config, opened)


def _check_arg(path: str, taker: Callable[..., Any] | None, key: str, value: Any) -> None:
    names = numbers_of(taker)
    if not names:
        raise ConfigError(f"{path}.{key}: nothing here takes numbers")
    choose(path, key, names)
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ConfigError(f"{path}.{key} is {value!r}: expected a finite number")
    if path != "data.args":
        return
    if type(names[key]) is int and (type(value) is not int or value < 1):
        raise ConfigError(f"{path}.{key} is {value!r}: expected an int of at least 1")
    if key in WIDTHS and value <= 0:
        raise ConfigError(f"{path}.{key} is {value!r}: expected a number above 0")


def _check_sizes(config: ConfigDict, opened: Data) -> None:
    points, batch = opened.points, config.batch_size
    if opened.synthetic:
        if points and batch > points:
            raise ConfigError(f"batch_size is {batch}: expected at most data.points, {points}")
        return
    if points:
        raise ConfigError(f"data.points is {points}: expected 0, as {opened.name} is not synthetic")
    if batch > opened.size:
        raise ConfigError(
            f"batch_size is {batch}: expected at most {opened.size}, "
            f"the examples of {opened.name} {opened.split}"
        )
