"""Pictures for the page: small ones as data URIs, so that the file stays one and small."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from gan_jax.data.support import opening

PICTURES_BYTES = 9_000_000  # of all thumbnails together: the page stays below 15 MB
SIZES = (160, 112, 80, 56, 40)  # pixels of the longer side; shown at half as many or fewer


def thumbnails(paths: Sequence[Path | None]) -> list[str | None]:
    """A data URI for each row's newest picture; None for no picture."""
    return fitting(paths, SIZES, PICTURES_BYTES)


def fitting(paths: Sequence[Path | None], sizes: Sequence[int], room: int) -> list[str | None]:
    """A data URI each, at the first size at which all fit into `room` bytes; else none."""
    for size in sizes:
        found, left = [], room
        for path in paths:
            found.append(None if path is None else thumbnail(path, size))
            left -= len(found[-1] or "")
            if left < 0:
                break
        else:
            return found
    return [None] * len(paths)


def thumbnail(path: Path, size: int) -> str | None:
    """The picture, at most `size` pixels wide and high, as WebP; None if it cannot be read."""
    try:
        with opening.opened(path) as file:
            picture = opening.eight_bits(file)
        picture.thumbnail((size, size), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        picture.save(out, "WEBP", quality=72, method=2)
    except (OSError, ValueError):
        return None
    return f"data:image/webp;base64,{base64.b64encode(out.getvalue()).decode()}"


def last_grid(run_dir: Path) -> Path | None:
    """The newest picture of samples/."""
    return max(run_dir.glob("samples/step_*.png"), key=lambda path: path.name, default=None)
