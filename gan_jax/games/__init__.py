"""Games: one file each, with make(parts, **numbers) -> Game; here is the lookup."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from gan_jax.choices import Choices
from gan_jax.config import choose
from gan_jax.games.play.parts import make_parts
from gan_jax.types import ConfigError, Game

_FILES = Choices(__name__, "game")
names, describe = _FILES.names, _FILES.describe


def make_game(config: ConfigDict, objectives: Sequence[str] = ()) -> Game:
    """The game of a config. ConfigError where a name or an argument is unknown.

    objectives: several, of which the traced number "index" chooses one, instead of the config's.
    """
    make = _FILES.module(config.game).make
    return make(make_parts(config, objectives), **_checked(make, config.game_args))


def _checked(make: Callable[..., Game], args: Mapping[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(make).parameters.values()
    takes = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    for name, value in args.items():
        choose("game_args", name, takes)
        if type(value) is not type(takes[name]) or value < 0:
            expected = f"{type(takes[name]).__name__} of at least 0, such as {takes[name]!r}"
            raise ConfigError(f"game_args.{name} is {value!r}: expected {expected}")
    return dict(args)
