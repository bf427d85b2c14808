"""JSON that stays the same: lines of metrics that survive a kill, configs that can be compared.

JSON knows no NaN and no infinity. A metric that is one is written as null, and "nonfinite" beside
it says which: {"step": 7, "gen_loss": null, "nonfinite": {"gen_loss": "nan"}}. In a config they are
refused.
"""

import contextlib
import glob
import json
import math
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.types import CannotWriteError, ConfigError

_RESERVED = ("step", "nonfinite")


class LineLog:
    """A .jsonl file whose lines have strictly increasing steps, also after a kill and a resume."""

    def __init__(self, path: Path, last_step: int):
        """Opens the file for appending, without torn lines and those beyond last_step."""
        self.path = path
        self.last = _drop_beyond(path, last_step)
        self._file = path.open("ab")

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        """One line, handed to the operating system at once: it survives a kill of this process."""
        step = int(step)
        if step <= self.last:
            raise ValueError(f"{self.path.name}: step {step} comes after step {self.last}")
        self._file.write(to_line(step, values))
        self._file.flush()
        self.last = step

    def sync(self) -> None:
        """Forces the lines to the disk, where they also survive the machine."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def to_line(step: int, values: Mapping[str, Any]) -> bytes:
    """The same bytes for the same values, whatever the order they come in."""
    for name in _RESERVED:
        if name in values:
            raise ValueError(f"a metric cannot be called {name!r}: each line has its own")
    return json.dumps({"step": step, **encode_metrics(values)}, allow_nan=False).encode() + b"\n"


def encode_metrics(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain JSON values, sorted by name, with "nonfinite" last where it is needed."""
    plain = {name: plain_value(values[name], name) for name in sorted(values)}
    odd = {k: v for k, v in plain.items() if isinstance(v, float) and not math.isfinite(v)}
    encoded = {name: None if name in odd else value for name, value in plain.items()}
    return encoded | ({"nonfinite": {k: str(v) for k, v in odd.items()}} if odd else {})


def plain_value(value: Any, name: str) -> bool | int | float | str | None:
    """A Python number for any scalar. A NumPy float32 becomes the shortest decimal of it."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    array = np.asarray(value)
    if array.ndim:
        raise ValueError(f"metric {name} has shape {list(array.shape)}, not one number")
    if array.dtype.kind in "biu":
        return array.item()
    if array.dtype == np.float64:
        return float(array)
    return float(str(array.astype(np.float32)[()]))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a .jsonl file that are whole, in order; a torn last one is left out."""
    records = (_parse(line) for line in path.read_bytes().splitlines())
    return [record for record in records if record is not None]


def plain_config(config: Any, name: str = "") -> Any:
    """The config as plain JSON, tuples as lists. Raises ConfigError naming a leaf that cannot."""
    if hasattr(config, "items"):
        return {
            str(k): plain_config(v, f"{name}.{k}" if name else str(k)) for k, v in config.items()
        }
    if isinstance(config, list | tuple):
        return [plain_config(v, f"{name}[{i}]") for i, v in enumerate(config)]
    if isinstance(config, np.generic):
        config = config.item()
    if isinstance(config, float) and not math.isfinite(config):
        raise ConfigError(f"config.{name} is {config}: JSON has no such number, write a finite one")
    if config is None or isinstance(config, str | bool | int | float):
        return config
    kind = type(config).__name__
    raise ConfigError(f"config.{name} is a {kind}: use a number, a string, a list or None")


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
    """The file that a flag names, in a folder that is made where there is none.

    With no content only what can be known before the work: whether there is a place for it.
    CannotWriteError where there is not.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_dir() or not os.access(file.parent, os.W_OK):
            raise OSError(None, "it is a folder" if file.is_dir() else "Permission denied")
        if content is not None:
            write_atomically(file, content)
    except OSError as error:
        raise CannotWriteError(f"cannot write {flag} {file}: {error.strerror}") from error


def config_difference(there: Any, here: Any, defaults: Any = None) -> list[str]:
    """One phrase a leaf that differs, e.g. `gen.lr 0.0002 there, 0.001 here`.

    A leaf that is absent there has its default: an older version did not know it. More steps than
    there are no difference, unless a learning rate comes down over all of them: the run goes on,
    also on other devices.
    """
    new = _flatten(here)
    old = {k: v for k, v in _flatten(defaults or {}).items() if k in new} | _flatten(there)
    names = [name for name in sorted(old | new) if _text(old, name) != _text(new, name)]
    names = [name for name in names if name != "devices"]  # the numbers are the same, to rounding
    if names == ["steps"] and old["steps"] < new["steps"] and not _follows_steps(new):
        return []
    return [f"{name} {_text(old, name)} there, {_text(new, name)} here" for name in names]


def _follows_steps(leaves: dict[str, Any]) -> bool:
    return any(
        leaves[f"{player}.schedule"] in ("linear", "cosine")
        and not leaves[f"{player}.schedule_steps"]
        for player in ("gen", "disc")
    )


def _flatten(config: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(config, dict) or not config:
        return {name: config}
    leaves: dict[str, Any] = {}
    for key, value in config.items():
        leaves |= _flatten(value, f"{name}.{key}" if name else key)
    return leaves


def _text(leaves: dict[str, Any], name: str) -> str:
    if name not in leaves:
        return "absent"
    value = leaves[name]
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return json.dumps(int(value) if whole else value)  # 1 and 1.0 are the same setting


def _drop_beyond(path: Path, last_step: int) -> int:
    """Rewrites the file without what a resume at last_step writes again; returns its last step."""
    before = path.read_bytes() if path.exists() else b""
    kept, last = [], -1
    for line in before.splitlines():
        record = _parse(line)
        if record is not None and last < record["step"] <= last_step:
            kept.append(line + b"\n")
            last = record["step"]
    after = b"".join(kept)
    if after != before:
        write_atomically(path, after)
    return last


def _parse(line: bytes) -> dict[str, Any] | None:
    """None for a line that a kill or a power cut tore: an object is whole or does not parse."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(record, dict) and type(record.get("step")) is int
    return record if whole else None


def write_atomically(path: Path, data: bytes) -> None:
    """Readers see the old file or the new one, never a part. Raises OSError.

    The temporary file is this process's alone: several hosts may write one file of a shared folder.
    """
    here = f".{path.name}.{zlib.crc32(os.uname().nodename.encode()):08x}-"
    temporary = path.with_name(f"{here}{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):  # the file is there
        for left in path.parent.glob(f"{glob.escape(here)}*.tmp"):
            if not _is_alive(left.name.removeprefix(here).removesuffix(".tmp")):
                left.unlink(missing_ok=True)


def _is_alive(process: str) -> bool:
    """Whether a process of this host may still write its temporary file; not after a kill."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError, OverflowError):  # another user's, or no number
        return True
    return True
