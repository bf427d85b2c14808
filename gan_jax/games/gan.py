"""The GAN: gen turns noise into fakes, disc tells reals from fakes. Goodfellow et al. 2014.

disc descends  loss_scale * mean objective.disc + penalty.weight * mean penalty,
gen descends   mean objective.gen,

each at the other's parameters, on the same fakes, noise and dropout masks.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.games.play import (
    FAKE_DROPOUT,
    FAKE_NOISE,
    GEN_DROPOUT,
    LATENT,
    PENALTY,
    PENALTY_DROPOUT,
    REAL_DROPOUT,
    REAL_NOISE,
    Play,
    asked,
    averaged,
)
from gan_jax.games.play.parts import Parts
from gan_jax.games.play.terms import Case, Memory
from gan_jax.objectives import rescale_gradient
from gan_jax.types import (
    Array,
    Batch,
    Decision,
    Draw,
    Game,
    Hypers,
    Metrics,
    Move,
    Notes,
    Player,
    Sampler,
    State,
)

Loss = tuple[Array, Notes]


def make(parts: Parts) -> Game:
    """The game of a config's parts."""
    draw_samples = functools.partial(sample, parts, "gen")
    return Game(
        nets={"gen": parts.gen, "disc": parts.disc},
        moves=(
            Move(("disc",), functools.partial(disc_loss, parts), parts.k_disc),
            Move(("gen",), functools.partial(gen_loss, parts), parts.k_gen),
        ),
        play=Play,
        optimizer=lambda name, h: parts.optimizers[name](h.players[name]),
        project=functools.partial(clip_weights, parts),
        draw=functools.partial(make_draws, parts),
        meet=lambda x, z, key: Draw(Batch(x), z, key),
        make=lambda play, draw: play.made("gen", draw.z, GEN_DROPOUT, label=draw.label),
        inputs=functools.partial(first_inputs, parts),
        memory=parts.memory,
        samplers={"samples": Sampler("gen", parts.latent, draw_samples, parts.own)},
        decision=Decision(parts.decision, parts.view, functools.partial(decide, parts, "disc")),
    )


def disc_loss(parts: Parts, play: Play, draw: Draw, h: Hypers) -> Loss:
    """That disc tells reals from fakes: a function of gen's parameters too."""
    fake = play("gen", draw.z, GEN_DROPOUT, label=draw.label)
    return tell_apart(parts, play, h, show(parts, play, draw, h, fake))


def tell_apart(parts: Parts, play: Play, h: Hypers, case: Case) -> Loss:
    """loss_scale * mean objective + weight * mean penalty, of a discriminator's logits."""
    losses, memory = parts.objective(case, **h.objective)
    loss = h.game["loss_scale"] * losses.disc.mean()
    metrics = disc_metrics(case, memory) | {"disc_loss": loss}
    if parts.penalty:
        penalty, memory = mean_penalty(parts, play, h, case._replace(memory=memory))
        loss, metrics["penalty"] = loss + h.penalty["weight"] * penalty, penalty
    return loss, play.notes(metrics, memory)


def gen_loss(parts: Parts, play: Play, draw: Draw, h: Hypers) -> Loss:
    """Mean objective of gen. Logits of reals cost nothing where it does not ask for them."""
    fake = play("gen", draw.z, GEN_DROPOUT, label=draw.label)
    if parts.rescales:
        fake = rescale_gradient(fake, h.game["rescale_gradient"])
    case = show(parts, play, draw, h, fake)
    loss = parts.objective(case, **h.objective)[0].gen.mean()
    metrics = {"gen_loss": loss}
    if parts.gen_penalty:
        loss += parts.gen_penalty(case, **_numbers(h)).mean()
    return loss, play.notes(metrics)


def show(parts: Parts, play: Play, draw: Draw, h: Hypers, fake: Array) -> Case:
    """The draw as disc sees it, and disc's logits: all that objectives and penalties look at."""
    assert draw.z is not None
    real, fake = (
        parts.view(noisy(parts, play, h, role, x))
        for role, x in ((REAL_NOISE, draw.batch.x), (FAKE_NOISE, fake))
    )
    labels = (draw.batch.label, draw.label)
    real_B, fake_B = play.pair("disc", real, fake, (REAL_DROPOUT, FAKE_DROPOUT), label=labels)
    generate = play.critic("gen", GEN_DROPOUT, label=draw.label)
    return Case(
        real=real,
        fake=fake,
        real_B=real_B,
        fake_B=fake_B,
        critic=play.critic("disc", PENALTY_DROPOUT, label=draw.batch.label),
        encode=play.encoder("disc"),
        generate=lambda z: parts.view(generate(z)),
        z=draw.z,
        key=play.key(PENALTY),
        memory={name: play.memory[name] for name in parts.memory},
    )


def noisy(parts: Parts, play: Play, h: Hypers, role: int, x: Array) -> Array:
    """x + std N(0, 1), std falling linearly to 0 over instance_noise_steps, where they are given.

    Instance noise, Sonderby et al. 2017, Arjovsky and Bottou 2017; in the units that disc sees.
    """
    if not parts.is_noisy:
        return x
    std, steps = h.game["instance_noise"], h.game["instance_noise_steps"]
    left = jnp.where(steps > 0, jnp.maximum(1 - play.step / jnp.maximum(steps, 1), 0), 1)
    return x + (std * left * jax.random.normal(play.key(role), x.shape)).astype(x.dtype)


def mean_penalty(parts: Parts, play: Play, h: Hypers, case: Case) -> tuple[Array, Memory]:
    """The mean penalty; with penalty.every_steps n, in every n-th step, n times."""
    term, every = parts.penalty, parts.penalty_every
    assert term

    def now() -> tuple[Array, Memory]:
        penalty, memory = term(case, **_numbers(h))
        return every * penalty.mean(), memory

    if every == 1:
        return now()
    return lax.cond(play.step % every == 0, now, lambda: (jnp.zeros(()), case.memory))


def _numbers(h: Hypers) -> dict[str, Array]:
    return {name: value for name, value in h.penalty.items() if name != "weight"}


def disc_metrics(case: Case, memory: Memory) -> Metrics:
    """d_real, d_fake: the mean of sig(logit); acc_real, acc_fake: the share with the right sign."""
    real_B, fake_B = case.real_B, case.fake_B
    found = {
        "d_real": jax.nn.sigmoid(real_B).mean(),
        "d_fake": jax.nn.sigmoid(fake_B).mean(),
        "acc_real": (real_B > 0).mean(dtype=real_B.dtype),
        "acc_fake": (fake_B < 0).mean(dtype=fake_B.dtype),
    }
    return found | {name: memory[name] for name in ("balance",) if name in memory}


def clip_weights(parts: Parts, name: str, player: Player, h: Hypers) -> Player:
    """Every weight of a discriminator into [-c, c]. Arjovsky et al. 2017, algorithm 1."""
    if not (parts.clips and name.startswith("disc")):
        return player
    c = h.game["clip_weights"]
    return player.replace(params=jax.tree.map(lambda w: jnp.clip(w, -c, c), player.params))


def make_draws(parts: Parts, batch: Batch, keys: Array) -> Draw:
    """A step's draws: a key each, from which the latents follow."""

    def latent(key: Array) -> Array:
        return parts.latent(jax.random.fold_in(key, LATENT), batch.x.shape[1])

    takes_labels = "label" in parts.gen.takes | parts.disc.takes
    batch = repeat(Batch(batch.x, batch.label if takes_labels else None), len(keys))
    return Draw(batch, jax.vmap(latent)(keys), keys, batch.label)


def repeat(batch: Batch, n: int) -> Batch:
    """The examples of n draws: where n is above K, they come again in turn."""
    if n <= len(batch.x):
        return batch
    again = jnp.arange(n) % len(batch.x)
    return jax.tree.map(lambda a: a[again], batch)


def first_inputs(parts: Parts, key: Array) -> dict[str, Array]:
    """What the networks are initialised with."""
    seen = parts.view(jnp.zeros((2 * parts.decision, *parts.shape)))
    return {"gen": parts.latent(key, 2), "disc": seen}


def sample(parts: Parts, name: str, state: State, z: Array) -> Array:
    """Samples [n, ...] of a generator's average, or of itself where no average is kept."""
    return asked(parts.gen, *averaged(state, name), z)


def decide(parts: Parts, name: str, state: State, seen: Array) -> Array:
    """A discriminator's logits of views."""
    disc = state.players[name]
    return asked(parts.disc, disc.params, disc.vars, seen)
