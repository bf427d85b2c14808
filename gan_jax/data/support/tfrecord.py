"""TFRecord files without TensorFlow: frames of length, crc, data, crc, all verified.

A frame is u64 length, u32 crc of the length's 8 bytes, data, u32 crc of the data, little-endian.
The crc is CRC-32C (Castagnoli), rotated right by 15 bits, plus 0xa282ead8.
"""

import itertools
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan_jax.host.errors import DataCorruptError

_BATCH = 2048  # frames whose checksums are computed side by side


class Frame(NamedTuple):
    """One record as it stands in the file: offset in bytes, crc as stored."""

    offset: int
    data: bytes
    crc: int


def records(path: Path) -> Iterator[bytes]:
    """The records of a file in order. DataCorruptError names the file and offset of damage."""
    stream = frames(path)
    while batch := list(itertools.islice(stream, _BATCH)):
        found = masked(crc32c([frame.data for frame in batch]))
        for frame, crc in zip(batch, found.tolist(), strict=True):
            if crc != frame.crc:
                raise _corrupt(path, frame.offset, "the checksum of the record does not match")
            yield frame.data


def frames(path: Path) -> Iterator[Frame]:
    """Frames with a verified length that lie completely in the file; their data is not checked."""
    size, offset = os.path.getsize(path), 0
    with open(path, "rb") as file:
        while header := file.read(12):
            if len(header) < 12:
                raise _corrupt(path, offset, f"the file ends within a header, after {size} bytes")
            length, length_crc = struct.unpack("<QI", header)
            if _masked_header_crc(header[:8]) != length_crc:
                raise _corrupt(path, offset, "the checksum of the record's length does not match")
            if offset + 16 + length > size:
                raise _corrupt(path, offset, f"a record of {length} bytes, the file ends at {size}")
            data = file.read(length)
            yield Frame(offset, data, struct.unpack("<I", file.read(4))[0])
            offset += 16 + length


def crc32c(parts: Sequence[bytes]) -> np.ndarray:
    """CRC-32C of each part, uint32 [N]: one table look-up per byte, for all parts at once."""
    length_N = np.array([len(part) for part in parts])
    order_N = np.argsort(-length_N, kind="stable")  # longest first: unfinished ones are a prefix
    start_N = (np.cumsum(length_N) - length_N)[order_N]
    flat = np.frombuffer(b"".join(parts), np.uint8)
    longest = int(length_N.max(initial=0))
    active = len(parts) - np.searchsorted(np.sort(length_N), np.arange(longest), side="right")
    state_N = np.full(len(parts), 0xFFFFFFFF, np.uint32)
    for column, n in enumerate(active.tolist()):
        state = state_N[:n]
        state_N[:n] = _TABLE[(state ^ flat[start_N[:n] + column]) & 0xFF] ^ (state >> 8)
    result_N = np.empty_like(state_N)
    result_N[order_N] = ~state_N
    return result_N


def masked(crc_N: np.ndarray) -> np.ndarray:
    """The checksums as TFRecord stores them, uint32 [N]."""
    return ((crc_N >> 15) | (crc_N << 17)) + np.uint32(0xA282EAD8)


def _make_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1)
    return table


_TABLE = _make_table()
_TABLE_INTS = _TABLE.tolist()


def _masked_header_crc(header: bytes) -> int:
    # For one header, before its length is trusted; numpy would take 20 times as long.
    state = 0xFFFFFFFF
    for byte in header:
        state = _TABLE_INTS[(state ^ byte) & 0xFF] ^ (state >> 8)
    crc = state ^ 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _corrupt(path: Path, offset: int, what: str) -> DataCorruptError:
    return DataCorruptError(f"{path} is damaged at byte {offset}: {what}; prepare or copy it again")
