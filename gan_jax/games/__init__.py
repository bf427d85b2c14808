"""Games: one file each, with make(parts) -> Game; here is the lookup."""

from collections.abc import Sequence

from ml_collections import ConfigDict

from gan_jax.games import gan
from gan_jax.games.play.parts import make_parts
from gan_jax.types import Game


def make_game(config: ConfigDict, objectives: Sequence[str] = ()) -> Game:
    """The game of a config: the last function that sees one.

    objectives: several, of which the traced number "index" chooses one, instead of the config's.
    """
    return gan.make(make_parts(config, objectives))
