"""The only place where pictures are read: which formats, how large, and how many bits."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, UnidentifiedImageError

from gan_jax.host.errors import UserError

FORMATS = ("PNG", "JPEG")  # no others are tried: to read EPS, Pillow starts another program
MOST_PIXELS = 2**26  # of a picture that is read, 8192 x 8192

# Pillow only warns of a picture of 90 million pixels; its manual says how to have it refused.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


@contextlib.contextmanager
def opened(source: Path | IO[bytes], formats: tuple[str, ...] = FORMATS) -> Iterator[Image.Image]:
    """A file of one of the formats, of which only the header is decoded yet.

    ValueError, in one line, for whatever is wrong with it, also where the pixels are decoded within
    the block.
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
    except Exception as error:  # Pillow's decoders raise whatever a damaged file makes them trip on
        raise ValueError(" ".join(str(error).split())[:300] or type(error).__name__) from error


def over_white(image: Image.Image, mode: str) -> Image.Image:
    """A picture of mode "RGBA" laid over white, as "L" or "RGB"."""
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert(mode)


def eight_bits(file: Image.Image, mode: str | None = None) -> Image.Image:
    """The pixels as "L" or "RGB"; without a mode, grey ones as "L".

    Of 16 bits the high byte is kept, as TensorFlow does, where Pillow's own conversion would make
    255 of nearly all. Transparency is dropped. ValueError for pixels of more than 16 bits.
    """
    if file.mode.startswith(("I", "F")):
        deep = np.asarray(file)
        if deep.dtype.kind == "f" or deep.min() < 0 or deep.max() >= 2**16:
            raise ValueError(f"pixels of mode {file.mode}, expected 8 or 16 bits")
        file = Image.fromarray((deep >> 8).astype(np.uint8))
    file.info.pop("transparency", None)
    return file.convert(mode or ("L" if file.mode in ("1", "L", "LA") else "RGB"))
