"""The data sets, found by name: a file of this folder, or tfds:NAME for any TFDS image set.

An array set has spec(data_dir) and load(split, data_dir). A law, which is synthetic, has spec(),
sample(key, n, **args) and log_density(x_NxD, **args), pure in jax, and where it has modes also
centres(**args) and scale(**args).
"""

import importlib
from types import ModuleType

from gan_jax.config.choices import Choices, first_line
from gan_jax.data.base import Arrays, PathLike, Spec
from gan_jax.types import ConfigError

_PREFIX = "tfds:"


HELPERS = {"base", "cache", "mixture", "pipeline", "prepare", "tfds", "tfrecord"}
HELPERS |= {"tfds_features", "tfds_folder", "tfds_reader"}
_FILES = Choices(__name__, "data", HELPERS, hint=", or tfds:NAME")
names = _FILES.names  # tfds:NAME comes on top of them


def describe(name: str) -> str:
    """The first line of a data set's docstring."""
    return first_line(_module(name))


def spec(name: str, data_dir: PathLike | None = None) -> Spec:
    """What is known of a data set without decoding it. ConfigError if there is none so named."""
    module = _module(name)
    if name.startswith(_PREFIX):
        return module.spec(name.removeprefix(_PREFIX), data_dir)
    return module.spec() if hasattr(module, "log_density") else module.spec(data_dir)


def load(name: str, split: str, data_dir: PathLike | None = None) -> Arrays:
    """The examples of a split, in TFDS notation ('train', 'train[:50000]', 'test[:10%]').

    The order never changes. ConfigError for an unknown name or split and for a law, which is
    sampled instead; DataMissingError, DataCorruptError if the files are not there or not whole.
    """
    module = _module(name)
    if name.startswith(_PREFIX):
        return module.load(name.removeprefix(_PREFIX), split, data_dir)
    if hasattr(module, "log_density"):
        raise ConfigError(f"data {name!r} is a law: it is sampled and has no split to load")
    return module.load(split, data_dir)


def law(name: str) -> ModuleType | None:
    """The module of a synthetic set, or None for a set of examples."""
    module = _module(name)
    return module if hasattr(module, "log_density") else None


def _module(name: str) -> ModuleType:
    if name.startswith(_PREFIX):
        return importlib.import_module(f"{__name__}.tfds")
    return _FILES.module(name)
