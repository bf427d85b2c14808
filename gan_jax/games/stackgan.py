"""StackGAN: drawings of captions, in two stages trained one after the other. Zhang et al. 2017.

An example is a picture x and a text. In stage 1 gen_1 draws of latents and texts; in stage 2 gen_2
draws, of gen_1's pictures and the texts again, pictures of twice the sides, and gen_1 stays as it
is: a run of stage 2 takes it from one of stage 1 by --init_from. disc tells pictures with their
texts from fakes, and from real pictures with the texts of others (matching-aware). It descends

    loss_scale * mean (objective.disc(right, fake) + objective.disc(right, wrong)) / 2
    + penalty.weight * mean penalty,

and the stage's gen

    mean objective.gen + kl * KL(N(mean, std^2) || N(0, 1)),

the divergence of the distribution that a caption's code is drawn from, averaged over its numbers.
The paper sums over them and weighs the sum by 1; the authors' code has this mean and the weight 2.
"""

import functools

import jax
import jax.numpy as jnp

from gan_jax.games.gan import disc_metrics, through_disc
from gan_jax.games.play import (
    FAKE_DROPOUT,
    GEN_DROPOUT,
    LATENT,
    PENALTY,
    PENALTY_DROPOUT,
    REAL_DROPOUT,
    SAMPLES,
    Play,
    averaged,
    infer,
)
from gan_jax.games.play.draws import repeat
from gan_jax.games.play.parts import Parts
from gan_jax.games.play.penalties import penalize_disc
from gan_jax.games.play.refusals import TREATMENTS, refuse
from gan_jax.games.play.regularisers import clip_weights
from gan_jax.games.play.terms import Case
from gan_jax.games.play.translation import no_latents
from gan_jax.host.errors import ConfigError
from gan_jax.nets.layers import logit_of
from gan_jax.nets.stackgan import Drawing
from gan_jax.types import Array, Batch, Draw, Game, Hypers, Move, Net, Notes, Sampler, State

Loss = tuple[Array, Notes]
FIRST_STAGE, WRONG = 64, 65  # roles of gen_1's call in stage 2, and of disc's on wrong texts


def make(parts: Parts, *, stage: int = 1, kl: float = 2.0) -> Game:
    """The game of a config's parts. stage: 1 or 2."""
    check(parts, stage)
    gen, disc = f"gen_{stage}", f"disc_{stage}"
    nets = {"gen_1": parts.gen}
    if stage == 2:
        h, w, c = parts.shape
        nets = {"gen_1": parts.gen_with((h // 2, w // 2, c))}
        nets["gen_2"] = parts.gen_with(kind="Refiner")
    names = (parts, gen, disc)
    return Game(
        nets=nets | {disc: parts.disc},
        moves=(
            Move((disc,), functools.partial(disc_loss, *names), parts.k_disc),
            Move((gen,), functools.partial(gen_loss, *names, {"kl": kl}), parts.k_gen),
        ),
        play=Play,
        optimizer=lambda name, h: parts.optimizers[name[:-2]](h.players[name[:-2]]),
        project=functools.partial(clip_weights, parts),
        draw=functools.partial(make_draws, parts),
        one_draw=lambda batch, z, key: Draw(batch, latents(parts, batch.x, key), key),
        precompute=lambda play, draw: {},
        inputs=functools.partial(first_inputs, parts, tuple(nets)),
        memory=parts.memory,
        samplers={
            "samples": Sampler(
                gen, no_latents, functools.partial(sample, parts, nets), None, of="text"
            )
        },
        decision=None,
        gallery=functools.partial(drawings, parts, nets),
        taken=("gen_1",) if stage == 2 else (),
    )


def check(parts: Parts, stage: int) -> None:
    """ConfigError for what the game has no place for."""
    if stage not in (1, 2):
        raise ConfigError(f"game_args.stage is {stage}: expected 1 or 2")
    if not parts.text_length:
        raise ConfigError(
            "game 'stackgan' draws captions, and these data have no texts: expected data.name "
            "'emoji', or 'folder' with metadata.jsonl"
        )
    if not (parts.gen.reads and parts.disc.reads):
        raise ConfigError(
            "game 'stackgan' needs nets that read: expected gen.net and disc.net 'stackgan'"
        )
    if parts.decision_size > 1 or parts.classes or parts.penalizes_gen or parts.is_noisy:
        raise ConfigError(
            "game 'stackgan' has no place for packs, labels, penalties of latents or instance "
            "noise: expected disc.view 'sample', disc.pack 1, gen.condition 'none', "
            "disc.instance_noise 0, or another penalty"
        )
    refuse(parts, "stackgan", *TREATMENTS)


def drawn(stage_gen: str, play: Play, draw: Draw) -> Drawing:
    """The drawings that the stage's generator makes of a draw."""
    given, text = draw.z, draw.batch.text
    if stage_gen == "gen_2":
        given = play("gen_1", (given, text), FIRST_STAGE).x
    return play(stage_gen, (given, text), GEN_DROPOUT)


def disc_loss(parts: Parts, gen: str, disc: str, play: Play, draw: Draw, h: Hypers) -> Loss:
    """disc's loss: fakes, and real pictures with texts that are not theirs, are both fakes."""
    case = make_case(parts, disc, play, draw, drawn(gen, play, draw).x)
    assert draw.batch.text is not None
    text = jnp.roll(draw.batch.text, 1, axis=0)
    wrong_B = logit_of(play(disc, (draw.batch.x, text), WRONG))
    mismatched = case._replace(fake=draw.batch.x, fake_B=wrong_B)
    losses = [parts.objective(each, **h.objective)[0].disc for each in (case, mismatched)]
    loss = h.game["loss_scale"] * (losses[0].mean() + losses[1].mean()) / 2
    metrics = disc_metrics(case, case.memory) | {"disc_loss": loss}
    metrics["acc_wrong"] = (wrong_B < 0).mean(dtype=wrong_B.dtype)
    loss, penalties, memory = penalize_disc(parts.penalties, play, h, loss, case)
    return loss, play.notes(metrics | penalties, memory)


def gen_loss(
    parts: Parts,
    gen: str,
    disc: str,
    weights: dict[str, float],
    play: Play,
    draw: Draw,
    h: Hypers,
) -> Loss:
    """The stage's generator: to be taken for real with its texts, and to have smooth codes."""
    w, made = weights | h.game_args, drawn(gen, play, draw)
    loss = through_disc(parts, play, h, make_case(parts, disc, play, draw, made.x))[0]
    kl = divergence(made.mean, made.log_std)
    return loss + w["kl"] * kl, play.notes({"gen_loss": loss, "kl_loss": kl})


def divergence(mean: Array, log_std: Array) -> Array:
    """KL(N(mean, std^2) || N(0, 1)) of each number, averaged."""
    return (-log_std + (jnp.exp(2 * log_std) + mean**2 - 1) / 2).mean()


def make_case(parts: Parts, disc: str, play: Play, draw: Draw, fake: Array) -> Case:
    """Pictures with their texts as disc sees them, and its logits."""
    text, real = draw.batch.text, draw.batch.x
    real_y = play(disc, (real, text), REAL_DROPOUT)
    fake_y = play(disc, (fake, text), FAKE_DROPOUT)
    critic = play.critic(disc, PENALTY_DROPOUT)
    return Case(
        real=real,
        fake=fake,
        real_B=logit_of(real_y),
        fake_B=logit_of(fake_y),
        critic=lambda x: critic((x, text)),  # type: ignore[arg-type]
        encode=play.encoder(disc),
        generate=lambda z: z,
        z=real,
        key=play.key(PENALTY),
        memory={name: play.memory[name] for name in parts.memory},
    )


def make_draws(parts: Parts, batch: Batch, keys: Array) -> Draw:
    """A step's draws: a key each, from which the latents follow."""
    z = jax.vmap(lambda key: latents(parts, batch.x[0], key))(keys)
    return Draw(repeat(Batch(batch.x, text=batch.text), len(keys)), z, keys)


def latents(parts: Parts, x: Array, key: Array) -> Array:
    """As many latents as pictures x [B, ...]."""
    return parts.latent(jax.random.fold_in(key, LATENT), len(x))


def first_inputs(parts: Parts, gens: tuple[str, ...], key: Array) -> dict:
    """What the networks are initialised with."""
    text, x = jnp.ones((2, parts.text_length), jnp.int32), jnp.zeros((2, *parts.shape))
    inputs = {"gen_1": (parts.latent(key, 2), text), "gen_2": (x[:, ::2, ::2], text)}
    return {name: inputs[name] for name in gens} | {f"disc_{len(gens)}": (x, text)}


def sample(
    parts: Parts, nets: dict[str, Net], state: State, text: Array, label: None = None
) -> Array:
    """Drawings of texts [n, T] by the stage's average, with noise of the state's key."""
    key = jax.random.fold_in(state.key, SAMPLES)
    given = parts.latent(jax.random.fold_in(key, 0), text.shape[0])
    for i, (name, net) in enumerate(nets.items(), start=1):
        noise = jax.random.fold_in(key, i)
        given = infer(net, *averaged(state, name), (given, text), key=noise).x
    return given


def drawings(parts: Parts, nets: dict[str, Net], state: State, key: Array, batch: Batch) -> Array:
    """The picture of each text and three drawings of it; [texts, 4, ...]."""
    assert batch.text is not None
    keys = [jax.random.fold_in(key, i) for i in range(3)]
    made = [sample(parts, nets, state.replace(key=k), batch.text) for k in keys]
    return jnp.stack([batch.x, *made], 1)
