"""Lines of metrics that survive a kill, and whose loss is noticed.

JSON has neither NaN nor infinity. Such a metric is written as null, and "nonfinite" in the same
line says which it was: {"step": 7, "gen_loss": null, "nonfinite": {"gen_loss": "nan"}}.
"""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.host.files import open_file, parse_json, write_atomically

_RESERVED = ("step", "nonfinite")
_ODD = ("nan", "inf", "-inf")


class Lines(NamedTuple):
    """How many lines a file holds, and the SHA-256 of all their bytes."""

    number: int
    sha256: str


class LineLog:
    """A .jsonl file whose lines have strictly increasing steps, also after a kill and a resume."""

    def __init__(self, path: Path, last_step: int):
        """Opens the file for appending, and removes torn lines and those beyond last_step."""
        self.path = path
        before = path.read_bytes() if path.exists() else b""
        kept, self.last = _lines_until(before, last_step)
        after = b"".join(kept)
        if after != before:
            write_atomically(path, after)
        self._count, self._digest = len(kept), hashlib.sha256(after)
        self._file = os.fdopen(open_file(path, os.O_WRONLY | os.O_APPEND), "ab")

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        """Hands a line to the operating system at once: it survives a kill of this process."""
        step = int(step)
        if step <= self.last:
            raise ValueError(f"{self.path.name}: step {step} comes after step {self.last}")
        line = to_line(step, values)
        self._file.write(line)
        self._file.flush()
        self._digest.update(line)
        self._count, self.last = self._count + 1, step

    def lines(self) -> Lines:
        """How many lines the file holds now, and their digest."""
        return Lines(self._count, self._digest.hexdigest())

    def sync(self) -> None:
        """Forces the lines to the disk, where they also survive a crash of the machine."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def to_line(step: int, values: Mapping[str, Any]) -> bytes:
    """A line's bytes, which depend on the values but not on their order."""
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


def lines_until(path: Path, last_step: int) -> Lines:
    """The lines that a LineLog would keep if it were opened with that last step."""
    kept, _ = _lines_until(path.read_bytes() if path.exists() else b"", last_step)
    return Lines(len(kept), hashlib.sha256(b"".join(kept)).hexdigest())


def _lines_until(content: bytes, last_step: int) -> tuple[list[bytes], int]:
    """The whole lines with increasing steps up to last_step, and the last of these steps."""
    kept, last = [], -1
    for line in content.splitlines():
        record = _parse(line)
        if record is not None and last < record["step"] <= last_step:
            kept.append(line + b"\n")
            last = record["step"]
    return kept, last


def _parse(line: bytes) -> dict[str, Any] | None:
    """None for a line that a kill or a power cut tore: an object is whole or does not parse."""
    try:
        record = parse_json(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or type(record.get("step")) is not int:
        return None
    odd = record.get("nonfinite", {})
    known = isinstance(odd, dict) and all(value in _ODD for value in odd.values())
    return record if known else None
