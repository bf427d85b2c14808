"""Games, one file each with make(parts, **numbers) -> Game. This file finds them by name.

Numbers with an integer default are passed to make; the others are in h.game_args if given."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
from ml_collections import ConfigDict

from gan_jax.config.arguments import static_arguments
from gan_jax.config.choices import Choices
from gan_jax.data import Arrays, Data, open_data
from gan_jax.data.base import all_labelled
from gan_jax.games.play.parts import make_parts
from gan_jax.host.errors import ConfigError
from gan_jax.types import Game, State

_FILES = Choices(__name__, "game")
names, describe = _FILES.names, _FILES.describe


def maker(name: str) -> Callable[..., Game]:
    """The named game's make; ConfigError with the choices if there is no such game."""
    return _FILES.module(name).make


class Setup(NamedTuple):
    """A config with its opened data and its game, made once and shared by all parts of a run."""

    config: ConfigDict
    data: Data
    game: Game

    def settled(self, state: State) -> State:
        """The state that samples are drawn from: see games/play/standing.py."""
        settle = self.game.settle
        return jax.jit(settle)(state) if settle else state

    def examples(self) -> Arrays | None:
        """The training examples. ConfigError if the game is conditional and some have no label."""
        arrays = self.data.examples()
        if arrays and self.game.sampler.classes and not all_labelled(arrays):
            raise ConfigError(
                f"data {self.data.name!r}: not every example of {self.data.split} has a label, "
                "which gen.condition needs: expected gen.condition 'none' or another data.split"
            )
        return arrays


def make_setup(config: ConfigDict, objectives: Sequence[str] = ()) -> Setup:
    """Opens the data and makes the game. ConfigError if a name or an argument is unknown.

    objectives: replaces the config's objective by several, one of which the traced number "index"
    selects.
    """
    data, make = open_data(config), maker(config.game)
    static = static_arguments("game_args", make, config.game_args)
    parts = make_parts(config, data, objectives)
    game = make(parts, **static)
    if parts.gen.translates and not game.sampler.of:
        raise ConfigError(
            f"gen.net {config.gen.net!r} maps pictures, but game {config.game!r} makes samples "
            "from latents: expected another gen.net, or game 'pix2pix' or 'cyclegan'"
        )
    return Setup(config, data, game)
