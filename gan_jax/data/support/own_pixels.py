"""One of a user's own images, from a picture file or a row of an array, at the size of its set.

Pillow is told which formats to try, so a file never reaches another of its decoders or a program
that a decoder would start. The file's bytes determine its format, not its extension. The header is
read first: a picture of more than 2^26 pixels is not decoded, and large ones are decoded one at a
time. Arrays are never unpickled.
"""

import contextlib
import functools
import threading
import zipfile
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from gan_jax.data.base import UNLABELLED
from gan_jax.data.support.opening import MOST_PIXELS, eight_bits, opened, over_white

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MODES = {1: "L", 3: "RGB"}
_LARGE = 2**22  # pixels; of these, one is decoded at a time
_one_large = threading.Lock()
_ORIENTATION = 0x0112  # of EXIF
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def picture(file: str, shape: tuple[int, ...]) -> np.ndarray:
    """A picture file as uint8 of that shape, [H, W, C]. ValueError, in one line, if it is none."""
    with opened(Path(file), FORMATS) as image:
        image.draft(None, (3 * shape[1], 3 * shape[0]))  # a JPEG no larger than it has to be
        with _one_large if image.width * image.height > _LARGE else contextlib.nullcontext():
            image.load()
            turn = _turn(image)
            small = _fitted(image, shape)
        return _pixels(small.transpose(turn) if turn else small, shape)


def row(file: str, i: int, shape: tuple[int, ...]) -> np.ndarray:
    """The i-th image of an array file as uint8 of that shape. ValueError if it is not an image."""
    try:
        image = _bytes(_several(_array(file))[i])
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(" ".join(str(error).split())) from error
    if image.shape == shape:
        return image
    return _pixels(
        _fitted(Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image), shape), shape
    )


def forget() -> None:
    """Releases the arrays that rows were taken from."""
    _mapped.cache_clear()
    _unpacked.cache_clear()


def _turn(image: Image.Image) -> Image.Transpose | None:
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # broken EXIF raises many kinds, but the pixels are intact
        return None


def _fitted(image: Image.Image, shape: tuple[int, ...]) -> Image.Image:
    """The largest central crop of the shape's proportions, resized, over white, in its channels."""
    mode = MODES[shape[-1]]
    is_clear = image.has_transparency_data and not image.mode.startswith(("I", "F"))
    image = image.convert("RGBA") if is_clear else eight_bits(image, mode)
    small = ImageOps.fit(image, (shape[1], shape[0]), Image.Resampling.LANCZOS)
    return over_white(small, mode) if is_clear else small


def _pixels(image: Image.Image, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(image).reshape(shape)


class Facts(NamedTuple):
    """What the header of an array file says."""

    images: int
    shape: tuple[int, int, int]  # of each image as stored: 1 or 3 channels
    label: np.ndarray | None  # int32 [count]
    unpacked: int  # bytes of memory that its rows need; 0 if they are mapped


def facts(file: str) -> Facts:
    """The Facts of an array file, without reading an image. ValueError if it holds no images."""
    try:
        if not file.lower().endswith(".npz"):
            array, label, size = np.load(file, mmap_mode="r", allow_pickle=False), None, 0
            shape, dtype = array.shape, array.dtype
        else:
            with zipfile.ZipFile(file) as archive:
                name = _images_in(archive)
                size = archive.getinfo(name).file_size
                with archive.open(name) as member:
                    shape, dtype = _header(member)
                label = _labels(archive)
    except Exception as error:  # NumPy and zipfile raise many kinds for damaged files
        raise ValueError(" ".join(str(error).split())[:300] or type(error).__name__) from error
    if size and size < np.prod(shape, dtype=object) * dtype.itemsize:
        raise ValueError("its array is cut off")
    if dtype not in (np.uint8, np.uint16, np.bool_) and dtype.kind != "f":
        raise ValueError(f"an array of {dtype}, expected uint8, uint16 or floats in [0, 1]")
    count, height, width, channels = _as_several(shape)
    if label is not None and label.shape != (count,):
        raise ValueError(f"labels {label.shape} of {count} images")
    return Facts(count, (height, width, 1 if channels == 1 else 3), label, size)


def _as_several(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The shape as [N, H, W, C]. ValueError if it is not a shape of images."""
    whole = shape if len(shape) == 4 else (*shape, 1)  # [N, H, W]
    if len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3, 4)):  # one image
        whole = (1, *shape, 1)[:4]
    if len(whole) != 4 or whole[-1] not in (1, 3, 4) or 0 in whole:
        raise ValueError(
            f"an array of shape {list(shape)}, expected [N, H, W] or [N, H, W, 1, 3 or 4]"
        )
    if whole[1] * whole[2] > MOST_PIXELS:
        raise ValueError(
            f"images of {whole[2]} x {whole[1]} pixels, expected at most {MOST_PIXELS} in all"
        )
    return whole


def _several(array: np.ndarray) -> np.ndarray:
    return array.reshape(_as_several(array.shape))


def _images_in(archive: zipfile.ZipFile) -> str:
    names = archive.namelist()
    if "x.npy" in names or len(names) == 1:
        return "x.npy" if "x.npy" in names else names[0]
    raise ValueError(f"it holds {', '.join(names)[:80] or 'nothing'}, expected x and maybe label")


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(member)
    readers: dict[Any, Any] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    shape, _, dtype = readers[version](member)
    return shape, dtype


def _labels(archive: zipfile.ZipFile) -> np.ndarray | None:
    if "label.npy" not in archive.namelist():
        return None
    with archive.open("label.npy") as member:
        label = np.lib.format.read_array(member, allow_pickle=False)
    if (
        label.dtype.kind not in "iu"
        or label.min(initial=0) < UNLABELLED
        or label.max(initial=0) >= 2**20
    ):
        raise ValueError("its label is not an array of integers from 0 on")
    return label.astype(np.int32)


def _array(file: str) -> np.ndarray:
    return _unpacked(file) if file.lower().endswith(".npz") else _mapped(file)


@functools.lru_cache(maxsize=256)  # each holds a descriptor
def _mapped(file: str) -> np.ndarray:
    return np.load(file, mmap_mode="r", allow_pickle=False)


@functools.cache  # own_files has checked that all fit into memory
def _unpacked(file: str) -> np.ndarray:
    with zipfile.ZipFile(file) as archive, archive.open(_images_in(archive)) as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _bytes(image: np.ndarray) -> np.ndarray:
    """[H, W, C] as uint8. ValueError for floats outside [0, 1]."""
    if image.dtype == np.uint16:
        return (image >> 8).astype(np.uint8)
    if image.dtype.kind != "f":
        return np.asarray(image * np.uint8(255) if image.dtype == np.bool_ else image)
    if not ((image >= 0) & (image <= 1)).all():
        low, high = float(image.min()), float(image.max())
        raise ValueError(f"floats from {low:.3g} to {high:.3g}, expected [0, 1]")
    return np.floor(image * 255 + 0.5).astype(np.uint8)
