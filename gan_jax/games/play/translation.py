"""What games that map pictures to pictures have in common: checks, draws and displays."""

import math

import jax
import jax.numpy as jnp

from gan_jax.games.play import SAMPLES, averaged, infer
from gan_jax.games.play.draws import repeat
from gan_jax.games.play.parts import Parts
from gan_jax.host.errors import ConfigError
from gan_jax.types import Array, Batch, Draw, State


def check_pictures(parts: Parts, game: str) -> None:
    """ConfigError unless there are two domains of pictures and gen maps pictures to pictures."""
    if parts.other_shape is None:
        raise ConfigError(
            f"game {game!r} maps pictures of one domain to another, but these data have only one: "
            "expected data.name 'emoji_pairs', or 'folder' with data.dir and data.dir_b"
        )
    if not parts.gen.translates:
        raise ConfigError(
            f"game {game!r} maps pictures to pictures, but this gen.net maps latents: expected "
            "gen.net 'pix2pix' or 'cyclegan'"
        )
    if parts.other_shape[:2] != parts.shape[:2]:
        raise ConfigError(
            f"game {game!r} keeps the size of a picture, but the two domains have sizes "
            f"{parts.other_shape[:2]} and {parts.shape[:2]}: expected the same"
        )


def make_draws(batch: Batch, keys: Array) -> Draw:
    """A step's draws, which have no latents: the only noise is dropout."""
    return Draw(repeat(Batch(batch.x, other=batch.other), len(keys)), None, keys)


def translate(parts: Parts, name: str, state: State, x: Array, label: None = None) -> Array:
    """Translations of examples x [n, ...] by a generator's average, or by itself without one.

    Dropout is drawn from the state's key.
    """
    key = jax.random.fold_in(state.key, SAMPLES)
    return infer(parts.gen, *averaged(state, name), x, key=key)


def no_latents(key: Array, n: int) -> Array:
    """A placeholder for samplers that take pictures, not latents: see Sampler.of."""
    raise TypeError("pictures are made of pictures here, not of latents")


def in_rows(*pictures: Array) -> Array:
    """Arranges the i-th of each of `pictures` [N, H, W, C] side by side, in a near-square grid.

    Grey pictures become colour pictures if others are in colour. Pictures without partners, and the
    last ones that do not fill a row, are left out. Returns [rows, columns, ...].
    """
    channels, n = max(x.shape[-1] for x in pictures), min(map(len, pictures))
    pictures = tuple(x[:n] for x in pictures)
    each = jnp.stack([jnp.broadcast_to(x, (*x.shape[:-1], channels)) for x in pictures], 1)
    k = len(pictures)
    beside = max(1, min(n, round(math.sqrt(n / k))))
    rows = n // beside
    return each[: rows * beside].reshape(rows, beside * k, *each.shape[2:])
