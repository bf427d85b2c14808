"""Games: one file each, with make(parts, **numbers) -> Game; here is the lookup.

Numbers whose default is an integer are handed to make; the others are in h.game_args if given."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Sequence
from typing import Any

from ml_collections import ConfigDict

from gan_jax.config import choose
from gan_jax.config.arguments import static_arguments
from gan_jax.games.play.parts import make_parts
from gan_jax.types import Game


def names() -> list[str]:
    """Every game: the files of this folder."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.ispkg)


def describe(name: str) -> str:
    """The first line of a game's docstring."""
    return (inspect.getdoc(_module(name)) or "").partition("\n")[0]


def _module(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{choose('game', name, names())}")


def maker(name: str) -> Callable[..., Game]:
    """The named game's make; ConfigError with the choices where there is none."""
    return _module(name).make


def make_game(config: ConfigDict, objectives: Sequence[str] = ()) -> Game:
    """The game of a config. ConfigError where a name or an argument is unknown.

    objectives: several, of which the traced number "index" chooses one, instead of the config's.
    """
    make = maker(config.game)
    static = static_arguments("game_args", make, config.game_args)
    return make(make_parts(config, objectives), **static)
