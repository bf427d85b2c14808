"""Emoji twice: Google's drawing and Twitter's of the same thing, for translation between the two.

x holds the drawings of data.args.style ("google"), `other` those of the other style. With
data.paired=False, each style has its own order. Everything else is as in emoji.
"""

from gan_jax.config import choose
from gan_jax.data.base import Arrays, PathLike, Spec
from gan_jax.data.support import emoji_file
from gan_jax.data.support.npm_archive import STYLES


def spec(data_dir: PathLike | None = None, size: int = 0, style: str = "google") -> Spec:
    """The spec recorded in the prepared file. DataMissingError, DataCorruptError, ConfigError."""
    return emoji_file.spec(data_dir, size, _both(style))


def load(
    split: str, data_dir: PathLike | None = None, size: int = 0, style: str = "google"
) -> Arrays:
    """x and other uint8 [N, size, size, 3], label int32 [N], text int32 [N, 12]."""
    return emoji_file.load(split, data_dir, size, _both(style))


def credit(style: str = "google") -> str:
    """Who drew them, and under which licences."""
    return emoji_file.credit(_both(style))


def _both(style: str) -> list[str]:
    first = choose("data.args.style", style, STYLES)
    return [first, *(each for each in STYLES if each != first)]
