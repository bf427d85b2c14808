"""Reads and writes every file of a run's folder, whoever made that folder.

A JSON file may be damaged or malicious, so all of them are read here. Files are written whole or
not at all. A file or folder to be written may not be a link, which could lead out of the folder.
"""

import contextlib
import errno
import glob
import json
import logging
import math
import os
import shutil
import stat
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from gan_jax.host.errors import CannotWriteError, ConfigError, DataCorruptError

log = logging.getLogger(__name__)
DEEPEST = 64  # levels; deeper nesting would exhaust the stack of recursive readers


def parse_json(text: bytes | str, shape: Any = None) -> Any:
    """Parses standard JSON in which each number is finite. Raises ValueError for anything else.

    With a shape, also raises it for a value that does not have that shape: see read_json.
    """
    try:
        value = json.loads(
            text, parse_int=_integer, parse_float=_finite, parse_constant=_refuse_constant
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if _depth(value) > DEEPEST:
        raise ValueError("it is nested too deeply")
    if shape is not None:
        _check_shape(value, shape, "it")
    return value


def read_json(path: Path, shape: Any = dict, mend: str = "put a copy back, or remove it") -> Any:
    """A file's value, of the given shape: a type, {key: shape}, or [shape] for a list of such.

    Raises FileNotFoundError, and DataCorruptError in one line that ends with `mend`: what to do.
    """
    try:
        value = parse_json(path.read_bytes(), shape)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, ValueError) as error:
        raise DataCorruptError(f"{path} cannot be read ({error}): {mend}") from error
    return value


def read_object(path: Path, give: str) -> dict[str, Any]:
    """A file's JSON object. Raises ConfigError; `give` says what to do where there is none."""
    try:
        return read_json(path, dict, f"give {give}")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConfigError(f"{path} is not there: give {give}") from error
    except DataCorruptError as error:
        raise ConfigError(str(error)) from error


def read_if_whole(path: Path, shape: Any = dict) -> Any:
    """A file's value, or None if it is missing or damaged; damage is logged as a warning."""
    try:
        return read_json(path, shape, "it is passed over")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except DataCorruptError as error:
        log.warning("%s", error)
        return None


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError into CannotWriteError with one plain line."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CannotWriteError(
            f"cannot write {path}: {reason}: free it or choose another --workdir"
        ) from error


def write_named(flag: str, file: Path, content: bytes | None) -> None:
    """Writes the file that a flag names, making its folder if there is none.

    Without content it only checks, before any work, that the file could be written. Raises
    CannotWriteError if not.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_dir() or not os.access(file.parent, os.W_OK):
            raise OSError(None, "it is a folder" if file.is_dir() else "Permission denied")
        if content is not None:
            write_atomically(file, content)
    except OSError as error:
        raise CannotWriteError(f"cannot write {flag} {file}: {error.strerror}") from error


def write_json(path: Path, value: Any, indent: int | None = 2) -> None:
    """Writes a JSON file, whole or not at all. OSError; ValueError for NaN and infinity."""
    write_atomically(path, (json.dumps(value, indent=indent, allow_nan=False) + "\n").encode())


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file of these bytes by `replacing`. Raises OSError."""
    with replacing(path) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: Path, mode: int | None = None) -> Iterator[IO[bytes]]:
    """Opens a file that takes its name only when all of it is on the disk. Raises OSError.

    Readers see the old file or the new one, never a part. The temporary file's name is unique to
    this process, since several hosts may write one file of a shared folder.
    """
    here = f".{path.name}.{zlib.crc32(os.uname().nodename.encode()):08x}-"
    temporary = path.with_name(f"{here}{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)  # left by a killed process with this number, or a link
    try:
        with temporary.open("xb") as file:
            if mode is not None:  # before there is anything to read
                os.fchmod(file.fileno(), mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):  # the file itself is complete
        for left in path.parent.glob(f"{glob.escape(here)}*.tmp"):
            if not _is_alive(left.name.removeprefix(here).removesuffix(".tmp")):
                left.unlink(missing_ok=True)


def _is_alive(process: str) -> bool:
    """Whether a process of this host may still be writing its temporary file, or was killed."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError, OverflowError):  # another user's, or no number
        return True
    return True


def make_folder(path: Path) -> None:
    """Makes a folder to write in if there is none. CannotWriteError for a link, else OSError."""
    refuse_link(path)
    path.mkdir(parents=True, exist_ok=True)


def open_file(path: Path, flags: int) -> int:
    """A descriptor of a regular file, created if there is none. CannotWriteError for a link."""
    refuse_link(path)
    handle = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a regular file")
    return handle


def refuse_link(path: Path) -> None:
    """CannotWriteError if the path is a link: what it leads to is not this run's to change."""
    if path.is_symlink():
        raise CannotWriteError(
            f"{path} is a link, and nothing is written through links: "
            "remove it or choose another --workdir"
        )


def discard(path: Path) -> None:
    """Removes a folder, or a link to one but not its target.

    Retries for a second, since Orbax may still be writing what it began before an error.
    """
    for wait in (0.01, 0.05, 0.2, 0.8, None):
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            return
        except OSError:
            if wait is None:
                raise
            time.sleep(wait)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:12]}... is too large")
    return number


def _integer(text: str) -> int:
    _finite(text)
    return int(text)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level:
        dicts = [each.values() for each in level if isinstance(each, dict)]
        lists = [each for each in level if isinstance(each, list)]
        level, depth = [each for inner in (*dicts, *lists) for each in inner], depth + 1
    return depth


def _check_shape(value: Any, shape: Any, name: str) -> None:
    kind: Any = shape if isinstance(shape, type) else type(shape)
    if type(value) is not kind:
        raise ValueError(f"{name} is {_kind(type(value))}, not {_kind(kind)}")
    if isinstance(shape, dict):
        for key, inner in shape.items():
            if key not in value:
                raise ValueError(f"{name} lacks {key!r}")
            _check_shape(value[key], inner, key)
    if isinstance(shape, list):
        for each in value:
            _check_shape(each, shape[0], f"an entry of {name}")


def _kind(kind: type) -> str:
    words = {dict: "an object", list: "a list", str: "a string", int: "an integer"}
    return words.get(kind, "null" if kind is type(None) else f"a {kind.__name__}")
