"""Which images a user's folder holds, the class of each, and their order.

Only the folder and its immediate subfolders are searched, for regular files with known extensions.
A link that leads out of the folder is refused: nothing outside it is read.
"""

import functools
import hashlib
import operator
import os
import stat
from pathlib import Path
from typing import NamedTuple

from gan_jax.data.base import UNLABELLED
from gan_jax.data.support import own_pixels
from gan_jax.data.support.cache import memory_bytes
from gan_jax.host.errors import ConfigError, DataCorruptError, DataMissingError

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
ARRAYS = (".npy", ".npz")
MOST_IMAGES = 2**24
MOST_BYTES = 2**28  # of a picture file
_TEST = 2**64 // 10  # an image is in the test split if its digest starts with a lower number


class Item(NamedTuple):
    """One image."""

    name: str  # its path in the folder, and its row in an array: cats/a.npy#7
    file: str
    row: int | None  # of an array
    label: int
    key: str = ""  # determines its place in the order: its name, maybe without the extension


class Listing(NamedTuple):
    """The images of a folder, those of the train split first."""

    root: Path
    items: list[Item]
    classes: int
    names: tuple[str, ...]  # of the classes, as they are shown
    shape: tuple[int, int, int] | None  # if all images come from arrays and have one shape
    digest: str  # changes when a file does
    mode: int  # the permissions that all files grant
    damaged: dict[str, str]  # name -> what is wrong with it


class _File(NamedTuple):
    items: list[Item]
    stamp: tuple[str, int, int]
    mode: int
    shape: tuple[int, int, int] | None  # of arrays
    unpacked: int  # bytes of memory


def find(root: Path, skip_damaged: bool, by_stem: bool = False) -> Listing:
    """The images in a folder, or in one .npy or .npz file.

    by_stem: order the images by their names without extensions, which is the same order in two
    folders whose files differ only in extensions. DataMissingError if there are no images;
    ConfigError if the folder does not define classes; DataCorruptError for a link that leads out,
    and for a file that cannot hold an image unless such files are to be skipped.
    """
    folders = _folders(root)
    names = tuple(shown(os.path.basename(path)) for path in folders) if len(folders) > 1 else ()
    files, damaged = [], {}
    for label, paths in enumerate(folders.values()):
        for path in paths:
            try:
                files.append(_look(path, root, label if names else UNLABELLED))
            except (OSError, ValueError) as error:
                problem = (isinstance(error, OSError) and error.strerror) or str(error)
                if not skip_damaged:
                    raise refusal(path, problem) from error
                damaged[_name(path, root)] = problem
    _check_sizes(root, files)
    items = [item for file in files for item in file.items]
    items = [item._replace(key=_stem(item, root) if by_stem else item.name) for item in items]
    items.sort(key=_order)
    shapes = {file.shape for file in files}
    last = max((item.label for item in items), default=UNLABELLED)
    mode = functools.reduce(operator.and_, (file.mode for file in files), 0o666) | 0o600
    return Listing(
        root,
        items,
        len(names) or last + 1,
        names,
        shapes.pop() if len(shapes) == 1 else None,
        digest(repr([file.stamp for file in files])),
        mode,
        damaged,
    )


def tests(items: list[Item]) -> int:
    """The number of images in the test split, which are the last ones: at least 1 and not all."""
    count = sum(_order(item)[0] > -_TEST for item in items)
    return min(max(count, 1), len(items) - 1)


def refusal(path: str, problem: str) -> DataCorruptError:
    """The error for a file that is not an image."""
    return DataCorruptError(
        f"{shown(path)} cannot be read as an image ({problem}): replace or remove it, or have such "
        "files left out by --config.data.skip_damaged=True"
    )


def shown(name: str) -> str:
    """A file's name made safe to print: control characters and undecodable bytes are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def digest(text: str) -> str:
    """The SHA-256 of a name, from the bytes that it has on disk."""
    return hashlib.sha256(os.fsencode(text)).hexdigest()


def _order(item: Item) -> tuple[int, str, str]:
    return -int(digest(item.key)[:16], 16), item.key, item.name


def _stem(item: Item, root: Path) -> str:
    """An item's name without the file's extension; for a single file, without the file's name."""
    if item.row is None:
        return os.path.splitext(item.name)[0]
    file = os.path.splitext(_name(item.file, root))[0]
    return f"{'' if item.file == str(root) else file}#{item.row}"


def _folders(root: Path) -> dict[str, list[str]]:
    """{folder: its files} for each class folder, or for the folder itself if it has none."""
    if root.is_file() and root.suffix.lower() in ARRAYS:
        return {str(root): [str(root)]}
    if not root.is_dir():
        found = "is neither a folder nor a .npy or .npz file" if root.exists() else "is not there"
        raise DataMissingError(
            f"data.dir {shown(str(root))} {found}: give the folder of your images"
        )
    loose, inside = _entries(str(root), root)
    classes = {}
    for folder in inside:
        files, deeper = _entries(folder, root)
        if deeper:
            raise ConfigError(
                f"{shown(deeper[0])} is a folder in a class folder of data.dir: expected images in "
                f"{shown(str(root))} itself or in one folder a class; perhaps data.dir should be "
                f"{shown(folder)}"
            )
        if files:
            classes[folder] = files
    if classes and loose:
        raise ConfigError(
            f"data.dir {shown(str(root))} has images of its own, such as {shown(loose[0])}, beside "
            f"folders of images, such as {shown(next(iter(classes)))}: expected either"
        )
    if not classes and not loose:
        raise DataMissingError(
            f"data.dir {shown(str(root))} has no images: expected files that end in "
            f"{', '.join(PICTURES + ARRAYS)}, in it or in one folder a class"
        )
    return classes or {str(root): loose}


def _entries(folder: str, root: Path) -> tuple[list[str], list[str]]:
    """The files that may hold images, and the folders, both sorted and without hidden ones."""
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(folder) as entries:
            there = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataMissingError(f"{shown(folder)} cannot be read: {error.strerror}") from error
    for entry in there:
        is_folder = os.path.isdir(entry.path)  # or a link to a folder
        has_ending = os.path.splitext(entry.name)[1].lower() in PICTURES + ARRAYS
        if entry.name.startswith(".") or not (is_folder or has_ending):
            continue
        if entry.is_symlink() and not stays_inside(entry.path, root):
            raise DataCorruptError(
                f"{shown(entry.path)} is a link that leads out of {shown(str(root))}, where "
                "nothing is read: put the file itself there, or remove the link"
            )
        (folders if is_folder else files).append(entry.path)
    return files, folders


def stays_inside(path: str, root: Path) -> bool:
    """Whether a path is inside the folder once its links are followed."""
    try:
        return Path(path).resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # a link to itself
        return False


def _name(path: str, root: Path) -> str:
    return os.path.relpath(path, root if root.is_dir() else root.parent).replace(os.sep, "/")


def _look(path: str, root: Path, label: int) -> _File:
    """A file's images, from its size and an array's header only. ValueError if it has none."""
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no regular file")
    if not found.st_size:
        raise ValueError("it is empty")
    name = _name(path, root)
    stamp = (name, found.st_size, found.st_mtime_ns)
    if not path.lower().endswith(ARRAYS):
        if found.st_size > MOST_BYTES:
            raise ValueError(f"{found.st_size >> 20} MB, expected at most {MOST_BYTES >> 20}")
        item = Item(name, path, None, label)
        return _File([item], stamp, found.st_mode, None, 0)
    facts = own_pixels.facts(path)
    of_row = facts.label if label == UNLABELLED else None  # a class folder takes precedence
    items = [
        Item(f"{name}#{i}", path, i, int(of_row[i]) if of_row is not None else label)
        for i in range(min(facts.images, MOST_IMAGES + 1))
    ]
    return _File(items, stamp, found.st_mode, facts.shape, facts.unpacked)


def _check_sizes(root: Path, files: list[_File]) -> None:
    """ConfigError for too many images, or for .npz files that do not fit in memory."""
    count, unpacked = sum(len(f.items) for f in files), sum(f.unpacked for f in files)
    if count > MOST_IMAGES:
        raise ConfigError(f"data.dir {shown(str(root))} has over {MOST_IMAGES} images")
    if unpacked > memory_bytes() // 2:
        raise ConfigError(
            f"the .npz files of data.dir {shown(str(root))} unpack to {unpacked >> 20} MB, more "
            "than half of the memory: save them as .npy, which is read from the disk"
        )
