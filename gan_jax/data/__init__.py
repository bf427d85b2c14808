"""The data sets, found by name: a file of this folder, or tfds:NAME for any TFDS image set.

An array set has spec(data_dir) and load(split, data_dir). Both may take further keywords: those of
data.LEAVES that they name, and texts from data.args. If its licence requires attribution, it also
has credit(**args). A synthetic distribution has spec(), sample(key, n, **args) and
log_density(x_NxD, **args), pure in jax; one with modes also has centres(**args) and scale(**args),
and one on the line cdf(x_N, **args).
"""

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config import choose
from gan_jax.config.choices import Choices, first_line
from gan_jax.data.base import Arrays, PathLike, Spec, parse_split
from gan_jax.host.errors import ConfigError
from gan_jax.types import Array

_PREFIX = "tfds:"
# Leaves of the config's data that go to the sets whose spec names them.
LEAVES = ("size", "channels", "skip_damaged", "dir_b", "paired")
HELPERS = {"base", "cache", "mixture", "pipeline", "prepare", "tfds", "tfrecord"}
HELPERS |= {"tfds_features", "tfds_folder", "tfds_reader"}
_FILES = Choices(__name__, "data", HELPERS, hint=", or tfds:NAME")
names = _FILES.names  # without the sets of tfds:NAME


def describe(name: str) -> str:
    """The first line of a data set's docstring, and the credit that its pictures require."""
    credit = Origin(name).credit
    return f"{first_line(_module(name))} {credit}".strip()


def credit_of(values: Mapping[str, Any]) -> str:
    """Origin.credit for the values of a run's config.json; empty if the set is unknown here."""
    found = values.get("data", {})
    try:
        args = tuple(found["args"].items()) if distribution(found["name"]) is None else ()
        return Origin(found["name"], args=args).credit
    except (ConfigError, AttributeError, KeyError, TypeError):  # from another version
        return ""


class Origin(NamedTuple):
    """Which set, where it is stored and how its images are read; a key for caches of its data."""

    name: str
    dir: PathLike | None = None
    # The config's leaves of these names, for sets that take them.
    size: int = 0
    channels: int = 0
    skip_damaged: bool = False
    dir_b: PathLike = ""
    paired: bool = True
    args: tuple[tuple[str, Any], ...] = ()  # its data.args

    def spec(self) -> Spec:
        """What is known of the set without decoding it.

        ConfigError if there is no set of that name, or it does not take a leaf that is set.
        """
        module = _module(self.name)
        if hasattr(module, "log_density"):
            return module.spec(**self._given(module))
        return module.spec(*self._where, **self._given(module))

    def load(self, split: str) -> Arrays:
        """The examples of a split, in TFDS notation ('train', 'train[:50000]', 'test[:10%]').

        The order never changes. ConfigError for an unknown name or split, and for a synthetic
        distribution, which is sampled instead; DataMissingError or DataCorruptError if the files
        are missing or damaged.
        """
        module = _module(self.name)
        if hasattr(module, "log_density"):
            raise ConfigError(
                f"data {self.name!r} is synthetic: it is sampled and has no split to load"
            )
        where, given = self._where, self._given(module)
        if self.name.startswith(_PREFIX):
            return module.load(where[0], split, where[1], **given)
        return module.load(split, *where, **given)

    @property
    def _where(self) -> tuple:
        inside = (self.name.removeprefix(_PREFIX),) if self.name.startswith(_PREFIX) else ()
        return (*inside, self.dir)

    @property
    def credit(self) -> str:
        """The credit due wherever pictures of the set, or made from it, are shown."""
        credit = getattr(_module(self.name), "credit", None)
        return credit(**dict(self.args)) if credit else ""

    def _given(self, module: ModuleType) -> dict[str, Any]:
        """The values for the set's spec: those of LEAVES that it names, and data.args."""
        given = {name: getattr(self, name) for name in LEAVES}
        known = inspect.signature(module.spec).parameters
        taken = {name for name in given if name in known}
        for name in given.keys() - taken - {"paired"}:  # which the spec tells
            if given[name] != self._field_defaults[name]:
                raise ConfigError(
                    f"data.{name} is {given[name]}, and data {self.name!r} takes none: leave it "
                    "out, or choose data.name 'folder'"
                )
        own = {name: each.default for name, each in known.items() if isinstance(each.default, str)}
        for name, value in self.args:
            if not own:
                raise ConfigError(f"data.args.{name}: data {self.name!r} takes none, leave it out")
            if not isinstance(value, type(own[choose("data.args", name, own)])):
                expected = f"a text, such as {own[name]!r}"
                raise ConfigError(f"data.args.{name} is {value!r}: expected {expected}")
        return {name: given[name] for name in taken} | dict(self.args)


def spec(name: str, data_dir: PathLike | None = None) -> Spec:
    """What is known of a data set without decoding it: see Origin.spec."""
    return Origin(name, data_dir).spec()


def load(name: str, split: str, data_dir: PathLike | None = None) -> Arrays:
    """The examples of a split: see Origin.load."""
    return Origin(name, data_dir).load(split)


def distribution(name: str) -> ModuleType | None:
    """The module of a synthetic distribution, or None for a set of examples."""
    module = _module(name)
    return module if hasattr(module, "log_density") else None


def _module(name: str) -> ModuleType:
    if name.startswith(_PREFIX):
        return importlib.import_module(f"{__name__}.tfds")
    return _FILES.module(name)


class Synthetic(NamedTuple):
    """A synthetic distribution with a config's data.args bound; what it does not have is None."""

    sample: Callable[[Array, int], Array]  # (key, n) -> [n, D]
    log_density: Callable[[Array], Array]  # [N, D] -> nats [N]
    cdf: Callable[[Array], Array] | None  # [N] -> [N], on the line
    centres: Callable[[], Array] | None  # the modes' means [K, D]
    scale: Callable[[], Any] | None  # the modes' standard deviation
    other: Callable[[Array, int], Array] | None  # samples of a second domain, at its defaults


class Data(NamedTuple):
    """A config's data, opened: all that is known before any of it is decoded."""

    origin: Origin
    split: str  # the split to train on
    spec: Spec
    low: float  # pixels are in [low, 1] for the networks
    synthetic: Synthetic | None  # None for a set of examples
    points: int  # drawn once from a synthetic distribution; 0: new ones in every step

    @property
    def name(self) -> str:
        return self.origin.name

    @property
    def is_image(self) -> bool:
        return self.spec.kind == "image"

    @property
    def is_endless(self) -> bool:
        """Whether every step draws new examples."""
        return self.synthetic is not None and not self.points

    @property
    def size(self) -> int:
        """How many examples the split has."""
        return sum(part.stop - part.start for part in parse_split(self.split, self.spec.splits))

    @property
    def has_held_out(self) -> bool:
        """Whether the set has a test split that is not trained on."""
        splits = self.spec.splits
        return "test" in splits and all(
            part.split != "test" for part in parse_split(self.split, splits)
        )

    def examples(self) -> Arrays | None:
        """The training examples; None if they are endless."""
        if self.synthetic is None:
            return self.origin.load(self.split)
        if not self.points:
            return None
        x = self.synthetic.sample(jax.random.key(POINTS_SEED), self.points)
        return Arrays(np.asarray(x), None)

    def held_out(self) -> Arrays:
        """The test split, or the training examples if none are held out."""
        return self.test() if self.has_held_out else self.origin.load(self.split)

    def test(self) -> Arrays:
        """The test split."""
        return self.origin.load("test")

    def to_range(self, x: Array) -> Array:
        """uint8 pixels to [low, 1]; points stay as they are."""
        return x * ((1 - self.low) / 255) + self.low if x.dtype == jnp.uint8 else x

    def to_unit(self, x: Array) -> Array:
        """Samples as they are shown and compared: images from [low, 1] to [0, 1], points as is."""
        return (x - self.low) / (1 - self.low) if self.is_image else x


POINTS_SEED = 2**32 - 1  # of points drawn once, the same in all runs; unlikely as a run's seed


def origin_of(config: ConfigDict) -> Origin:
    """The Origin of the set that a config names."""
    c = config.data
    args = () if distribution(c.name) else tuple(sorted(dict(c.args).items()))
    return Origin(c.name, c.dir, **{name: c[name] for name in LEAVES}, args=args)


def open_data(config: ConfigDict) -> Data:
    """The data that a config names. ConfigError for an unknown name or unsuitable arguments."""
    c = config.data
    module, args = distribution(c.name), dict(c.args)

    def bound(name: str, **given: Any) -> Any:
        function = getattr(module, name, None)
        return functools.partial(function, **given) if function else None

    synthetic = None
    if module:
        own = {name: bound(name, **args) for name in Synthetic._fields if name != "other"}
        synthetic = Synthetic(**own, other=bound("other"))
    origin = origin_of(config)
    spec = origin.spec()
    if spec.other is None and not c.paired:
        raise ConfigError(
            f"data.paired is False, and data {c.name!r} has one domain: leave it out, or choose "
            "data with two"
        )
    return Data(origin, c.split, spec, c.low, synthetic, c.points)
