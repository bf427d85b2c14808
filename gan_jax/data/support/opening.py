"""The only place where pictures are opened, with limits on their format, size and bit depth."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, UnidentifiedImageError

from gan_jax.host.errors import UserError

FORMATS = ("PNG", "JPEG")  # no others are tried: to read EPS, Pillow starts another program
MOST_PIXELS = 2**26  # the largest picture that is read has 8192 x 8192

# Pillow only warns about a picture of 90 million pixels; its manual says how to make that an error.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


@contextlib.contextmanager
def opened(source: Path | IO[bytes], formats: tuple[str, ...] = FORMATS) -> Iterator[Image.Image]:
    """Opens a file of one of the formats; only its header is decoded at first.

    ValueError, in one line, for anything wrong with it, also while the with block decodes pixels.
    """
    try:
        with Image.open(source, formats=formats) as file:
            if file.width * file.height > MOST_PIXELS:
                raise ValueError(
                    f"{file.width} x {file.height} pixels, expected at most {MOST_PIXELS} in all"
                )
            yield file
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        raise ValueError(f"too large a picture, expected at most {MOST_PIXELS} pixels") from error
    except UnidentifiedImageError as error:
        raise ValueError(f"its bytes are of no {', '.join(formats)}") from error
    except Exception as error:  # Pillow's decoders raise many kinds for damaged files
        raise ValueError(" ".join(str(error).split())[:300] or type(error).__name__) from error


def over_white(image: Image.Image, mode: str) -> Image.Image:
    """A picture of mode "RGBA" composited over white, as "L" or "RGB"."""
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert(mode)


def eight_bits(file: Image.Image, mode: str | None = None) -> Image.Image:
    """The pixels as "L" or "RGB", by default whichever the file has.

    For 16-bit pixels the high byte is kept, as in TensorFlow; Pillow's own conversion would turn
    nearly all of them into 255. Transparency is dropped. ValueError for more than 16 bits.
    """
    if file.mode.startswith(("I", "F")):
        deep = np.asarray(file)
        if deep.dtype.kind == "f" or deep.min() < 0 or deep.max() >= 2**16:
            raise ValueError(f"pixels of mode {file.mode}, expected 8 or 16 bits")
        file = Image.fromarray((deep >> 8).astype(np.uint8))
    file.info.pop("transparency", None)
    return file.convert(mode or ("L" if file.mode in ("1", "L", "LA") else "RGB"))


def read_picture(file: Path) -> np.ndarray:
    """The pixels of a picture, in colour, uint8 [h, w, 3]. ValueError as of opened."""
    with opened(file) as picture:
        return np.asarray(eight_bits(picture, "RGB"))
