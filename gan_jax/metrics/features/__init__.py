"""Feature extractors: what a distance of images is taken between, and named after."""

from collections.abc import Callable

from ml_collections import ConfigDict

from gan_jax.config.values import choose
from gan_jax.data import Data, open_data
from gan_jax.host.errors import ConfigError
from gan_jax.metrics.features import digits, efficientnet_lite0, inception
from gan_jax.metrics.features.base import Features, Seen

__all__ = ["FEATURES", "Features", "Seen", "check", "has_images", "make", "scheduled"]

# name -> the extractor for a config; None where its data are not what the features are made for
FEATURES: dict[str, Callable[[ConfigDict], Features | None]] = {
    "digits": digits.make,
    "efficientnet_lite0": efficientnet_lite0.make,
    "inception": inception.make,
}


def make(name: str, config: ConfigDict, data: Data) -> Features | None:
    """The extractor of that name, or None where it does not apply. A UserError if it cannot be."""
    extractor = FEATURES[choose("features", name, FEATURES)]
    if not has_images(data):
        return None
    if config.eval_samples < 2:
        raise ConfigError(
            f"eval_samples is {config.eval_samples}: expected at least 2 for distances by features"
        )
    return extractor(config)


def scheduled(config: ConfigDict) -> tuple[str, ...]:
    """features.names. ConfigError if it is no list of names."""
    names = config.features.names
    if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(
            f"features.names is {' '.join(repr(names).split())}: expected a list of names, such as "
            "('digits',)"
        )
    return tuple(names)


def check(config: ConfigDict) -> None:
    """That the features of features.names can be had. A UserError says which cannot, and why."""
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
