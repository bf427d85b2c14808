"""Samples as files: a grid, an animation, or arrays that are written as they are made."""

import itertools
import math
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from gan_jax.evaluate.pictures import grid as images
from gan_jax.evaluate.pictures import points as pointplots
from gan_jax.host import files
from gan_jax.host.errors import CannotWriteError, ConfigError


def _picture(x: np.ndarray, label: np.ndarray | None = None) -> np.ndarray:
    if x.ndim == 4:
        if label is not None and len(np.unique(label)) > 1:
            return images.grid(*_rows_of_classes(x, label))
        return images.grid(x)
    if not pointplots.available():
        raise ConfigError("a picture of points needs matplotlib: pip install 'gan-jax[demo]'")
    return pointplots.points(x)


def _rows_of_classes(x: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, int]:
    """The samples, with black ones added to each class that has fewer, and the length of a row."""
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
    """Writes what np.savez_compressed would, without ever holding all samples in memory."""
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


def check_number(out: Path, num: int, shape: tuple[int, ...]) -> None:
    """ConfigError or CannotWriteError for more samples than a file of that kind may hold."""
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
