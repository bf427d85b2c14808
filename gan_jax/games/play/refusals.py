"""Checks that refuse, before training, what a game or a network does not support (ConfigError)."""

from typing import Any

from ml_collections import ConfigDict

from gan_jax.config import leaf
from gan_jax.games.play import last_layer, terms
from gan_jax.host.errors import ConfigError
from gan_jax.types import Array, Net

# Treatments that some games do not support: field of Parts -> the config leaf and the value needed.
TREATMENTS = {
    "rescales": "gen.rescale_gradient, expected 0",
    "norms_pull": "gen.pull_decay, expected 0",
    "selects": "gen.top_k, expected 0",
    "standing_batches": "ema.standing_batches, expected 0",
    "more_fakes": "gen.batch_factor, expected 1",
    "slices": "disc.san, expected False",
    "wants_features": "objective 'feature_matching', expected another",
}


def refuse(parts: Any, game: str, *treatments: str) -> None:
    """ConfigError if the config asks for one of these treatments, which the game lacks."""
    for name in treatments:
        if getattr(parts, name):
            raise ConfigError(f"game {game!r} has no place for {TREATMENTS[name]}")


def last_layers_of(config: ConfigDict, disc: Net, x: Array) -> None:
    """ConfigError if the config needs disc's last layer <w, f(x)> + b and disc has none."""
    if config.disc.san:
        last_layer.check(disc, x, "disc.san")
        if config.disc.condition == "projection":
            raise ConfigError(
                "disc.san splits the last layer, but disc.condition 'projection' makes one for "
                "each label: expected another disc.condition"
            )
    if config.objective in terms.OF_FEATURES:
        last_layer.check(disc, x, f"objective {config.objective!r}")


def check_patches(config: ConfigDict, disc: Net) -> None:
    """ConfigError if the config needs one logit per example and disc judges patches."""
    for path, value in (("objective", "gan_qp"), ("disc.normalise", "gradient")):
        if disc.judges_patches and leaf(config, path) == value:
            raise ConfigError(
                f"{path} is {value!r}, which is about one logit an example, and disc.net "
                f"{config.disc.net!r} gives one for each patch: expected another of the two"
            )
