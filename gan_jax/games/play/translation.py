"""What games that map pictures to pictures have in common: their checks, and how they are shown."""

import math

import jax
import jax.numpy as jnp

from gan_jax.games.play import SAMPLES, averaged, infer
from gan_jax.games.play.draws import repeat
from gan_jax.games.play.parts import Parts
from gan_jax.host.errors import ConfigError
from gan_jax.types import Array, Batch, Draw, State


def check_pictures(parts: Parts, game: str) -> None:
    """ConfigError where there are no two domains of pictures, or gen does not map pictures."""
    if parts.other_shape is None:
        raise ConfigError(
            f"game {game!r} maps pictures of one domain to another, and these data have one: "
            "expected data.name 'emoji_pairs', or 'folder' with data.dir and data.dir_b"
        )
    if not parts.gen.translates:
        raise ConfigError(
            f"game {game!r} maps pictures to pictures, and this gen.net maps latents: expected "
            "gen.net 'pix2pix' or 'cyclegan'"
        )
    if parts.other_shape[:2] != parts.shape[:2]:
        raise ConfigError(
            f"game {game!r} keeps the sides of a picture, and these are {parts.other_shape[:2]} "
            f"and {parts.shape[:2]}: expected the same"
        )


def make_draws(batch: Batch, keys: Array) -> Draw:
    """A step's draws, of the pictures alone: what noise there is comes of dropout."""
    return Draw(repeat(Batch(batch.x, other=batch.other), len(keys)), None, keys)


def translate(parts: Parts, name: str, state: State, x: Array, label: None = None) -> Array:
    """What a generator's average, or itself where none is kept, makes of examples [n, ...].

    With the dropout that the state's key gives.
    """
    key = jax.random.fold_in(state.key, SAMPLES)
    return infer(parts.gen, *averaged(state, name), x, key=key)


def no_latents(key: Array, n: int) -> Array:
    """The latent of samplers that have none: see Sampler.of."""
    raise TypeError("pictures are made of pictures here, not of latents")


def in_rows(*pictures: Array) -> Array:
    """Pictures [N, H, W, C] that belong together side by side, as a near-square [rows, columns].

    Grey ones among them are shown in colour. Those that have no partners, and the last ones that
    fill no row, are left out.
    """
    channels, n = max(x.shape[-1] for x in pictures), min(map(len, pictures))
    pictures = tuple(x[:n] for x in pictures)
    each = jnp.stack([jnp.broadcast_to(x, (*x.shape[:-1], channels)) for x in pictures], 1)
    k = len(pictures)
    beside = max(1, min(n, round(math.sqrt(n / k))))
    rows = n // beside
    return each[: rows * beside].reshape(rows, beside * k, *each.shape[2:])
