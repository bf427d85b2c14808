"""Emoji for colouring: x holds the drawings, and `other` the brightness of the same pixels.

Brightness is the luma of ITU-R BT.601, one channel. Everything else is as in emoji.
"""

import numpy as np

from gan_jax.data import emoji
from gan_jax.data.base import Arrays, PathLike, Spec

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue
credit = emoji.credit


def spec(data_dir: PathLike | None = None, size: int = 0, style: str = "google") -> Spec:
    """The spec of emoji, with a second domain of one channel."""
    of_emoji = emoji.spec(data_dir, size, style)
    return of_emoji._replace(other=(*of_emoji.shape[:2], 1))


def load(
    split: str, data_dir: PathLike | None = None, size: int = 0, style: str = "google"
) -> Arrays:
    """x uint8 [N, size, size, 3], other uint8 [N, size, size, 1], label and text as in emoji."""
    arrays = emoji.load(split, data_dir, size, style)
    luma = arrays.x @ np.asarray(LUMA, np.float32)
    return arrays._replace(other=np.floor(luma + 0.5).astype(np.uint8)[..., None])
