"""Emoji: 3,781 coloured drawings in nine categories, 16, 32 or 64 pixels, with their names as text.

The drawings are by Google (Noto Emoji) or, with data.args.style "twitter", by Twitter (Twemoji).
`gan-jax data prepare emoji --from GOOGLE.tgz TWITTER.tgz` makes the set from the npm packages
emoji-datasource-google and -twitter. Transparent pixels become white; sizes below 64 are means over
squares of pixels. The vocabulary is that of the train split. About a tenth of the depicted things
are the test split, chosen by the SHA-256 of their names; all drawings of a thing are in the same
split: see support/emoji_things.py.
"""

from gan_jax.config import choose
from gan_jax.data.base import Arrays, PathLike, Spec
from gan_jax.data.support import emoji_file
from gan_jax.data.support.npm_archive import STYLES


def spec(data_dir: PathLike | None = None, size: int = 0, style: str = "google") -> Spec:
    """The spec recorded in the prepared file. DataMissingError, DataCorruptError, ConfigError."""
    return emoji_file.spec(data_dir, size, [choose("data.args.style", style, STYLES)])


def load(
    split: str, data_dir: PathLike | None = None, size: int = 0, style: str = "google"
) -> Arrays:
    """x uint8 [N, size, size, 3], label int32 [N], text int32 [N, 12]."""
    return emoji_file.load(split, data_dir, size, [style])


def credit(style: str = "google") -> str:
    """Who drew them, and under which licence."""
    return emoji_file.credit([choose("data.args.style", style, STYLES)])
