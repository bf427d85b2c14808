"""Weights from files, parsed only after the sha256 of the bytes has been checked."""

import hashlib
import io
import math
import zipfile
from pathlib import Path

import numpy as np

from gan_jax.host.errors import DataCorruptError, DataMissingError
from gan_jax.host.files import parse_json

MOST_BYTES = 2**31  # limit for a file and for its arrays; Inception's have 95 million bytes
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8"}


def read(path: Path, what: str, mend: str) -> bytes:
    """A file's bytes. DataMissingError, DataCorruptError name `what` it is and how to `mend` it."""
    try:
        if path.exists() and not path.is_file():  # opening a pipe would block
            raise OSError(None, "it is no file")
        if (size := path.stat().st_size) > MOST_BYTES:
            raise DataCorruptError(
                f"{path} has {size} bytes, expected {what} in at most {MOST_BYTES}: {mend}"
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataMissingError(f"{what} cannot be read from {path}: {reason}: {mend}") from error


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def parse(path: Path, content: bytes) -> dict[str, np.ndarray]:
    """{name: array} of a .npz or .safetensors file; neither can hold code. DataCorruptError."""
    try:
        arrays = (_safetensors if path.suffix == ".safetensors" else _npz)(content)
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
                raise ValueError(f"{name!r} is no array of numbers")
        return arrays
    except Exception as error:  # zipfile, zlib, numpy and json raise many kinds for damaged files
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataCorruptError(
            f"{path} is no {path.suffix} file of arrays ({reason}): save the weights again"
        ) from error


def _npz(content: bytes) -> dict[str, np.ndarray]:
    """Adds up the declared sizes, which bound what is unpacked, before unpacking anything."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        if (size := sum(member.file_size for member in file.infolist())) > MOST_BYTES:
            raise ValueError(f"it unpacks to {size} bytes, expected at most {MOST_BYTES}")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)


def _safetensors(content: bytes) -> dict[str, np.ndarray]:
    """The format: header length as uint64, header as JSON, then the arrays one after another."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = parse_json(content[8:start])
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    header.pop("__metadata__", None)
    body = memoryview(content)[start:]
    return {name: _array(body, **entry) for name, entry in header.items()}


def _array(body: memoryview, dtype: str, shape: list[int], data_offsets: list[int]) -> np.ndarray:
    first, last = data_offsets
    kind, size = np.dtype(_DTYPES[dtype]), math.prod(shape)
    if not 0 <= size * kind.itemsize == last - first:
        raise ValueError(f"{shape} of {dtype} in bytes {first} to {last}")
    return np.frombuffer(body, kind, size, first).reshape(shape)  # ValueError outside the file
