"""pix2pix: gen maps a picture to one that belongs to it, learned from pairs. Isola et al. 2017.

An example is a picture x and what it is to be made of, its other. disc sees both, their channels
side by side, and tells pairs (other, x) from pairs (other, gen(other)). disc descends

    loss_scale * mean objective.disc + penalty.weight * mean penalty,

and gen

    adversarial * mean objective.gen + l1 * |x - gen(other)|,

the absolute difference averaged over the batch, pixels and channels. gen's noise is its dropout,
which samples have too. With l1 0 it is a conditional GAN alone, with adversarial 0 a regression.
The paper halves disc's loss: disc.loss_scale 0.5.
"""

import functools

import jax.numpy as jnp

from gan_jax.games.gan import decide, disc_objective, through_disc
from gan_jax.games.play import (
    FAKE_DROPOUT,
    FAKE_NOISE,
    GEN_DROPOUT,
    PENALTY,
    PENALTY_DROPOUT,
    REAL_DROPOUT,
    REAL_NOISE,
    Play,
)
from gan_jax.games.play.parts import Parts
from gan_jax.games.play.refusals import TREATMENTS, refuse
from gan_jax.games.play.regularisers import clip_weights, noisy
from gan_jax.games.play.terms import Case
from gan_jax.games.play.translation import (
    check_pictures,
    in_rows,
    make_draws,
    no_latents,
    translate,
)
from gan_jax.host.errors import ConfigError
from gan_jax.nets.layers import logit_of
from gan_jax.types import Array, Batch, Decision, Draw, Game, Hypers, Move, Notes, Sampler, State

Loss = tuple[Array, Notes]


def make(parts: Parts, *, l1: float = 100.0, adversarial: float = 1.0) -> Game:
    """The game of a config's parts."""
    check(parts)
    weights = {"l1": l1, "adversarial": adversarial}
    return Game(
        nets={"gen": parts.gen, "disc": parts.disc},
        moves=(
            Move(("disc",), functools.partial(disc_loss, parts), parts.k_disc),
            Move(("gen",), functools.partial(gen_loss, parts, weights), parts.k_gen),
        ),
        play=Play,
        optimizer=lambda name, h: parts.optimizers[name](h.players[name]),
        project=functools.partial(clip_weights, parts),
        draw=make_draws,
        one_draw=lambda batch, z, key: Draw(batch, None, key),
        precompute=lambda play, draw: play.precompute("gen", draw.batch.other, GEN_DROPOUT),
        inputs=functools.partial(first_inputs, parts),
        memory=parts.memory,
        samplers={
            "samples": Sampler(
                "gen", no_latents, functools.partial(translate, parts, "gen"), None, of="other"
            )
        },
        decision=Decision(1, parts.view, functools.partial(decide, parts, "disc"), beside),
        gallery=functools.partial(triples, parts),
    )


def check(parts: Parts) -> None:
    """ConfigError for what the game has no place for."""
    check_pictures(parts, "pix2pix")
    if not parts.is_paired:
        raise ConfigError(
            "game 'pix2pix' learns from pairs, and data.paired is False: expected data.paired "
            "True, or game 'cyclegan'"
        )
    if parts.decision_size > 1 or parts.classes:
        raise ConfigError(
            "game 'pix2pix' decides on pairs of pictures and takes no labels: expected disc.view "
            "'sample', disc.pack 1, gen.condition and disc.condition 'none'"
        )
    if parts.disc.is_energy or parts.penalizes_gen:
        raise ConfigError(
            "game 'pix2pix' has no place for energies, nor for what changes latents: expected "
            "another objective or penalty.name"
        )
    refuse(parts, "pix2pix", *TREATMENTS)


def disc_loss(parts: Parts, play: Play, draw: Draw, h: Hypers) -> Loss:
    """disc's loss, on pairs."""
    fake = play("gen", draw.batch.other, GEN_DROPOUT)
    return disc_objective(parts, play, h, make_case(parts, play, draw, h, fake))


def gen_loss(parts: Parts, weights: dict[str, float], play: Play, draw: Draw, h: Hypers) -> Loss:
    """gen's loss: to be taken for real beside its input, and to be near the picture wanted."""
    w = weights | h.game_args
    fake = play("gen", draw.batch.other, GEN_DROPOUT)
    adversarial = through_disc(parts, play, h, make_case(parts, play, draw, h, fake))[0]
    l1 = jnp.abs(draw.batch.x - fake).mean()
    metrics = {"gen_loss": adversarial, "l1_loss": l1}
    return w["adversarial"] * adversarial + w["l1"] * l1, play.notes(metrics)


def make_case(parts: Parts, play: Play, draw: Draw, h: Hypers, fake: Array) -> Case:
    """The pairs of a draw as disc sees them, and its logits."""
    real, fake = (
        parts.view(noisy(parts, play, h, role, beside(draw.batch, x)))
        for role, x in ((REAL_NOISE, draw.batch.x), (FAKE_NOISE, fake))
    )
    real_y, fake_y = play.pair("disc", real, fake, (REAL_DROPOUT, FAKE_DROPOUT))
    return Case(
        real=real,
        fake=fake,
        real_B=logit_of(real_y),
        fake_B=logit_of(fake_y),
        critic=play.critic("disc", PENALTY_DROPOUT),
        encode=play.encoder("disc"),
        generate=lambda z: z,
        z=real,
        key=play.key(PENALTY),
        memory={name: play.memory[name] for name in parts.memory},
    )


def beside(batch: Batch, x: Array) -> Array:
    """The pairs (other, x) as disc sees them, [B, H, W, C' + C]."""
    assert batch.other is not None
    return jnp.concatenate([batch.other, x], -1)


def first_inputs(parts: Parts, key: Array) -> dict[str, Array]:
    """What the networks are initialised with."""
    assert parts.other_shape
    x, other = jnp.zeros((2, *parts.shape)), jnp.zeros((2, *parts.other_shape))
    return {"gen": other, "disc": parts.view(beside(Batch(x, other=other), x))}


def triples(parts: Parts, state: State, key: Array, batch: Batch) -> Array:
    """Input, output and truth side by side, of each example; [rows, columns, ...]."""
    assert batch.other is not None
    return in_rows(batch.other, translate(parts, "gen", state, batch.other), batch.x)
