"""The GAN: gen turns noise into fakes, disc tells reals from fakes. Goodfellow et al. 2014.

disc descends  loss_scale * mean objective.disc + penalty.weight * mean penalty,
gen descends   mean objective.gen (+ the mean of the penalty's own part for gen),

each with the other player's parameters held fixed, on the same reals, fakes, noise and, where a
network has dropout, masks.
"""

import functools

import jax
import jax.numpy as jnp

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
from gan_jax.games.play.draws import as_many_fakes, as_many_reals, make_draws, make_fakes
from gan_jax.games.play.labels import class_accuracy, class_losses
from gan_jax.games.play.last_layer import with_held_direction
from gan_jax.games.play.parts import Parts
from gan_jax.games.play.penalties import penalize_disc, penalize_gen
from gan_jax.games.play.regularisers import (
    clip_weights,
    direction_alone,
    first_pull,
    mean_of_fakes,
    noisy,
    normed_pull,
)
from gan_jax.games.play.standing import check_standing, settled
from gan_jax.games.play.terms import Case, Memory
from gan_jax.nets.layers import heads_of, logit_of, of_example
from gan_jax.objectives import rescale_gradient
from gan_jax.types import (
    Array,
    Decision,
    Draw,
    Game,
    Hypers,
    Metrics,
    Move,
    Notes,
    Sampler,
    State,
)

LossAndNotes = tuple[Array, Notes]


def make(parts: Parts) -> Game:
    """The game of a config's parts."""
    check_standing(parts)
    draw_samples = functools.partial(sample, parts, "gen")
    classes = parts.classes if "label" in parts.gen.takes else 0
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
        one_draw=lambda batch, z, key: Draw(batch, z, key, batch.label),
        precompute=functools.partial(make_fakes, parts),
        inputs=functools.partial(first_inputs, parts),
        memory=parts.memory | (first_pull() if parts.norms_pull else {}),
        samplers={"samples": Sampler("gen", parts.latent, draw_samples, parts.own, classes)},
        settle=functools.partial(settled, parts, "gen") if parts.standing_batches else None,
        decision=Decision(
            parts.decision_size, parts.view, functools.partial(decide, parts, "disc")
        ),
    )


def disc_loss(parts: Parts, play: Play, draw: Draw, h: Hypers) -> LossAndNotes:
    """disc's loss. The fakes are not detached, so it is a function of gen's parameters too."""
    draw = as_many_fakes(draw)
    fake = play("gen", draw.z, GEN_DROPOUT, label=draw.label)
    return disc_objective(parts, play, h, make_case(parts, play, draw, h, fake))


def disc_objective(parts: Parts, play: Play, h: Hypers, case: Case) -> LossAndNotes:
    """loss_scale * mean objective + weight * mean penalty, from a discriminator's logits."""
    losses, memory = parts.objective(case, **h.objective)
    loss = h.game["loss_scale"] * losses.disc.mean()
    metrics = disc_metrics(case, memory) | {"disc_loss": loss}
    if case.direction:
        loss += (case.direction[1] - case.direction[0]).mean()
    if "class" in case.real_heads:
        class_loss = sum(class_losses(case))
        metrics |= {"class_loss": class_loss, "class_acc": class_accuracy(case)}
        loss += h.game["disc_class_weight"] * class_loss
    case = case._replace(memory=memory)
    loss, penalties, memory = penalize_disc(parts.penalties, play, h, loss, case)
    return loss, play.notes(metrics | penalties, memory)


def gen_loss(parts: Parts, play: Play, draw: Draw, h: Hypers) -> LossAndNotes:
    """gen's loss. Where the objective ignores the logits of reals, the compiler removes them."""
    draw = as_many_reals(draw)
    fake = play("gen", draw.z, GEN_DROPOUT, label=draw.label)
    shown = rescale_gradient(fake, h.game["rescale_gradient"]) if parts.rescales else fake
    memory: Memory = {}
    if parts.norms_pull:
        to_disc = functools.partial(make_case, parts, play.aside(), draw, h)
        pull = jax.grad(lambda x: through_disc(parts, play, h, to_disc(x))[1])(fake)
        shown, memory = normed_pull(play, h, fake, pull)
    case = make_case(parts, play, draw, h, shown)._replace(own=fake)
    loss, notes = gen_objective(parts, play, h, case)
    return loss, notes._replace(memory=memory)


def gen_objective(parts: Parts, play: Play, h: Hypers, case: Case) -> LossAndNotes:
    """Mean objective + gen's parts of the penalties, from a discriminator's logits."""
    loss, total = through_disc(parts, play, h, case)
    return penalize_gen(parts.penalties, h, total, case), play.notes({"gen_loss": loss})


def through_disc(parts: Parts, play: Play, h: Hypers, case: Case) -> tuple[Array, Array]:
    """gen's mean objective, without and with acgan's class term."""
    loss_B = -case.fake_B if parts.slices else parts.objective(case, **h.objective)[0].gen
    loss = mean_of_fakes(parts, play, h, loss_B, case.fake_B)
    if "class" not in case.fake_heads:
        return loss, loss
    return loss, loss + h.game["gen_class_weight"] * class_losses(case)[1]


def make_case(parts: Parts, play: Play, draw: Draw, h: Hypers, fake: Array) -> Case:
    """What objectives and penalties are computed from: the draw as disc sees it, and its logits."""
    assert draw.z is not None
    real, fake = (
        parts.view(noisy(parts, play, h, role, x))
        for role, x in ((REAL_NOISE, draw.batch.x), (FAKE_NOISE, fake))
    )
    labels = parts.label_view(draw.batch.label), parts.label_view(draw.label)
    shown = ("disc", real, fake, (REAL_DROPOUT, FAKE_DROPOUT))
    held = play.with_params("disc", with_held_direction) if parts.slices else play
    real_y, fake_y, around = (
        held.pair_with_slopes(*shown, label=labels)
        if parts.wants_slopes
        else (*held.pair(*shown, label=labels), None)
    )
    generate = play.pure("gen", GEN_DROPOUT, label=draw.label)
    return Case(
        real=real,
        fake=fake,
        real_B=logit_of(real_y),
        fake_B=logit_of(fake_y),
        critic=held.critic("disc", PENALTY_DROPOUT, label=labels[0]),
        critic_of_fakes=held.critic("disc", PENALTY_DROPOUT, label=labels[1]),
        encode=play.encoder("disc"),
        generate=lambda z: parts.view(generate(z)),
        z=draw.z,
        key=play.key(PENALTY),
        memory={name: play.memory[name] for name in parts.memory},
        labels=labels,
        real_heads=heads_of(real_y),
        fake_heads=heads_of(fake_y),
        around=around,
        direction=direction_alone(play, *shown, label=labels) if parts.slices else None,
        mean_features=play.mean_features("disc", PENALTY_DROPOUT, label=labels[0]),
        step=play.step,
    )


def disc_metrics(case: Case, memory: Memory) -> Metrics:
    """d_real, d_fake: mean sig(logit); acc_real, acc_fake: the share with the right sign."""
    real_B, fake_B = case.real_B, case.fake_B
    found = {
        "d_real": jax.nn.sigmoid(real_B).mean(),
        "d_fake": jax.nn.sigmoid(fake_B).mean(),
        "acc_real": (real_B > 0).mean(dtype=real_B.dtype),
        "acc_fake": (fake_B < 0).mean(dtype=fake_B.dtype),
    }
    return found | {name: memory[name] for name in ("balance",) if name in memory}


def first_inputs(parts: Parts, key: Array) -> dict[str, Array]:
    """Inputs for initialising the networks: enough for two decisions, as batch norm needs two."""
    seen = parts.view(jnp.zeros((2 * parts.decision_size, *parts.shape)))
    return {"gen": parts.latent(key, 2), "disc": seen}


def sample(parts: Parts, name: str, state: State, z: Array, label: Array | None = None) -> Array:
    """Samples [n, ...] of a generator's average, or of itself where no average is kept."""
    return infer(parts.gen, *averaged(state, name), z, label)


def decide(parts: Parts, name: str, state: State, seen: Array, label: Array | None = None) -> Array:
    """A discriminator's logits of the views in seen; label holds the label of each sample."""
    disc = state.players[name]
    y = infer(parts.disc, disc.params, disc.vars, seen, parts.label_view(label))
    return of_example(y, jnp.mean)
