"""Weights from files: the bytes are held against their sha256 before any of them is looked at."""

import hashlib
import io
import math
import zipfile
from pathlib import Path

import numpy as np

from gan_jax.files import parse_json
from gan_jax.types import DataCorruptError, DataMissingError

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8"}


def read(path: Path, what: str, mend: str) -> bytes:
    """A file's bytes. DataMissingError: `what` it is, and what to do."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataMissingError(
            f"{what} cannot be read from {path}: {error.strerror or error}: {mend}"
        ) from error


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def parse(path: Path, content: bytes) -> dict[str, np.ndarray]:
    """{name: array} of a .npz or .safetensors file; neither can hold code. DataCorruptError."""
    try:
        return (_safetensors if path.suffix == ".safetensors" else _npz)(content)
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise DataCorruptError(
            f"{path} is no {path.suffix} file of arrays ({error}): save the weights again"
        ) from error


def _npz(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return dict(file)


def _safetensors(content: bytes) -> dict[str, np.ndarray]:
    """Length of the header as uint64, header as JSON, then the arrays, one after the other."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = parse_json(content[8:start])
    header.pop("__metadata__", None)
    body = memoryview(content)[start:]
    return {name: _array(body, **entry) for name, entry in header.items()}


def _array(body: memoryview, dtype: str, shape: list[int], data_offsets: list[int]) -> np.ndarray:
    first, last = data_offsets
    kind, size = np.dtype(_DTYPES[dtype]), math.prod(shape)
    if not 0 <= size * kind.itemsize == last - first:
        raise ValueError(f"{shape} of {dtype} in bytes {first} to {last}")
    return np.frombuffer(body, kind, size, first).reshape(shape)  # ValueError outside the file
