"""Your own images: a folder of them, flat or one folder a class, or .npy and .npz arrays; or two.

PNG, JPEG, WebP, GIF (first frame) and BMP files are recognised by their extension; other files, and
those whose names begin with a dot, are ignored. A picture is rotated according to its EXIF data,
composited over white, converted to `channels`, cropped to its central square and resized to `size`
pixels with antialiasing. Only the high byte of 16-bit values is kept; colour profiles are ignored.

The folders in data.dir are the classes, in the order of their names; with fewer than two folders
there are no labels. An array holds images [N, H, W] or [N, H, W, 1, 3 or 4] of uint8, of uint16 or
of floats in [0, 1]; an .npz file stores it as `x`, and may store labels as `label` [N].

The test split is the tenth of the images (at least one) whose names, including class folders, have
the smallest SHA-256. Each split is in the order of these digests, so any slice of it is a fair
sample, and adding an image never moves another one to the other split.

With data.dir_b there are two domains: the pictures to be translated are in data.dir and become
`other`; those that they are translated into are in data.dir_b and become `x`. Images whose names
differ only in the extension are pairs, and an image without a partner is refused. With
data.paired=False there are no pairs, and data.split is applied to each folder by itself.

A file metadata.jsonl in the folder of x may describe its images, one per line:
{"file_name": "cats/1.png", "text": "a sleeping cat"}. An image without a line has an empty text; a
name that is outside the folder, or has no image, is refused.

The images are decoded once into the user's cache and memory-mapped from there. What is read, how
large it may be, and what is refused is described in support/own_files.py and own_pixels.py.
"""

import contextlib
import functools
import itertools
import logging
import math
import operator
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.data.base import Arrays, PathLike, Spec, take
from gan_jax.data.support import cache, own_files, own_pairs, own_pixels, own_texts
from gan_jax.data.support.own_files import Item, Listing
from gan_jax.host.environment import local_path
from gan_jax.host.errors import DataMissingError, listed
from gan_jax.host.files import read_if_whole, write_json
from gan_jax.host.versions import cores

SIDE, CHANNELS = 32, 3  # of pictures, by default
_BLOCK, _BLOCK_BYTES = 512, 2**26  # decoded between two writes at most: images, and their bytes
_MOST_NAMED = 5  # how many skipped files are named
log = logging.getLogger(__name__)


def spec(
    data_dir: PathLike | None,
    size: int = 0,
    channels: int = 0,
    skip_damaged: bool = False,
    dir_b: PathLike = "",
    paired: bool = True,
) -> Spec:
    """The spec that the folders' listings imply; with skip_damaged every file is decoded first.

    DataMissingError if there is no data_dir or it has no images; ConfigError if the files do not
    define classes, or pairs; DataCorruptError for a link that leads out of a folder.
    """
    first, other = _domains(data_dir, size, channels, skip_damaged, dir_b, paired)
    found = _opened(*first)
    texts, known = _texts(first), found.spec
    if texts is not None:
        known = known._replace(vocabulary=texts.vocabulary, text_length=texts.number.shape[1])
    if other is None:
        return known
    if paired:
        own_pairs.check(found.listing, _opened(*other).listing)
    return known._replace(other=_opened(*other).spec.shape)


def load(split: str, data_dir: PathLike | None, *given: Any, **more: Any) -> Arrays:
    """x and other uint8 [N, H, W, C], label int32 [N], text int32 [N, T]; None for missing ones.

    Takes the arguments of spec. DataCorruptError names a damaged file.
    """
    spec(data_dir, *given, **more)  # refuses folders that do not form pairs
    first, other = _domains(data_dir, *given, **more)
    texts = _texts(first)
    whole = _decoded(*first)._replace(text=None if texts is None else texts.number)
    found = _taken(split, first, whole)
    return found if other is None else found._replace(other=_taken(split, other).x)


def _taken(split: str, of: tuple, whole: Arrays | None = None) -> Arrays:
    splits, arrays = _opened(*of).spec.splits, whole or _decoded(*of)
    parts = {"train": slice(splits["train"]), "test": slice(splits["train"], None)}
    return take(split, splits, lambda name: arrays.map(operator.itemgetter(parts[name])))


def _domains(
    data_dir: PathLike | None,
    size: int = 0,
    channels: int = 0,
    skip_damaged: bool = False,
    dir_b: PathLike = "",
    paired: bool = True,
) -> tuple[tuple, tuple | None]:
    """The arguments for opening the folder of x, and those for the other domain if there is one."""
    how = (size, channels, skip_damaged, bool(dir_b) and paired)
    a = (_root("data.dir", data_dir), *how)
    return (a, None) if not dir_b else ((_root("data.dir_b", dir_b), *how), a)


def _root(leaf: str, data_dir: PathLike | None) -> str:
    if not data_dir:
        raise DataMissingError(
            f"data 'folder' needs {leaf}: --config.{leaf}=DIR, a folder of your images"
        )
    return str(Path(local_path(leaf, str(data_dir))).absolute())


class _Opened(NamedTuple):
    """The images of a folder, and their spec."""

    listing: Listing
    spec: Spec


@functools.lru_cache(maxsize=8)
def _opened(
    root: str, size: int, channels: int, skip_damaged: bool, by_stem: bool = False
) -> _Opened:
    """The images of a folder; listed once, so a process always sees the same listing."""
    listing = own_files.find(Path(root), skip_damaged, by_stem)
    height, width, own = listing.shape or (SIDE, SIDE, CHANNELS)
    shape = (size or height, size or width, channels or own)
    if skip_damaged:
        listing = _without_damaged(listing, shape)
    if len(listing.items) < 2:
        raise DataMissingError(
            f"data.dir {own_files.shown(root)} has {len(listing.items)} images that can be read: "
            "expected at least 2, one to train on and one to test with"
        )
    test = own_files.tests(listing.items)
    splits = {"train": len(listing.items) - test, "test": test}
    return _Opened(listing, Spec(shape, "image", splits, listing.classes, listing.names))


@functools.lru_cache(maxsize=8)
def _texts(of: tuple) -> own_texts.Texts | None:
    """The texts of metadata.jsonl in the order of the images, or None."""
    listing, spec = _opened(*of)
    names = [item.name for item in listing.items]
    return own_texts.read(listing.root, names, spec.splits["train"], listing.damaged)


@functools.lru_cache(maxsize=8)
def _decoded(root: str, *how: Any) -> Arrays:
    """All images, with the train split first."""
    listing, spec = _opened(root, *how)
    entry = cache.Entry(
        name=f"{own_files.shown(root)}/{'x'.join(map(str, spec.shape))}{'-stems' * how[-1]}",
        folders=_cache_folders(root),
        source=(listing.digest, sorted(listing.damaged)),
        shape=(len(listing.items), *spec.shape),
        labelled=bool(listing.classes),
        mode=listing.mode,
    )
    return cache.cached(entry, lambda: _blocks(listing, spec.shape))


def _cache_folders(root: str) -> tuple[Path, ...]:
    return cache.user_folders(f"folder-{own_files.digest(root)[:16]}")


def _blocks(listing: Listing, shape: tuple[int, ...]) -> Iterator[Arrays]:
    """The decoded images, a block at a time. DataCorruptError names a damaged file."""
    images = _tried(listing.items, shape)
    while some := list(itertools.islice(images, _block(shape))):
        for item, image in some:
            if isinstance(image, str):
                raise own_files.refusal(item.file, image)
        label = np.array([item.label for item, _ in some], np.int32)
        yield Arrays(np.stack([image for _, image in some]), label if listing.classes else None)


def _without_damaged(listing: Listing, shape: tuple[int, ...]) -> Listing:
    """The listing without images that do not decode, which a log line names. Tried only once."""
    notes = [
        folder / f"damaged-{listing.digest[:16]}.json"
        for folder in _cache_folders(str(listing.root))
    ]
    noted = next((found for path in notes if (found := read_if_whole(path)) is not None), None)
    if noted is None:
        tried = _tried(listing.items, shape)
        noted = {item.name: image for item, image in tried if isinstance(image, str)}
        for path in notes:
            with contextlib.suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_json(path, noted)
    damaged = listing.damaged | noted
    if damaged:
        whole = [f"{own_files.shown(name)} ({damaged[name]})" for name in sorted(damaged)]
        words = "data.dir %s: %d of %d are left out as damaged: %s"
        count = len(listing.items) + len(listing.damaged)
        log.warning(
            words,
            own_files.shown(str(listing.root)),
            len(damaged),
            count,
            listed(whole, _MOST_NAMED),
        )
    kept = [item for item in listing.items if item.name not in noted]
    return listing._replace(items=kept, damaged=damaged)


def _block(shape: tuple[int, ...]) -> int:
    return max(1, min(_BLOCK, _BLOCK_BYTES // math.prod(shape)))


def _tried(
    items: Sequence[Item], shape: tuple[int, ...]
) -> Iterator[tuple[Item, np.ndarray | str]]:
    """Each image decoded, or a description of what is wrong with it."""

    def decode(item: Item) -> np.ndarray | str:
        try:
            if item.row is None:
                return own_pixels.picture(item.file, shape)
            return own_pixels.row(item.file, item.row, shape)
        except ValueError as error:
            return str(error)

    try:
        with ThreadPoolExecutor(cores()) as pool:
            for start in range(0, len(items), _block(shape)):
                some = items[start : start + _block(shape)]
                yield from zip(some, pool.map(decode, some), strict=True)
    finally:
        own_pixels.forget()
