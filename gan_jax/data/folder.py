"""Your own images: a folder of them, flat or one folder a class, or .npy and .npz arrays.

PNG, JPEG, WebP, GIF (its first frame) and BMP files, known by their endings: others, and those
whose names begin with a dot, are left alone. A picture is turned as its EXIF says, laid over white
where it is transparent, converted to `channels`, and its middle square is brought to `size` pixels
with antialiasing. Of 16 bits the high byte is kept; colour profiles are ignored.

The folders in data.dir are the classes, in the order of their names; with fewer than two of them
there are no labels. An array holds images [N, H, W] or [N, H, W, 1, 3 or 4], of bytes, of 16 bits
or of floats in [0, 1]; an .npz holds it as `x`, and may hold their `label` [N].

The test split is the tenth of the images whose names, class folders included, have the least
SHA-256, and at least one. Either split is in the order of these digests: any slice of it is a fair
sample, and an added image changes no other's split.

The images are decoded once, into the user's cache, and memory-mapped from there. What is read, how
large it may be, and what is refused is told in support/: own_files.py and own_pixels.py.
"""

import contextlib
import functools
import itertools
import logging
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.data.base import Arrays, PathLike, Spec, take
from gan_jax.data.support import cache, own_files, own_pixels
from gan_jax.data.support.own_files import Item, Listing
from gan_jax.host.environment import local_path
from gan_jax.host.errors import DataMissingError, listed
from gan_jax.host.files import read_if_whole, write_json
from gan_jax.host.versions import cores

SIDE, CHANNELS = 32, 3  # of pictures, unless they are given
_BLOCK, _BLOCK_BYTES = 512, 2**26  # images decoded between two writes, at most
_MOST_NAMED = 5  # of the files that are skipped
log = logging.getLogger(__name__)


def spec(
    data_dir: PathLike | None, size: int = 0, channels: int = 0, skip_damaged: bool = False
) -> Spec:
    """What the folder's listing tells; with skip_damaged every file is decoded first.

    DataMissingError without a data_dir, or without images in it; ConfigError where they and their
    folders do not tell classes; DataCorruptError for a link that leads out of the folder.
    """
    return _opened(_root(data_dir), size, channels, skip_damaged)[1]


def load(
    split: str,
    data_dir: PathLike | None,
    size: int = 0,
    channels: int = 0,
    skip_damaged: bool = False,
) -> Arrays:
    """x uint8 [N, H, W, C], label int32 [N] or None. DataCorruptError names a damaged file."""
    how = (_root(data_dir), size, channels, skip_damaged)
    splits, whole = _opened(*how)[1].splits, _decoded(*how)
    parts = {"train": slice(splits["train"]), "test": slice(splits["train"], None)}

    def read(name: str) -> Arrays:
        return whole.map(lambda field: field[parts[name]])

    return take(split, splits, read)


def _root(data_dir: PathLike | None) -> str:
    if not data_dir:
        raise DataMissingError(
            "data 'folder' needs data.dir: --config.data.dir=DIR, the folder of your images"
        )
    return str(Path(local_path("data.dir", str(data_dir))).absolute())


@functools.lru_cache(maxsize=8)
def _opened(root: str, size: int, channels: int, skip_damaged: bool) -> tuple[Listing, Spec]:
    """The images and what they are, found once: a process sees one listing all along."""
    listing = own_files.find(Path(root), skip_damaged)
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
    return listing, Spec(shape, "image", splits, listing.classes, listing.names)


@functools.lru_cache(maxsize=8)
def _decoded(root: str, *how: Any) -> Arrays:
    """All images, those of the train split first."""
    listing, spec = _opened(root, *how)
    entry = cache.Entry(
        name=f"{own_files.shown(root)}/{'x'.join(map(str, spec.shape))}",
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
    """Without what does not decode, which is tried once and noted; a line says what is left out."""
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
    """Each image decoded, or in words what is wrong with it."""

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
