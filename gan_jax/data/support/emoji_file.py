"""The prepared drawings of emoji: one file, emoji/emoji.npz in the folder of data sets.

It has the drawings of both styles as `google` and `twitter`, uint8 [N, 64, 64, 3] over white, with
the train split first; their `category` and `text`; the categories' names as `classes`; the size of
the train split as `train`; and the archives that it was made from as `sources`.
"""

import functools
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan_jax.data.base import Arrays, PathLike, Spec, take
from gan_jax.data.support import cache, npm_archive, words
from gan_jax.data.support.emoji_things import is_test, order, rows_of, things
from gan_jax.data.support.npm_archive import PACK, SIDE, STYLES, Package
from gan_jax.data.support.tfds_folder import data_root
from gan_jax.host.errors import (
    CannotWriteError,
    ConfigError,
    DataCorruptError,
    DataMissingError,
)
from gan_jax.host.files import replacing

SIZES = (64, 32, 16)
USUAL_SIZE = 32
CREDITS = {
    "google": "Google (Noto Emoji, Apache-2.0)",
    "twitter": "Twitter, Inc and other contributors (Twemoji, CC-BY 4.0)",
}

_TEXT_LENGTH = 12  # words in the longest text
_MOST_BYTES = 2**30  # limit of the unpacked size
_COMMAND = "gan-jax data prepare emoji --from GOOGLE.tgz TWITTER.tgz"


def credit(styles: Sequence[str]) -> str:
    """The sentence that credits the artists of these styles."""
    return f"Drawings by {' and by '.join(CREDITS[style] for style in styles)}."


def prepare(sources: Sequence[PathLike], data_dir: PathLike | None = None) -> str:
    """Writes the file from the archives of both styles; returns the line that says what it did.

    An existing file is not changed. DataMissingError or DataCorruptError for the archives,
    CannotWriteError for the destination.
    """
    file = _place(data_dir)
    if file.is_file():
        return f"{file} is prepared already: nothing was written"
    packages = {package.style: package for package in map(npm_archive.read, map(Path, sources))}
    if missing := [style for style in STYLES if style not in packages]:
        raise DataMissingError(
            f"--from has no archive of emoji-datasource-{missing[0]}: expected one of each style, "
            f"{_COMMAND}"
        )
    fields = _fields([packages[style] for style in STYLES])
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file, 0o644) as writer:
            np.savez_compressed(writer, allow_pickle=False, **fields)
    except OSError as error:
        raise CannotWriteError(
            f"{file} cannot be written ({error.strerror or error}): choose another --data_dir"
        ) from error
    count, train = len(fields["category"]), int(fields["train"])
    return f"{file} is prepared: {train} train, {count - train} test examples in two styles"


def _fields(packages: Sequence[Package]) -> dict[str, np.ndarray]:
    """The arrays to store. DataCorruptError if the archives do not match each other."""
    try:
        lists = [rows_of(package.entries) for package in packages]
    except ValueError as error:
        raise DataCorruptError(
            f"emoji.json is not as it should be ({error}): fetch it again by `{PACK}`"
        ) from error
    rows = lists[0]
    if lists[1] != rows:
        raise DataCorruptError(
            "the archives of the two styles list different emoji: give two of the same version"
        )
    for package in packages:
        if absent := [row.image for row in rows if row.image not in package.pictures]:
            raise DataCorruptError(
                f"the archive of emoji-datasource-{package.style} lacks {absent[0]}, and "
                f"{len(absent)} drawings in all: fetch it again by `{PACK}`"
            )
    styles = [[package.pictures[row.image] for row in rows] for package in packages]
    thing = things(rows, styles)
    chosen, classes = order(rows, thing), sorted({row.category for row in rows})
    fields = {
        package.style: np.stack([style[i] for i in chosen])
        for package, style in zip(packages, styles, strict=True)
    }
    return fields | {
        "category": np.array([classes.index(rows[i].category) for i in chosen], np.int32),
        "text": np.array([rows[i].text for i in chosen]),
        "thing": np.array([thing[i] for i in chosen]),
        "classes": np.array(classes),
        "train": np.array(sum(not is_test(each) for each in thing)),
        "sources": np.array([f"{package.sha256} {package.style}" for package in packages]),
    }


class _Facts(NamedTuple):
    """The contents of the file without its drawings."""

    label: np.ndarray
    text: np.ndarray  # int32 [N, T]
    vocabulary: tuple[str, ...]
    classes: tuple[str, ...]
    train: int


def spec(data_dir: PathLike | None, size: int, styles: Sequence[str]) -> Spec:
    """The spec of one style's drawings; a second style is the other domain."""
    size = size or USUAL_SIZE
    if size not in SIZES:
        raise ConfigError(f"data.size is {size}: expected {', '.join(map(str, SIZES))} for emoji")
    facts = _facts(*_found(data_dir))
    shape = (size, size, 3)
    return Spec(
        shape,
        "image",
        {"train": facts.train, "test": len(facts.label) - facts.train},
        len(facts.classes),
        facts.classes,
        shape if len(styles) > 1 else None,
        facts.vocabulary,
        _TEXT_LENGTH,
    )


def load(split: str, data_dir: PathLike | None, size: int, styles: Sequence[str]) -> Arrays:
    """Drawings of the first style, with those of a second as `other`. DataCorruptError."""
    known, found = spec(data_dir, size, styles), _found(data_dir)
    facts, drawings = _facts(*found), [_drawings(*found, s, known.shape[0]) for s in styles]
    whole = Arrays(drawings[0], facts.label, drawings[1] if len(styles) > 1 else None, facts.text)
    parts = {"train": slice(facts.train), "test": slice(facts.train, None)}
    return take(split, known.splits, lambda name: whole.map(lambda field: field[parts[name]]))


def _place(data_dir: PathLike | None) -> Path:
    return data_root(data_dir)[0] / "emoji" / "emoji.npz"


def _found(data_dir: PathLike | None) -> tuple[Path, tuple]:
    """The file, and a stamp that changes when it does."""
    file = _place(data_dir)
    if not file.is_file():
        raise DataMissingError(
            f"data 'emoji' is not prepared: no {file} ({data_root(data_dir)[1]}). Prepare it once: "
            f"{PACK}, then {_COMMAND} "
            f"--data_dir {data_root(data_dir)[0]}"
        )
    return file, cache.file_stamp(file)


@functools.lru_cache(maxsize=4)
def _facts(file: Path, stamp: tuple) -> _Facts:
    category, text, classes, train = _read(file, "category", "text", "classes", "train")
    label, texts = category.astype(np.int32), text.tolist()
    vocabulary = words.vocabulary_of(texts[: int(train)])
    numbers = words.numbered(texts, vocabulary, _TEXT_LENGTH)
    return _Facts(label, numbers, vocabulary, tuple(classes.tolist()), int(train))


@functools.lru_cache(maxsize=4)
def _drawings(file: Path, stamp: tuple, style: str, size: int) -> np.ndarray:
    """Drawings uint8 [N, size, size, 3]: rounded means over squares of pixels."""
    (whole,) = _read(file, style)
    n, by = len(whole), SIDE // size
    total = whole.reshape(n, size, by, size, by, 3).sum((2, 4), dtype=np.uint32)
    return ((total + by * by // 2) // (by * by)).astype(np.uint8)


def _read(file: Path, *names: str) -> list[np.ndarray]:
    """The named arrays of the file. DataCorruptError if they are not what prepare writes."""
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(each.file_size for each in archive.infolist()) > _MOST_BYTES:
                raise ValueError(f"it unpacks to more than {_MOST_BYTES >> 20} MB")
        with np.load(file, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in {*names, "category", "train"}}
        count = len(found["category"])
        if not 0 < int(found["train"]) < count:
            raise ValueError(f"it has {int(found['train'])} of {count} examples to train on")
        for name in {*names} & {*STYLES}:
            array = found[name]
            if array.shape != (count, SIDE, SIDE, 3) or array.dtype != np.uint8:
                raise ValueError(f"{name} has {array.dtype} {list(array.shape)}")
    except Exception as error:  # NumPy and zipfile raise many kinds for damaged files
        problem = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataCorruptError(
            f"{file} is damaged ({problem}): remove it, and prepare it again by {_COMMAND}"
        ) from error
    return [found[name] for name in names]
