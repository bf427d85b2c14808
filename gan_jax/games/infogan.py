"""InfoGAN: a GAN whose fakes reveal the codes that they were made from. Chen et al. 2016.

A latent is noise, then a categorical code, then continuous codes; Q, a head on disc's last hidden
layer, predicts the codes of a fake. disc and gen descend the losses of a GAN, both plus

    info * mean (-log Q(category | fake) - sum of log Q(code | fake)),

which is minus the paper's lower bound on the mutual information between codes and fakes, without
the constant entropy of the codes. Q(code | fake) is a Gaussian with standard deviation 1, and Q's
layers are among disc's parameters. Labels are not used; the hope is that categories become classes.
"""

import functools

import jax
import jax.numpy as jnp
import optax

from gan_jax.games import gan
from gan_jax.games.play import GEN_DROPOUT, Play, averaged, infer
from gan_jax.games.play.parts import Draws, Parts
from gan_jax.games.play.refusals import refuse
from gan_jax.games.play.terms import Case
from gan_jax.host.errors import ConfigError
from gan_jax.nets.layers import heads_of
from gan_jax.nets.layers.codes import Codes
from gan_jax.objectives import rescale_gradient
from gan_jax.types import Array, Draw, Game, Hypers, Metrics, State

SHOWN, REACH = 8, 2.0  # the picture shows 8 values of a code, up to 2; in training codes end at 1
LOG_2PI = 1.8378770664093453


def make(parts: Parts, *, categories: int = 10, codes: int = 2, info: float = 1.0) -> Game:
    """The game of a config's parts. codes: how many continuous ones; info: the term's weight."""
    check(parts, categories, codes)
    asked, noise = Codes(categories, codes), parts.latent
    parts = parts._replace(disc=parts.disc_with(asked), latent=with_codes(noise, asked))
    game = gan.make(parts)
    losses = (
        functools.partial(loss, parts, asked, {"info": info}) for loss in (disc_loss, gen_loss)
    )
    return game._replace(
        moves=tuple(
            move._replace(loss=loss) for move, loss in zip(game.moves, losses, strict=True)
        ),
        gallery=functools.partial(traversals, parts, noise, asked),
        encoders={"category": functools.partial(category_logits, parts)},
    )


def check(parts: Parts, categories: int, codes: int) -> None:
    """ConfigError for settings that the game does not support."""
    if categories < 2 or codes < 1:
        raise ConfigError(
            f"game_args.categories is {categories} and game_args.codes {codes}: expected at least "
            "2 and 1"
        )
    if parts.classes:
        raise ConfigError(
            "game 'infogan' takes no labels: expected gen.condition and disc.condition 'none'"
        )
    if parts.decision_size > 1:
        raise ConfigError(
            "game 'infogan' asks for the codes of each fake: expected disc.view 'sample' and "
            "disc.pack 1"
        )
    refuse(parts, "infogan", "norms_pull", "more_fakes")
    if parts.penalizes_gen:
        raise ConfigError(
            "game 'infogan' does not support a penalty that moves latents, because its categories "
            "are discrete: expected another penalty.name"
        )


def with_codes(noise: Draws, codes: Codes) -> Draws:
    """(key, n) -> latents [n, Z]: noise, the one-hot category, and codes from U(-1, 1)."""

    def latent(key: Array, n: int) -> Array:
        k_noise, k_category, k_numbers = jax.random.split(key, 3)
        category = jax.random.randint(k_category, (n,), 0, codes.categories)
        numbers = jax.random.uniform(k_numbers, (n, codes.numbers), minval=-1.0)
        return jnp.concatenate(
            [noise(k_noise, n), jax.nn.one_hot(category, codes.categories), numbers], axis=1
        )

    return latent


def codes_of(z: Array, codes: Codes) -> tuple[Array, Array]:
    """The one-hot category [B, categories] and the numbers [B, codes] of latents."""
    first = z.shape[1] - codes.numbers
    return z[:, first - codes.categories : first], z[:, first:]


def disc_loss(
    parts: Parts, codes: Codes, weights: dict[str, float], play: Play, draw: Draw, h: Hypers
) -> gan.LossAndNotes:
    """disc's loss as in a GAN, plus the information term."""
    case = gan.make_case(parts, play, draw, h, play("gen", draw.z, GEN_DROPOUT))
    loss, notes = gan.disc_objective(parts, play, h, case)
    lost, metrics = mean_information_loss(case, codes)
    weight = (weights | h.game_args)["info"]
    return loss + weight * lost, notes._replace(metrics=notes.metrics | metrics)


def gen_loss(
    parts: Parts, codes: Codes, weights: dict[str, float], play: Play, draw: Draw, h: Hypers
) -> gan.LossAndNotes:
    """gen's loss as in a GAN, plus the information term."""
    fake = play("gen", draw.z, GEN_DROPOUT)
    if parts.rescales:
        fake = rescale_gradient(fake, h.game["rescale_gradient"])
    case = gan.make_case(parts, play, draw, h, fake)
    loss, notes = gan.gen_objective(parts, play, h, case)
    return loss + (weights | h.game_args)["info"] * mean_information_loss(case, codes)[0], notes


def mean_information_loss(case: Case, codes: Codes) -> tuple[Array, Metrics]:
    """The information term's mean, and the share of fakes whose category Q predicts correctly."""
    category, numbers = codes_of(case.z, codes)
    lost = information_loss(category, numbers, case.fake_heads["category"], case.fake_heads["mean"])
    is_right = case.fake_heads["category"].argmax(1) == category.argmax(1)
    metrics = {"info_loss": lost.mean(), "category_acc": is_right.mean(dtype=lost.dtype)}
    return lost.mean(), metrics


def information_loss(category: Array, numbers: Array, logits: Array, mean: Array) -> Array:
    """-log softmax(logits)[category] + sum of ((number - mean)^2 + log 2 pi) / 2 in nats, [B].

    category: one-hot, [B, categories], as the logits; numbers and mean: [B, codes].
    """
    of_numbers = (jnp.square(numbers - mean) + LOG_2PI).sum(1) / 2
    return optax.softmax_cross_entropy(logits, category) + of_numbers


def category_logits(parts: Parts, state: State, x: Array) -> Array:
    """Q's logits [N, categories] for examples [N, ...]."""
    return heads_of(infer(parts.disc, *averaged(state, "disc"), x))["category"]


def traversals(
    parts: Parts, noise: Draws, codes: Codes, state: State, key: Array, real: Array
) -> Array:
    """Samples with the same noise: a row for each category, a column for each value of a code.

    Each code has eight columns, the first code's on the left, in which it goes from -2 to 2 (twice
    its range in training, as in the paper's figure 2) while the other codes are 0.
    """
    values = jnp.linspace(-REACH, REACH, SHOWN)
    numbers = (jnp.eye(codes.numbers)[:, None] * values[None, :, None]).reshape(-1, codes.numbers)
    category = jnp.eye(codes.categories)
    shape = (len(category), len(numbers))
    z = jnp.concatenate(
        [
            jnp.broadcast_to(each, (*shape, each.shape[-1]))
            for each in (noise(key, 1), category[:, None], numbers[None])
        ],
        axis=-1,
    )
    x = gan.sample(parts, "gen", state, z.reshape(-1, z.shape[-1]))
    return x.reshape(*shape, *x.shape[1:])
