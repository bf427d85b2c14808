"""Descriptions of a user's images: metadata.jsonl in their folder."""

import os
import stat
from collections.abc import Container, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from gan_jax.data.support import words
from gan_jax.data.support.own_files import shown, stays_inside
from gan_jax.host.errors import DataCorruptError
from gan_jax.host.files import parse_json

FILE = "metadata.jsonl"
MOST_BYTES = 2**28
LONGEST = 64  # words of a text that are kept


class Texts(NamedTuple):
    """The images' texts."""

    number: np.ndarray  # int32 [N, T]: indices in the vocabulary
    vocabulary: tuple[str, ...]  # of the train split


def read(root: Path, names: Sequence[str], train: int, damaged: Container[str]) -> Texts | None:
    """The texts of the named images, the first `train` of which are the train split.

    None if there is no metadata.jsonl. DataCorruptError, in one line, if it is malformed, or names
    a file that is outside the folder or does not exist.
    """
    file = root / FILE
    if not os.path.lexists(file):
        return None
    known = dict.fromkeys(names, "")
    try:
        for number, line in enumerate(_lines(file, root), 1):
            try:
                name, text = _entry(line, root)
                if name not in known and name not in damaged:
                    raise ValueError(f"it names {shown(name)[:200]!r}, and there is no such image")
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from error
            known[name] = text
    except (OSError, ValueError) as error:
        raise DataCorruptError(
            f"{shown(str(file))} cannot be read ({error}): mend or remove it"
        ) from error
    texts = [known[name] for name in names]
    length = max(1, min(LONGEST, max(len(words.words_of(text)) for text in texts)))
    vocabulary = words.vocabulary_of(texts[:train])
    return Texts(words.numbered(texts, vocabulary, length), vocabulary)


def _lines(file: Path, root: Path) -> list[bytes]:
    if file.is_symlink() and not stays_inside(str(file), root):
        raise ValueError("it is a link that leads out of the folder")
    found = file.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no regular file")
    if found.st_size > MOST_BYTES:
        raise ValueError(f"{found.st_size >> 20} MB, expected at most {MOST_BYTES >> 20}")
    return [line for line in file.read_bytes().split(b"\n") if line.strip()]


def _entry(line: bytes, root: Path) -> tuple[str, str]:
    """The image's name, and its text. ValueError for a name outside the folder."""
    entry = parse_json(line, {"file_name": str, "text": str})
    path = PurePosixPath(entry["file_name"])
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(
            f"it names {shown(entry['file_name'])[:200]!r}, which is outside of the folder"
        )
    return str(path), entry["text"]
