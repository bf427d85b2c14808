"""DiffAugment: random augmentation of disc's input, reals and fakes alike. Zhao et al. 2020.

Each augmentation is differentiable, so gen learns through it, and a gradient penalty takes disc's
gradient with respect to the original image. Samples and evaluations are not augmented.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from gan_jax.config import choose
from gan_jax.types import Array, Net, PyTree

DISC_AUGMENT = 7  # folded into a pass's key, which dropout uses unchanged


def colour(x_BxHxWxC: Array, key: Array) -> Array:
    """Changes brightness, then saturation, then contrast, with random numbers for each image.

    Brightness adds U(-1/2, 1/2); saturation scales each pixel's distance from the mean of its
    channels by U(0, 2); contrast scales the distance from the image's mean by U(1/2, 3/2).
    """
    k_bright, k_saturation, k_contrast = jax.random.split(key, 3)
    each = (len(x_BxHxWxC), 1, 1, 1)
    x = x_BxHxWxC + jax.random.uniform(k_bright, each, minval=-0.5, maxval=0.5)
    grey = x.mean(3, keepdims=True)
    x = grey + (x - grey) * jax.random.uniform(k_saturation, each, maxval=2.0)
    mean = x.mean((1, 2, 3), keepdims=True)
    return mean + (x - mean) * jax.random.uniform(k_contrast, each, minval=0.5, maxval=1.5)


def translation(x_BxHxWxC: Array, key: Array) -> Array:
    """Shifts each image by up to an eighth of its height and width and fills the gap with 0."""
    k_rows, k_columns = jax.random.split(key)
    batch, height, width, channels = x_BxHxWxC.shape
    up, left = round(height / 8), round(width / 8)
    padded = jnp.pad(x_BxHxWxC, ((0, 0), (up, up), (left, left), (0, 0)))
    row = jax.random.randint(k_rows, (batch,), 0, 2 * up + 1)
    column = jax.random.randint(k_columns, (batch,), 0, 2 * left + 1)

    def cut(image: Array, i: Array, j: Array) -> Array:
        return jax.lax.dynamic_slice(image, (i, j, 0), (height, width, channels))

    return jax.vmap(cut)(padded, row, column)


def cutout(x_BxHxWxC: Array, key: Array) -> Array:
    """Sets to 0 a box of half the height and width, centred anywhere in the image."""
    k_rows, k_columns = jax.random.split(key)
    batch, height, width, _ = x_BxHxWxC.shape

    def inside(key: Array, size: int) -> Array:
        middle = jax.random.randint(key, (batch, 1), 0, size + 1)
        first = middle - size // 4
        place = jnp.arange(size)[None]
        return (place >= first) & (place < first + size // 2)

    box = inside(k_rows, height)[:, :, None] & inside(k_columns, width)[:, None]
    return jnp.where(box[..., None], 0, x_BxHxWxC)


KINDS: dict[str, Callable[[Array, Array], Array]] = {
    "colour": colour,
    "translation": translation,
    "cutout": cutout,
}


def parse(text: str) -> tuple[str, ...]:
    """The names of KINDS in a comma-separated text; none for "none". ConfigError if unknown."""
    names = () if text == "none" else tuple(text.split(","))
    for name in names:
        choose("disc.augment", name, [*KINDS, "none"])
    return names


def augmented(net: Net, kinds: Sequence[str]) -> Net:
    """The disc with augmented inputs in training; kinds: names of KINDS, applied in that order."""

    def apply(
        params: PyTree, vars: PyTree, x: Array, key: Array, train: bool, **given: Array
    ) -> tuple[Array, PyTree]:
        if train:
            for i, kind in enumerate(kinds):
                k_kind = jax.random.fold_in(jax.random.fold_in(key, DISC_AUGMENT), i)
                x = KINDS[kind](x, k_kind)
        return net.apply(params, vars, x, key, train, **given)

    return net._replace(apply=apply, rows_are_independent=False)
