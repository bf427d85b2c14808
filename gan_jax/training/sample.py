"""A trained run and its samples, from its checkpoint."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax.config.as_json import read_config
from gan_jax.data import Data
from gan_jax.games import Setup
from gan_jax.host import files
from gan_jax.host.compiling import jit_quickly
from gan_jax.host.errors import ConfigError, NoCheckpointError
from gan_jax.training import made_of
from gan_jax.training.checkpoint import Checkpoints
from gan_jax.training.experiment import load_begun, state_like
from gan_jax.training.sample_files import WRITERS, check_number
from gan_jax.types import Array, State

BATCH = 500  # samples made at a time
LATENTS = 64_000  # latents drawn at a time
MOST_NAMED = 10  # classes, in an error's line
CORNERS = 8  # latents that a walk visits
Label = int | Sequence[int] | np.ndarray  # a class, or one for each sample


class Run(NamedTuple):
    """A trained run at one of its checkpoints."""

    setup: Setup
    step: int
    state: State

    @property
    def config(self) -> ConfigDict:
        """What it was trained with."""
        return self.setup.config

    def sample(self, n: int, seed: int = 0, label: Label | None = None) -> np.ndarray:
        """Draws n samples: images [n, H, W, C] in [0, 1], or points [n, D], as `gan-jax sample`.

        They come from the average of gen if there is one. label, for a conditional run: a class, or
        n of them; by default all classes in turn. ConfigError for a label that the run does not
        take. A run that maps pictures or texts maps the first n that it held out.
        """
        if n < 1:
            raise ConfigError(f"n is {n}: expected at least 1")
        classes = self.setup.game.sampler.classes
        _check_label(label, n, classes)
        if self.setup.game.sampler.of:
            some = made_of.given(self.setup, None, n)
            return np.concatenate(list(made_of.samples(self.setup, self.state, some, seed)))
        labels = _labels(n, classes, label)
        parts = _samples(self.setup, self.state, jax.random.key(seed), n, False, labels)
        return np.concatenate(list(parts))


def load_run(
    workdir: str | Path, step: int | None = None, overrides: Mapping[str, str] | None = None
) -> Run:
    """Loads a run at its newest checkpoint that can be read, or at that of `step`.

    Reads config.json and the checkpoint only, and writes nothing. Raises NoCheckpointError if there
    is none.
    """
    if not (Path(workdir) / "config.json").exists():
        raise NoCheckpointError(
            f"no run in {str(workdir)!r}: expected a --workdir of gan-jax train"
        )
    setup = load_begun(workdir, overrides)
    trained = config_lib.from_json(read_config(workdir))  # the config of the checkpoint
    with Checkpoints(Path(workdir) / "checkpoints", of=[trained], read_only=True) as saved:
        found = saved.restore(state_like(setup), step)
    if found is None:
        raise NoCheckpointError(f"no checkpoint in {workdir} yet: train it first")
    step, state = found
    return Run(setup, step, setup.settled(state))


def write_samples(
    workdir: str | Path,
    out: str | Path,
    num: int | None,
    seed: int,
    step: int | None,
    walk: bool,
    label: str | None = None,
    inputs: str | None = None,
) -> str:
    """Writes num samples to out: a grid (.png), x [num, ...] (.npz), or a frame each (.gif).

    x is in [0, 1] for images, and in the data's units for points, which .png and .gif show all at
    once. walk: the latents go round a closed path of eight. label, for a conditional run: a class,
    or all of them in turn, the default. num is 64 by default, or 8 of each class. Returns a line
    that says what was written.

    inputs, for a run that maps pictures or texts: a folder or file of them, or a text; num then
    counts the samples of each of them. See made_of.py.

    An .npz is written while it is made, so its size is not bounded by memory; a picture's is.
    Raises ConfigError or CannotWriteError, before any is made, if num is too large.
    """
    out = Path(out)
    if out.suffix not in WRITERS:
        raise ConfigError(
            f"--out is {str(out)!r}: expected a name that ends in {', '.join(WRITERS)}"
        )
    files.write_named("--out", out, None)
    setup, step, state = load_run(workdir, step)
    classes, maps = setup.game.sampler.classes, bool(setup.game.sampler.of)
    asked = _class_of(label, classes, setup.data)
    _check_kind(maps, inputs, walk)
    if maps:
        count = made_of.write(out, setup, state, seed, inputs, num)
        return f"{out}: {count} samples of step {step}"
    num = num or (8 * classes if classes and asked is None else 64)
    check_number(out, num, setup.data.spec.shape)
    labels = _labels(num, classes, asked)
    parts = _samples(setup, state, jax.random.key(seed), num, walk, labels)
    WRITERS[out.suffix](out, num, parts, labels)
    credit = setup.data.origin.credit
    return f"{out}: {num} samples of step {step}" + (f". {credit}" if credit else "")


def _check_kind(maps: bool, inputs: str | None, walk: bool) -> None:
    """ConfigError for options about latents if the run maps inputs, and the reverse."""
    if inputs is not None and not maps:
        raise ConfigError(
            f"--inputs is {inputs!r}, and this run makes its samples of latents: leave it out"
        )
    if walk and maps:
        raise ConfigError(
            "--interpolate walks between latents, and this run makes its samples of inputs: leave "
            "it out"
        )


def _class_of(label: str | None, classes: int, data: Data) -> int | None:
    """The class of that name or number; None for all classes, or if there are none."""
    if label is not None and not classes:
        raise ConfigError(f"--label is {label!r}, and this run takes no labels: leave it out")
    if label in (None, "all"):
        return None
    if label in data.spec.names:
        return data.spec.names.index(label)
    if not label.isdecimal() or not int(label) < classes:
        raise ConfigError(
            f"--label is {label!r}: expected all, or one of the {classes} classes of {data.name}, "
            f"0 to {classes - 1}{_in_words(data.spec.names)}"
        )
    return int(label)


def _in_words(names: Sequence[str]) -> str:
    """Names of classes for the end of an error's line, at most MOST_NAMED of them."""
    some = ", ".join(names[:MOST_NAMED])
    return f" or {some}{', ...' * (len(names) > MOST_NAMED)}" if names else ""


def _check_label(label: Label | None, n: int, classes: int) -> None:
    """ConfigError for a label that is neither a class nor n of them."""
    if label is None:
        return
    if not classes:
        raise ConfigError(f"label is {label!r}, and this run takes no labels: leave it out")
    given = np.asarray(label)
    is_class = given.dtype.kind in "iu" and ((given >= 0) & (given < classes)).all()
    if given.shape not in ((), (n,)) or not is_class:
        expected = f"a class, 0 to {classes - 1}, or n of them"
        raise ConfigError(f"label is {label!r}: expected {expected}")


def _labels(num: int, classes: int, asked: Label | None) -> np.ndarray | None:
    """The classes of num samples: `asked`, or all in equal parts; None if there are no classes."""
    if not classes:
        return None
    if asked is not None:
        return np.full(num, asked, np.int32)
    return (np.arange(num) * classes // num).astype(np.int32)


def closed_path(setup: Setup, key: Array, num: int) -> Callable[[int, int], Array]:
    """f(start, stop) -> latents start to stop of num on a closed path through CORNERS draws [., Z].

    Normal latents are mixed by the cosine and sine of an angle: such a mix of two independent
    N(0, 1) is N(0, 1) again, while on a straight line the variance would shrink. Others are mixed
    linearly, which stays inside their range.
    """
    corners = setup.game.sampler.latent(key, CORNERS)

    def path(start: int, stop: int) -> Array:
        at = np.arange(start, stop) * (CORNERS / num)
        here, there = (corners[(at.astype(int) + i) % CORNERS] for i in (0, 1))
        way = jnp.asarray(at % 1, jnp.float32)[:, None]
        if setup.config.latent.law == "normal":
            return jnp.cos(way * jnp.pi / 2) * here + jnp.sin(way * jnp.pi / 2) * there
        return (1 - way) * here + way * there

    return path


def make_draw(setup: Setup, state: State) -> Callable[..., Array]:
    """f(z [n, Z], label [n] or None) -> samples in the range in which they are shown, [n, ...].

    Images are in [0, 1], points in the data's units. For a run that maps pictures or texts, z holds
    these; pictures are in [0, 1] here too.
    """
    sample, data = setup.game.sampler.sample, setup.data

    if setup.game.sampler.of:
        return functools.partial(made_of.make_of(setup), state)

    def draw(z: Array, label: Array | None = None) -> Array:
        x = data.to_unit(sample(state, z, label))
        return jnp.clip(x, 0, 1) if data.is_image else x

    return draw


def _samples(
    setup: Setup, state: State, key: Array, num: int, walk: bool, label: np.ndarray | None
) -> Iterator[np.ndarray]:
    """Yields num samples, at most BATCH at a time."""
    draw, done = jit_quickly(make_draw(setup, state)), 0
    for z in _latents(setup, key, num, walk):
        for i in range(0, len(z), BATCH):
            some = z[i : i + BATCH]
            yield np.asarray(draw(some, None if label is None else label[done : done + len(some)]))
            done += len(some)


def _latents(setup: Setup, key: Array, num: int, walk: bool) -> Iterator[Array]:
    """num latents, at most LATENTS at a time; the first of them are drawn with the key itself."""
    latent = setup.game.sampler.latent
    path = closed_path(setup, key, num) if walk else None
    for start in range(0, num, LATENTS):
        stop = min(start + LATENTS, num)
        if path:
            yield path(start, stop)
        else:
            yield latent(jax.random.fold_in(key, start // LATENTS) if start else key, stop - start)
