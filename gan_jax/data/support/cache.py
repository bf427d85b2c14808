"""Decoded images kept as .npy files: written once, atomically, and memory-mapped from then on.

A file's name contains a digest of its source (names, sizes and times of the source files, or a
package's version), so a changed source never yields stale data. A whole split is cached; slices are
views of it. The files hold plain arrays and nothing is unpickled. The array is followed by the four
bytes of its CRC-32; a file whose checksum is wrong counts as absent.
"""

import contextlib
import errno
import hashlib
import importlib.metadata
import math
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from gan_jax.data.base import Arrays, PathLike, Spec, joined, stratified
from gan_jax.host.environment import user_cache
from gan_jax.host.errors import CannotWriteError, ConfigError, DataCorruptError
from gan_jax.host.files import replacing

_FORMAT = 2  # raise it if the same source decodes to different arrays or is stored differently
_CRC_BYTES = 4
_PATIENCE_SECONDS = 1.0  # a decode that takes longer says so, once

Blocks = Callable[[], Iterable[Arrays]]


class Entry(NamedTuple):
    """One array pair to be cached."""

    name: str  # for messages and file names: mnist/train
    folders: tuple[Path, ...]  # where it may live, the first that works
    source: tuple  # changes whenever the source does
    shape: tuple[int, ...]  # of x: (N, H, W, C)
    labelled: bool
    mode: int = 0o644  # permissions of the files: those of the source


def cached(entry: Entry, blocks: Blocks) -> Arrays:
    """The arrays from the first folder that has them; else decoded, and cached where possible.

    blocks() -> consecutive blocks of examples, which must add up to entry.shape: DataCorruptError
    if they do not. A file that is truncated or has another shape counts as absent. If no folder is
    writable, the arrays stay in memory, and a line on stderr says so.
    """
    stem = f"{entry.name.rpartition('/')[2]}-{_digest(entry)}"
    for folder in entry.folders:
        if found := _read(folder, stem, entry):
            return found
    problems = []
    for folder in entry.folders:
        try:
            _write(folder, stem, entry, blocks)
        except OSError as error:
            problems.append(f"{folder} ({error.strerror or error})")
            continue
        if found := _read(folder, stem, entry):
            return found
    _say(f"{entry.name} is decoded anew each time: cannot keep it in {', '.join(problems)}")
    return _gather(entry, blocks)


def packaged(
    name: str, package: str, spec: Spec, blocks: Blocks
) -> Callable[[str, PathLike | None], Arrays]:
    """A function read(split, data_dir) for labelled images in an installed package.

    The first examples of each class are the train split, the others "test"; data_dir is unused.
    ConfigError if the package is not installed.
    """

    def read(split: str, data_dir: PathLike | None) -> Arrays:
        shape = (sum(spec.splits.values()), *spec.shape)
        try:
            source = (package, importlib.metadata.version(package))
            entry = Entry(f"{name}/all", user_folders(name), source, shape, labelled=True)
            return stratified(cached(entry, blocks), split, spec.splits["train"])
        except ImportError as error:  # including PackageNotFoundError
            raise ConfigError(
                f"data {name!r} comes with {package}, which cannot be imported ({error}): "
                "pip install 'gan-jax[demo]'"
            ) from error

    return read


def user_folders(name: str) -> tuple[Path, ...]:
    """The user's own cache folder for a name; empty if there is no home folder."""
    base = user_cache()
    return (base.joinpath(*name.split("/")),) if base else ()


def memory_bytes() -> int:
    """The memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def file_stamp(path: Path) -> tuple[str, int, int]:
    """A file's name, size and time, which change when it is replaced or written to."""
    stat = path.stat()
    return path.name, stat.st_size, stat.st_mtime_ns


def _digest(entry: Entry) -> str:
    key = repr((_FORMAT, entry.source, entry.shape, entry.labelled))
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _parts(entry: Entry) -> dict[str, tuple[tuple[int, ...], type]]:
    """{part: shape and dtype} of the files that an entry is kept in."""
    parts: dict[str, tuple[tuple[int, ...], type]] = {"x": (entry.shape, np.uint8)}
    if entry.labelled:
        parts["label"] = (entry.shape[:1], np.int32)
    return parts


def _read(folder: Path, stem: str, entry: Entry) -> Arrays | None:
    found = [_open(folder / f"{stem}-{part}.npy", *how) for part, how in _parts(entry).items()]
    whole = [array for array in found if array is not None]
    if len(whole) < len(found):
        return None
    return Arrays(whole[0], whole[1] if entry.labelled else None)


def _open(path: Path, shape: tuple[int, ...], dtype: type) -> np.ndarray | None:
    """The mapped array, or None if the file is missing or not exactly as expected."""
    if not path.is_file():  # opening a pipe would block
        return None
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        end = array.offset + array.nbytes
        with path.open("rb") as file:
            file.seek(end)
            stored = file.read(_CRC_BYTES + 1)
    except Exception:  # whatever is wrong with the file, it is made again
        return None
    if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
        return None
    return np.asarray(array) if stored == _crc_bytes(zlib.crc32(array)) else None


def _crc_bytes(crc: int) -> bytes:
    return crc.to_bytes(_CRC_BYTES, "little")


def _write(folder: Path, stem: str, entry: Entry, blocks: Blocks) -> None:
    _make_folder(folder)
    with contextlib.ExitStack() as stack:
        kept = [
            _Kept(stack.enter_context(replacing(folder / f"{stem}-{part}.npy", entry.mode)), *how)
            for part, how in _parts(entry).items()
        ]
        for block in _checked(entry, blocks, f"kept in {folder}"):
            for each, array in zip(kept, block, strict=False):
                if array is not None:
                    each.write(array)
        for each in kept:
            each.end()
    _remove_others(folder, stem)


class _Kept:
    """An .npy file that is written a block at a time and ends with its checksum."""

    def __init__(self, file: IO[bytes], shape: tuple[int, ...], dtype: type):
        self.file, self.crc = file, 0
        descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
        header = {"descr": descr, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)

    def write(self, array: np.ndarray) -> None:
        content = array.tobytes()
        self.crc = zlib.crc32(content, self.crc)
        self.file.write(content)

    def end(self) -> None:
        self.file.write(_crc_bytes(self.crc))


def _make_folder(folder: Path) -> None:
    """mkdir -p, if permitted; write bits bind even root, as which containers run.

    Nothing is written or removed through a link in somebody else's folder.
    """
    if folder.is_symlink():
        raise PermissionError(errno.EACCES, "it is a link", str(folder))
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    if not nearest.stat().st_mode & 0o222:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(nearest))
    folder.mkdir(parents=True, exist_ok=True)


def _remove_others(folder: Path, stem: str) -> None:
    """Removes files of earlier sources; a process that has one mapped can still read it."""
    split = stem.rpartition("-")[0]
    for path in folder.glob(f"{split}-{'[0-9a-f]' * 16}-*.npy"):
        if not path.name.startswith(stem):
            with contextlib.suppress(OSError):
                path.unlink()


def _gather(entry: Entry, blocks: Blocks) -> Arrays:
    if (size := math.prod(entry.shape)) > memory_bytes():
        raise CannotWriteError(
            f"{entry.name} takes {size >> 20} MB decoded, more than the memory: make room in "
            f"{entry.folders[-1] if entry.folders else 'a home folder'}"
        )
    return joined(list(_checked(entry, blocks, "kept in memory")))


def _checked(entry: Entry, blocks: Blocks, where: str) -> Iterator[Arrays]:
    """The blocks, checked for shape and dtype, and for entry.shape[0] examples in all."""
    count, start, said = 0, time.monotonic(), False
    for block in blocks():
        x, label = block.x, block.label
        if x.shape[1:] != entry.shape[1:] or x.dtype != np.uint8:
            raise DataCorruptError(
                f"{entry.name} decodes to {x.dtype} {x.shape[1:]} at example {count}, "
                f"expected uint8 {entry.shape[1:]}: prepare it again"
            )
        yield Arrays(x, None if label is None else label.astype(np.int32))
        count += len(x)
        if not said and time.monotonic() - start > _PATIENCE_SECONDS:
            _say(f"decoding {entry.name}: {entry.shape[0]} images, {where}")
            said = True
    if count != entry.shape[0]:
        raise DataCorruptError(
            f"{entry.name} has {count} examples, expected {entry.shape[0]}: prepare it again"
        )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
