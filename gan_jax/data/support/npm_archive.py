"""The drawings in an npm archive of emoji-datasource, read member by member as a stream.

Nothing is extracted to disk, and no claim of an archive is trusted: its unpacked size, its number
of members and the size of each are checked against limits before anything is read.
"""

import gzip
import hashlib
import io
import re
import tarfile
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from gan_jax.data.support.opening import opened, over_white
from gan_jax.host.errors import DataCorruptError, DataMissingError, UserError
from gan_jax.host.files import parse_json

STYLES = ("google", "twitter")
SIDE = 64  # pixels
PACK = "npm pack emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0"
MOST_BYTES = 2**30  # limit of an archive's unpacked size
MOST_MEMBERS = 2**17
MOST_PICTURES = 2**14
_MOST_OF = {"listing": 2**24, "picture": 2**18, "other header": 2**16}  # bytes of a member
_LISTING = "package/emoji.json"
_PICTURE = re.compile(
    rf"package/img/({'|'.join(STYLES)})/{SIDE}/([0-9a-f-]{{1,100}}\.png)", re.ASCII
)
_ENTRY = {"name": str, "category": str, "image": str, "unified": str}


class Package(NamedTuple):
    """The contents of an archive."""

    style: str
    entries: list[dict[str, Any]]  # of emoji.json, each with name, category, image and unified
    pictures: dict[str, np.ndarray]  # by file name, uint8 [64, 64, 3] over white
    sha256: str  # of the archive


def read(path: Path) -> Package:
    """The pictures of 64 x 64 pixels, and the list that describes them.

    DataMissingError if there is no such file; DataCorruptError, in one line, if it is incomplete,
    not such an archive, or too large.
    """
    if not path.is_file():
        raise DataMissingError(
            f"--from {path} is no file: expected the archives that `{PACK}` fetches"
        )
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            style, entries, pictures = _members(file)
    except UserError:
        raise
    except Exception as error:  # gzip and tarfile raise many kinds for damaged files
        problem = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataCorruptError(
            f"{path} is not a whole archive of emoji-datasource ({problem}): fetch it again by "
            f"`{PACK}`"
        ) from error
    return Package(style, entries, pictures, sha256)


def _members(file: IO[bytes]) -> tuple[str, list[dict[str, Any]], dict[str, np.ndarray]]:
    """The style, the entries and the pictures. ValueError for anything unexpected."""
    entries: list[dict[str, Any]] | None = None
    found: dict[str, dict[str, np.ndarray]] = {style: {} for style in STYLES}
    with gzip.open(file) as unpacked:
        stream: Any = _Stream(unpacked)
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as archive:
            for count, member in enumerate(archive):
                if count >= MOST_MEMBERS:
                    raise ValueError(f"more than {MOST_MEMBERS} members")
                match = _PICTURE.fullmatch(member.name)
                if match and match[2] in found[match[1]]:
                    raise ValueError(f"{member.name} is there twice")
                if match and len(found[match[1]]) < MOST_PICTURES:
                    picture = _content(archive, member, "picture")
                    found[match[1]][match[2]] = _pixels(member.name, picture)
                elif member.name == _LISTING:
                    entries = parse_json(_content(archive, member, "listing"), [_ENTRY])
        while stream.read(2**16):  # to the end, where gzip has its checksum
            pass
    styles = [style for style in STYLES if found[style]]
    if entries is None or len(styles) != 1:
        raise ValueError(
            f"it has {'no ' if entries is None else ''}{_LISTING} and drawings by "
            f"{' and '.join(styles) or 'nobody'}, expected {_LISTING} and those in "
            f"package/img/google/{SIDE} or package/img/twitter/{SIDE}"
        )
    return styles[0], entries, found[styles[0]]


class _Stream:
    """A file that raises ValueError once more than MOST_BYTES have been read."""

    def __init__(self, file: gzip.GzipFile):
        self.file, self.left = file, MOST_BYTES

    def read(self, size: int) -> bytes:
        content = self.file.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise ValueError(f"it unpacks to more than {MOST_BYTES >> 20} MB")
        return content


class _Header(tarfile.TarInfo):
    """A member's header, refused if tarfile itself would read a large member into memory.

    tarfile does so for names and attributes that are stored as members of their own.
    """

    @classmethod
    def frombuf(cls, *args: Any, **given: Any) -> "_Header":
        header = super().frombuf(*args, **given)
        if not header.isfile() and header.size > _MOST_OF["other header"]:
            raise ValueError(f"a header of {header.size} bytes")
        return header


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, kind: str) -> bytes:
    if not member.isreg() or member.issparse():
        raise ValueError(f"{member.name} is no regular file")
    if member.size > _MOST_OF[kind]:
        raise ValueError(
            f"{member.name} has {member.size} bytes, expected at most {_MOST_OF[kind]}"
        )
    file = archive.extractfile(member)
    assert file
    return file.read()


def _pixels(name: str, encoded: bytes) -> np.ndarray:
    try:
        with opened(io.BytesIO(encoded), ("PNG",)) as image:
            if image.size != (SIDE, SIDE):
                raise ValueError(f"{image.width} x {image.height} pixels, expected {SIDE} x {SIDE}")
            return np.asarray(over_white(image.convert("RGBA"), "RGB"))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
