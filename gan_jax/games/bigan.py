"""BiGAN: gen is trained together with an encoder, its inverse. Donahue et al. and Dumoulin et al.

gen maps latents z to examples, enc examples x to latents, and disc tells pairs (x, enc(x)) from
pairs (gen(z), z). disc descends

    loss_scale * mean objective.disc + penalty.weight * mean penalty,

and gen and enc together descend the mean of objective.disc with the two kinds of pairs exchanged,
as the authors train them: enc tries to make its pairs look like gen's, and gen the reverse. The
objective's own loss for gen is not used, so minimax and non_saturating are the same game here.

disc sees a pair as one vector, the flattened x and then z, and penalties act on this vector. enc
takes its optimiser and rates from the section gen, and its network, Encoder, from the file of
gen.net.
"""

import functools
import math

import jax.numpy as jnp

from gan_jax.games.gan import disc_objective, sample
from gan_jax.games.play import (
    FAKE_DROPOUT,
    FAKE_NOISE,
    GEN_DROPOUT,
    PENALTY,
    PENALTY_DROPOUT,
    REAL_DROPOUT,
    REAL_NOISE,
    Play,
    averaged,
    infer,
)
from gan_jax.games.play.draws import make_draws
from gan_jax.games.play.parts import Parts
from gan_jax.games.play.refusals import TREATMENTS, refuse
from gan_jax.games.play.regularisers import clip_weights, noisy
from gan_jax.games.play.terms import Case
from gan_jax.host.errors import ConfigError
from gan_jax.types import Array, Batch, Decision, Draw, Game, Hypers, Move, Notes, Sampler, State

Loss = tuple[Array, Notes]
ENC = 56  # the role of the encoder's calls
SECTIONS = {"gen": "gen", "enc": "gen", "disc": "disc"}


def make(parts: Parts) -> Game:
    """The game of a config's parts."""
    check(parts)
    assert parts.enc
    return Game(
        nets={"gen": parts.gen, "enc": parts.enc, "disc": parts.disc},
        moves=(
            Move(("disc",), functools.partial(disc_loss, parts), parts.k_disc),
            Move(("gen", "enc"), functools.partial(gen_and_enc_loss, parts), parts.k_gen),
        ),
        play=Play,
        optimizer=lambda name, h: parts.optimizers[SECTIONS[name]](h.players[SECTIONS[name]]),
        project=functools.partial(clip_weights, parts),
        draw=functools.partial(make_draws, parts),
        one_draw=Draw,
        precompute=precompute,
        inputs=functools.partial(first_inputs, parts),
        memory=parts.memory,
        samplers={
            "samples": Sampler(
                "gen", parts.latent, functools.partial(sample, parts, "gen"), parts.own
            )
        },
        decision=Decision(1, parts.view, functools.partial(decide, parts)),
        gallery=functools.partial(reconstructions, parts),
        encoders={
            "features": functools.partial(features, parts),
            "latent": functools.partial(encoded, parts),
        },
        averaged=("enc",),
    )


def check(parts: Parts) -> None:
    """ConfigError for settings that the game does not support."""
    if parts.enc is None:
        raise ConfigError(
            "game 'bigan' needs an encoder, but the file of gen.net has none: expected gen.net "
            "'bigan'"
        )
    if parts.decision_size > 1:
        raise ConfigError(
            "game 'bigan' judges pairs of an example and its latent: expected disc.view "
            "'sample' and disc.pack 1"
        )
    if parts.classes:
        raise ConfigError(
            "game 'bigan' takes no labels: expected gen.condition and disc.condition 'none'"
        )
    if not parts.disc.is_flat:
        raise ConfigError(
            "game 'bigan' shows disc an example and its latent as one vector, but this disc.net "
            "takes images: expected disc.net 'bigan', 'mlp' or 'maxout'"
        )
    if parts.disc.is_energy or parts.penalizes_gen or parts.augments:
        raise ConfigError(
            "game 'bigan' supports neither energies nor terms that change images or latents: "
            "expected another objective or penalty.name, and disc.augment 'none'"
        )
    refuse(parts, "bigan", *TREATMENTS)


def disc_loss(parts: Parts, play: Play, draw: Draw, h: Hypers) -> Loss:
    """disc's loss, on pairs."""
    return disc_objective(parts, play, h, make_case(parts, play, draw, h))


def gen_and_enc_loss(parts: Parts, play: Play, draw: Draw, h: Hypers) -> Loss:
    """disc's loss with the sides exchanged: one loss that gen and enc descend together."""
    case = make_case(parts, play, draw, h)
    exchanged = case._replace(real_B=case.fake_B, fake_B=case.real_B)
    loss = parts.objective(exchanged, **h.objective)[0].disc.mean()
    return loss, play.notes({"gen_loss": loss})


def make_case(parts: Parts, play: Play, draw: Draw, h: Hypers) -> Case:
    """The pairs of a draw as disc sees them, and its logits."""
    assert draw.z is not None
    code, fake = play("enc", draw.batch.x, ENC), play("gen", draw.z, GEN_DROPOUT)
    real = pairs(noisy(parts, play, h, REAL_NOISE, draw.batch.x), code)
    fake = pairs(noisy(parts, play, h, FAKE_NOISE, fake), draw.z)
    real_B, fake_B = play.pair("disc", real, fake, (REAL_DROPOUT, FAKE_DROPOUT))
    return Case(
        real=real,
        fake=fake,
        real_B=real_B,
        fake_B=fake_B,
        critic=play.critic("disc", PENALTY_DROPOUT),
        encode=play.encoder("disc"),
        generate=play.pure("gen", GEN_DROPOUT),
        z=draw.z,
        key=play.key(PENALTY),
        memory={name: play.memory[name] for name in parts.memory},
    )


def pairs(x: Array, z: Array) -> Array:
    """x [B, ...] and z [B, Z] as disc sees them: [B, D + Z]."""
    return jnp.concatenate([x.reshape(len(x), -1), z], axis=1)


def precompute(play: Play, draw: Draw) -> dict:
    """The fakes and the codes of reals that all losses of a draw share."""
    fakes = play.precompute("gen", draw.z, GEN_DROPOUT)
    return fakes | play.precompute("enc", draw.batch.x, ENC)


def first_inputs(parts: Parts, key: Array) -> dict[str, Array]:
    """What the networks are initialised with."""
    x, z = jnp.zeros((2, *parts.shape)), parts.latent(key, 2)
    return {"gen": z, "enc": x, "disc": pairs(x, z)}


def encoded(parts: Parts, state: State, x: Array) -> Array:
    """The latents [N, Z] of examples, by the encoder's average."""
    assert parts.enc
    return infer(parts.enc, *averaged(state, "enc"), x)


def features(parts: Parts, state: State, x: Array) -> Array:
    """The last hidden layer [N, F] of the encoder's average."""
    assert parts.enc
    assert parts.enc.encode
    return parts.enc.encode(*averaged(state, "enc"), x)


def decide(parts: Parts, state: State, x: Array, label: Array | None = None) -> Array:
    """disc's logits of pairs (x, enc(x)), whether x is real or fake."""
    assert parts.enc
    enc, disc = state.players["enc"], state.players["disc"]
    code = infer(parts.enc, enc.params, enc.vars, x)
    return infer(parts.disc, disc.params, disc.vars, pairs(x, code))


def reconstructions(parts: Parts, state: State, key: Array, batch: Batch) -> Array:
    """Samples, and reals with their reconstructions, as a grid [rows, columns, ...].

    On the left are about as many samples as there are reals [N, ...]; on the right, each row of
    reals is followed by a row with their gen(enc(x)).
    """
    real = batch.x
    side = max(2, 2 * round(math.sqrt(len(real)) / 2))
    shape = (side // 2, side, *real.shape[1:])
    real = real[jnp.arange(side * side // 2) % len(real)]
    again = sample(parts, "gen", state, encoded(parts, state, real))
    drawn = sample(parts, "gen", state, parts.latent(key, side * side))
    both = jnp.stack([real.reshape(shape), again.reshape(shape)], axis=1)
    left, right = (x.reshape(side, side, *shape[2:]) for x in (drawn, both))
    return jnp.concatenate([left, right], axis=1)
