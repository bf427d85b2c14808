"""Feature extractors, between whose outputs distances of images are computed."""

from collections.abc import Callable

from ml_collections import ConfigDict

from gan_jax.config.values import choose
from gan_jax.data import Data, open_data
from gan_jax.host.errors import ConfigError
from gan_jax.metrics.features import digits, efficientnet_lite0, inception
from gan_jax.metrics.features.base import Features, Seen

__all__ = ["FEATURES", "Features", "Seen", "check", "has_images", "make", "scheduled"]

# name -> (config -> its extractor, or None if the features do not suit its data)
FEATURES: dict[str, Callable[[ConfigDict], Features | None]] = {
    "digits": digits.make,
    "efficientnet_lite0": efficientnet_lite0.make,
    "inception": inception.make,
}


def make(name: str, config: ConfigDict, data: Data) -> Features | None:
    """The named extractor, or None if it does not apply. UserError if it cannot be made."""
    extractor = FEATURES[choose("features", name, FEATURES)]
    if not has_images(data):
        return None
    if config.eval_samples < 2:
        raise ConfigError(
            f"eval_samples is {config.eval_samples}: expected at least 2 for distances by features"
        )
    return extractor(config)


def scheduled(config: ConfigDict) -> tuple[str, ...]:
    """The config's features.names. ConfigError if it is not a list of names."""
    names = config.features.names
    if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(
            f"features.names is {' '.join(repr(names).split())}: expected a list of names, such as "
            "('digits',)"
        )
    return tuple(names)


def check(config: ConfigDict) -> None:
    """Checks that all of features.names are available. UserError says which is not, and why."""
    data = open_data(config)
    for name in scheduled(config):
        if make(name, config, data) is None:
            raise ConfigError(
                f"features.names: {name!r} does not apply to data {config.data.name!r}"
            )


def has_images(data: Data, labels: bool = False) -> bool:
    """Whether the data are images with a train and a test split, and with labels if need be."""
    splits = {"train", "test"} <= set(data.spec.splits)
    return data.is_image and splits and bool(data.spec.classes or not labels)
