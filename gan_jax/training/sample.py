"""Samples of a trained run: grids, GIFs and arrays, from its checkpoint."""

import itertools
import math
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import config as config_lib
from gan_jax.config.as_json import read_config
from gan_jax.data import Data
from gan_jax.evaluate.pictures import grid as images
from gan_jax.evaluate.pictures import points as pointplots
from gan_jax.games import Setup
from gan_jax.host import files
from gan_jax.host.errors import CannotWriteError, ConfigError, NoCheckpointError
from gan_jax.training.checkpoint import Checkpoints
from gan_jax.training.experiment import check, state_like
from gan_jax.types import Array, State

BATCH = 500  # samples made at a time
LATENTS = 64_000  # latents drawn at a time
MOST_NAMED = 10  # classes, in an error's line
CORNERS = 8  # latents that a walk visits


def load_run(
    workdir: str | Path, step: int | None = None, overrides: Mapping[str, str] | None = None
) -> tuple[Setup, int, State]:
    """Setup, step and state of a run: the newest checkpoint that can be trusted, or that of step.

    Reads config.json and the checkpoint only, and writes nothing.
    """
    if not (Path(workdir) / "config.json").exists():
        raise NoCheckpointError(
            f"no run in {str(workdir)!r}: expected a --workdir of gan-jax train"
        )
    plain = read_config(workdir)
    config = config_lib.from_json(plain)
    setup = check(config, config_lib.override(config, overrides or {}))
    trained = config_lib.from_json(plain)  # the checkpoint is of the config without overrides
    with Checkpoints(Path(workdir) / "checkpoints", of=[trained], read_only=True) as saved:
        found = saved.restore(state_like(setup), step)
    if found is None:
        raise NoCheckpointError(f"no checkpoint in {workdir} yet: train it first")
    return setup, *found


def write_samples(
    workdir: str | Path,
    out: str | Path,
    num: int | None,
    seed: int,
    step: int | None,
    walk: bool,
    label: str | None = None,
) -> str:
    """Writes num samples to out: .png a grid, .npz x [num, ...], .gif a frame each.

    x is in [0, 1] for images, in data units for points, whose .png and .gif show all at once. With
    walk the latents go round a closed path of eight. label, of a conditional run: a class, or all,
    one after the other, which is also what is asked for without it. num is 64 unless given, or 8
    of each class. Returns a line that says what was written.

    An .npz is written as it is made, so that memory bounds no number; a picture has its most.
    ConfigError or CannotWriteError for more than there can be, before any is made.
    """
    out = Path(out)
    if out.suffix not in WRITERS:
        raise ConfigError(
            f"--out is {str(out)!r}: expected a name that ends in {', '.join(WRITERS)}"
        )
    files.write_named("--out", out, None)
    setup, step, state = load_run(workdir, step)
    classes = setup.game.sampler.classes
    asked = _class_of(label, classes, setup.data)
    num = num or (8 * classes if classes and asked is None else 64)
    _check_number(out, num, setup.data.spec.shape)
    labels = _labels(num, classes, asked)
    parts = _samples(setup, state, jax.random.key(seed), num, walk, labels)
    WRITERS[out.suffix](out, num, parts, labels)
    return f"{out}: {num} samples of step {step}"


def _class_of(label: str | None, classes: int, data: Data) -> int | None:
    """The class of that name or number; None for all of them, or where there are none."""
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
    """Names of classes at the end of a line, not too many of them."""
    some = ", ".join(names[:MOST_NAMED])
    return f" or {some}{', ...' * (len(names) > MOST_NAMED)}" if names else ""


def _labels(num: int, classes: int, asked: int | None) -> np.ndarray | None:
    """What is asked of num samples: one class, or all of them in equal runs; None without."""
    if not classes:
        return None
    if asked is not None:
        return np.full(num, asked, np.int32)
    return (np.arange(num) * classes // num).astype(np.int32)


def _check_number(out: Path, num: int, shape: tuple[int, ...]) -> None:
    size, free = 4 * num * math.prod(shape), shutil.disk_usage(out.parent).free
    if out.suffix == ".npz" and size > free:
        raise CannotWriteError(
            f"cannot write --out {out}: {num} samples take {size >> 20} MB before compression, and "
            f"{free >> 20} MB are free: ask for fewer or choose another place"
        )
    most = {".png": images.most_in_grid, ".gif": images.most_frames}
    if out.suffix != ".npz" and num > (found := most[out.suffix](shape)):
        raise ConfigError(
            f"--num is {num}: a {out.suffix} holds at most {found} of these samples; "
            "choose a name that ends in .npz for more"
        )


def closed_path(setup: Setup, key: Array, num: int) -> Callable[[int, int], Array]:
    """f(start, stop) -> those of num latents on a closed path through CORNERS draws, [., Z].

    Between normal ones by the cosine and sine of an angle: such a mix of two independent N(0, 1) is
    N(0, 1) again, where a straight line would shrink. Between others straight, inside their range.
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


def _samples(
    setup: Setup, state: State, key: Array, num: int, walk: bool, label: np.ndarray | None
) -> Iterator[np.ndarray]:
    """num samples, at most BATCH at a time."""
    sample, data = setup.game.sampler.sample, setup.data

    @jax.jit
    def draw(z: Array, label: Array | None) -> Array:
        x = data.to_unit(sample(state, z, label))
        return jnp.clip(x, 0, 1) if data.is_image else x

    done = 0
    for z in _latents(setup, key, num, walk):
        for i in range(0, len(z), BATCH):
            some = z[i : i + BATCH]
            yield np.asarray(draw(some, None if label is None else label[done : done + len(some)]))
            done += len(some)


def _latents(setup: Setup, key: Array, num: int, walk: bool) -> Iterator[Array]:
    """num latents, at most LATENTS at a time, the first of which are of the key itself."""
    latent = setup.game.sampler.latent
    path = closed_path(setup, key, num) if walk else None
    for start in range(0, num, LATENTS):
        stop = min(start + LATENTS, num)
        if path:
            yield path(start, stop)
        else:
            yield latent(jax.random.fold_in(key, start // LATENTS) if start else key, stop - start)


def _picture(x: np.ndarray, label: np.ndarray | None = None) -> np.ndarray:
    if x.ndim == 4:
        if label is not None and len(np.unique(label)) > 1:
            return images.grid(*_rows_of_classes(x, label))
        return images.grid(x)
    if not pointplots.available():
        raise ConfigError("a picture of points needs matplotlib: pip install 'gan-jax[demo]'")
    return pointplots.points(x)


def _rows_of_classes(x: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, int]:
    """The samples with black ones behind those of a class that has fewer, and a row's length."""
    of_class = [x[label == each] for each in np.unique(label)]
    columns = max(map(len, of_class))
    rows = [np.pad(some, [(0, columns - len(some)), *[(0, 0)] * 3]) for some in of_class]
    return np.concatenate(rows), columns


def _png(out: Path, num: int, parts: Iterator[np.ndarray], label: np.ndarray | None) -> None:
    x = np.concatenate(list(parts))
    files.write_named("--out", out, images.png_bytes(_picture(x, label)))


def _gif(out: Path, num: int, parts: Iterator[np.ndarray], label: np.ndarray | None) -> None:
    x = np.concatenate(list(parts))
    frames = x if x.ndim == 4 else _picture(x)[None] / np.float32(255)
    files.write_named("--out", out, images.animate(frames))


def _npz(out: Path, num: int, parts: Iterator[np.ndarray], label: np.ndarray | None) -> None:
    """What np.savez_compressed writes, of samples that are never all there at once."""
    first = next(parts)
    descr = np.lib.format.dtype_to_descr(first.dtype)
    header = {"descr": descr, "fortran_order": False, "shape": (num, *first.shape[1:])}
    try:
        with (
            files.replacing(out) as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            with archive.open("x.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, header)
                for part in itertools.chain([first], parts):
                    member.write(part.tobytes())
            if label is not None:
                with archive.open("label.npy", "w") as member:
                    np.lib.format.write_array(member, label)
    except OSError as error:
        raise CannotWriteError(f"cannot write --out {out}: {error.strerror or error}") from error


WRITERS: dict[str, Callable[..., None]] = {
    ".png": _png,
    ".gif": _gif,
    ".npz": _npz,
}
