"""Drifting: a generator without a discriminator, whose samples drift towards the data. 2602.04770.

gen descends  mean over the batch of norm2(G(z) - stop(G(z) + V))^2,

with V = sum over radii of drift(G(z), reals, the other fakes): each sample is attracted by nearby
reals and repelled by nearby fakes, so V = 0 if both have the same distribution. The config's disc,
objective and penalty are not used.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.games.gan import sample
from gan_jax.games.play import GEN_DROPOUT, Play
from gan_jax.games.play.draws import make_draws
from gan_jax.games.play.parts import Parts
from gan_jax.games.play.refusals import TREATMENTS, refuse
from gan_jax.host.errors import ConfigError
from gan_jax.objectives.logits import square_norm
from gan_jax.types import Array, Draw, Game, Hypers, Move, Notes, Sampler

RADII = (0.02, 0.05, 0.2)  # in the units of the data


def make(parts: Parts, *, scale: float = 1.0) -> Game:
    """The game of a config's parts. scale: a factor for the radii .02, .05 and .2."""
    check(parts)
    draw_samples = functools.partial(sample, parts, "gen")
    loss = functools.partial(gen_loss, parts, {"scale": scale})
    return Game(
        nets={"gen": parts.gen},
        moves=(Move(("gen",), loss, parts.k_gen),),
        play=Play,
        optimizer=lambda name, h: parts.optimizers[name](h.players[name]),
        project=lambda name, player, h: player,
        draw=functools.partial(make_draws, parts),
        one_draw=Draw,
        precompute=lambda play, draw: {},
        inputs=lambda key: {"gen": parts.latent(key, 2)},
        memory={},
        samplers={"samples": Sampler("gen", parts.latent, draw_samples, parts.own)},
        decision=None,
    )


def check(parts: Parts) -> None:
    """ConfigError for settings that the game does not support."""
    refuse(parts, "drifting", *TREATMENTS)
    if parts.penalties or parts.disc.is_energy or parts.k_disc > 1:
        raise ConfigError(
            "game 'drifting' has no disc: expected penalty.name 'none', dynamics.k_disc 1 and an "
            "objective of logits, which it leaves aside"
        )
    if parts.classes:
        raise ConfigError("game 'drifting' takes no labels: expected gen.condition 'none'")


def gen_loss(
    parts: Parts, numbers: dict[str, float], play: Play, draw: Draw, h: Hypers
) -> tuple[Array, Notes]:
    """The mean squared distance from fakes to their drifted positions; notes the drift's length."""
    fake = play("gen", draw.z, GEN_DROPOUT)
    flat_BxD = fake.reshape(len(fake), -1)
    real_NxD = draw.batch.x.reshape(len(draw.batch.x), -1)
    radii = [(numbers | h.game_args)["scale"] * radius for radius in RADII]
    others = 1 - jnp.eye(len(flat_BxD), dtype=flat_BxD.dtype)
    here = lax.stop_gradient(flat_BxD)
    v = jnp.zeros_like(here)
    for radius in radii:
        v += drift(here, real_NxD, here, radius, others)
    loss = square_norm(flat_BxD - lax.stop_gradient(here + v)).mean()
    return loss, play.notes({"gen_loss": loss})


def drift(
    x_BxD: Array,
    real_NxD: Array,
    fake_MxD: Array,
    radius: Array | float,
    is_other_BxM: Array | None = None,
) -> Array:
    """The mean of reals near x minus the mean of fakes near x, [B, D]: attraction minus repulsion.

    The means have weights proportional to exp(-norm2(x - y) / radius). Attraction and repulsion are
    both mean - x, so x cancels in their difference. is_other_BxM: 0 where the fake is x itself.
    """
    to_reals = jax.nn.softmax(-_distances(x_BxD, real_NxD) / radius, axis=1)
    away = -_distances(x_BxD, fake_MxD) / radius
    if is_other_BxM is not None:
        away = jnp.where(is_other_BxM > 0, away, -jnp.inf)
    return to_reals @ real_NxD - jax.nn.softmax(away, axis=1) @ fake_MxD


def _distances(x_BxD: Array, y_NxD: Array) -> Array:
    """Distances from differences of coordinates, which stay accurate for nearby points."""
    return jnp.sqrt(jnp.sum((x_BxD[:, None, :] - y_NxD[None, :, :]) ** 2, axis=-1))
