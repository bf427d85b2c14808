"""From an experiment file and overrides to a config that is known to be good, or one error that says all."""

import importlib.util
import inspect
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax import data, nets
from gan_jax.config import attempt, choose
from gan_jax.data.base import parse_split
from gan_jax.dynamics import DYNAMICS
from gan_jax.game import make_setup
from gan_jax.nets.views import VIEWS
from gan_jax.objectives import OBJECTIVES
from gan_jax.penalties import PENALTIES
from gan_jax.types import ConfigError


def load_config(file_and_arg: str, overrides: Mapping[str, str] | None = None) -> ConfigDict:
    """Runs FILE[:ARG]'s get_config (it is Python), applies the overrides and checks everything.

    All that is wrong is one ConfigError.
    """
    module, arg = load_module(file_and_arg)
    get_config = getattr(module, "get_config", None)
    if get_config is None:
        raise ConfigError(
            f"{module.__file__} has no get_config(): expected one that returns a config"
        )
    config = _call(get_config, arg, str(module.__file__))
    if not isinstance(config, ConfigDict):
        raise ConfigError(
            f"get_config() of {module.__file__} returned {config!r}: expected a config"
        )
    found = config_lib.override(config, overrides or {})
    check(config, found)
    return config


def load_module(file_and_arg: str) -> tuple[Any, str | None]:
    """The module of FILE[:ARG], and ARG or None."""
    file, _, arg = file_and_arg.partition(":")
    path = Path(file)
    if not path.is_file():
        raise ConfigError(f"no config file {file!r}: {_files_near(path)}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"config {file!r}: expected a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    _call(lambda: spec.loader.exec_module(module), None, file)
    return module, arg or None


def _files_near(path: Path) -> str:
    folder = path.parent if path.parent.is_dir() else Path("experiments")
    files = sorted(str(f) for f in folder.glob("*.py"))
    return f"choose from {', '.join(files)}" if files else "expected --config FILE.py[:ARG]"


def _call(function: Callable[..., Any], arg: str | None, file: str) -> Any:
    """Runs the user's code; what goes wrong in it becomes one line with the place."""
    try:
        return function(arg) if arg is not None else function()
    except ConfigError:
        raise
    except Exception as error:  # any: it is the user's code
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
        place = f"{file} line {lines[-1]}" if lines else file
        what = str(error).split(" Other fields present")[0].strip("'\"") or type(error).__name__
        raise ConfigError(f"{place}: {type(error).__name__}: {' '.join(what.split())}") from error


def check(config: ConfigDict, found: list[str] | None = None) -> None:
    """Raises one ConfigError with everything that is wrong with a config, `found` first."""
    found = (found or []) + config_lib.problems(config) + _wrong_names(config)
    found = found or attempt(make_setup, config) or attempt(_check_sizes, config)
    if found:
        raise ConfigError("; ".join(dict.fromkeys(found)))


def _wrong_names(config: ConfigDict) -> list[str]:
    tables: dict[str, Any] = {
        "objective": OBJECTIVES,
        "penalty.name": [*PENALTIES, "none"],
        "dynamics.name": DYNAMICS,
        "disc.view": VIEWS,
        "gen.net": nets.names(),
        "disc.net": nets.names(),
    }
    found = [
        problem
        for path, table in tables.items()
        for problem in attempt(choose, path, config_lib.leaf(config, path), table)
    ]
    found += attempt(data.spec, config.data.name, config.data.dir)
    return found or _wrong_args(config)


def _wrong_args(config: ConfigDict) -> list[str]:
    law = data.law(config.data.name)
    takers = {
        "objective_args": OBJECTIVES[config.objective],
        "penalty.args": PENALTIES.get(config.penalty.name),
        "data.args": law.sample if law else None,
    }
    return [
        problem
        for path, taker in takers.items()
        for key, value in config_lib.leaf(config, path).items()
        for problem in attempt(_check_arg, path, taker, key, value)
    ]


def _check_arg(path: str, taker: Callable[..., Any] | None, key: str, value: Any) -> None:
    known = inspect.signature(taker).parameters if taker else {}
    names = [k for k, p in known.items() if p.default is not inspect.Parameter.empty]
    if not names:
        raise ConfigError(f"{path}.{key}: nothing here takes numbers")
    choose(path, key, names)
    if not isinstance(value, int | float) or value != value:
        raise ConfigError(f"{path}.{key} is {value!r}: expected a number")


def _check_sizes(config: ConfigDict) -> None:
    if data.law(config.data.name):
        return
    splits = data.spec(config.data.name, config.data.dir).splits
    size = sum(part.stop - part.start for part in parse_split(config.data.split, splits))
    if config.batch_size > size:
        raise ConfigError(
            f"batch_size is {config.batch_size}: expected at most {size}, "
            f"the examples of {config.data.name} {config.data.split}"
        )
