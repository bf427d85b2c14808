"""A config's game: the losses of both players as pure functions of (params, state, draw)."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from gan_jax import data, nets, optim
from gan_jax.config import choose
from gan_jax.dynamics import Draw, Game, Metrics, Params
from gan_jax.nets.views import VIEWS
from gan_jax.objectives import OBJECTIVES
from gan_jax.penalties import PENALTIES
from gan_jax.types import Array, GanState, Hypers, Player, PyTree

# What a draw's key is folded with, so that both players meet the same fakes and the same masks.
LATENT, GEN_DROPOUT, REAL_DROPOUT, FAKE_DROPOUT, PENALTY, PENALTY_DROPOUT = range(6)


class Setup(NamedTuple):
    """The static part of a config, as functions."""

    gen: nets.Net
    disc: nets.Net
    view: Callable[[Array], Array]  # what disc decides on
    latent: Callable[[Array, int], Array]  # (key, n) -> z [n, Z]
    objective: Callable[..., Any]
    penalty: Callable[..., Array] | None
    gen_optimizer: Callable[..., optax.GradientTransformation]  # of the player's numbers
    disc_optimizer: Callable[..., optax.GradientTransformation]
    one_pass: bool  # reals and fakes go through disc together
    shape: tuple[int, ...]  # of one example


def make_setup(config: ConfigDict) -> Setup:
    """Networks, noise, objective, optimisers. ConfigError where a name or argument is unknown."""
    spec = data.spec(config.data.name, config.data.dir)
    natural = (
        {-1.0: "tanh", 0.0: "sigmoid"}[config.data.low] if spec.kind == "image" else "identity"
    )
    disc = nets.make_discriminator(config.disc.net, config.disc.args)

    def optimizer(player: ConfigDict) -> Callable[..., optax.GradientTransformation]:
        return optim.make_optimizer(
            player.optimizer, player.schedule, player.clip > 0, player.weight_decay > 0
        )

    return Setup(
        gen=nets.make_generator(config.gen.net, config.gen.args, spec.shape, natural),
        disc=disc,
        view=VIEWS[choose("disc.view", config.disc.view, VIEWS)],
        latent=make_latent(config.latent),
        objective=OBJECTIVES[choose("objective", config.objective, OBJECTIVES)],
        penalty={**PENALTIES, "none": None}[
            choose("penalty.name", config.penalty.name, [*PENALTIES, "none"])
        ],
        gen_optimizer=optimizer(config.gen),
        disc_optimizer=optimizer(config.disc),
        one_pass=disc.rows_are_independent and config.disc.view == "sample",
        shape=spec.shape,
    )


def make_latent(latent: ConfigDict) -> Callable[[Array, int], Array]:
    """(key, n) -> z [n, Z], from N(0, 1) or U[low, high)."""
    dim, low, high = latent.dim, latent.low, latent.high
    laws: dict[str, Callable[[Array, int], Array]] = {
        "normal": lambda key, n: jax.random.normal(key, (n, dim)),
        "uniform": lambda key, n: jax.random.uniform(key, (n, dim), minval=low, maxval=high),
    }
    return laws[choose("latent.law", latent.law, laws)]


def make_game(setup: Setup, hypers: Hypers) -> Game:
    """The game at these numbers."""
    return Game(
        disc_loss=functools.partial(disc_loss, setup, hypers),
        gen_loss=functools.partial(gen_loss, setup, hypers),
        disc_update=functools.partial(update, setup.disc_optimizer(hypers.disc)),
        gen_update=functools.partial(update, setup.gen_optimizer(hypers.gen)),
    )


def update(optimizer: optax.GradientTransformation, player: Player, grads: PyTree) -> Player:
    """One step of a player's own optimiser."""
    updates, opt = optimizer.update(grads, player.opt, player.params)
    return player.replace(params=optax.apply_updates(player.params, updates), opt=opt)


def fakes(setup: Setup, params: Params, state: GanState, draw: Draw) -> tuple[Array, PyTree]:
    """G(z) for the draw's noise, [B, ...], and gen's new vars."""
    z = setup.latent(jax.random.fold_in(draw.key, LATENT), draw.real.shape[0])
    key = jax.random.fold_in(draw.key, GEN_DROPOUT)
    return setup.gen.apply(params.gen, state.gen.vars, z, key, train=True)


def judge(
    setup: Setup, params: Params, state: GanState, draw: Draw, fake: Array
) -> tuple[Array, Array, PyTree]:
    """Logits of reals and of fakes, one pass each, and disc's new vars."""
    k_real, k_fake = (jax.random.fold_in(draw.key, role) for role in (REAL_DROPOUT, FAKE_DROPOUT))
    real_x = setup.view(draw.real)
    real_B, vars = setup.disc.apply(params.disc, state.disc.vars, real_x, k_real, train=True)
    fake_B, vars = setup.disc.apply(params.disc, vars, setup.view(fake), k_fake, train=True)
    return real_B, fake_B, vars


def judge_together(
    setup: Setup, params: Params, state: GanState, draw: Draw, fake: Array
) -> tuple[Array, Array, PyTree]:
    """The same in one pass, for a disc whose rows are independent: larger, faster products."""
    x, key = jnp.concatenate([draw.real, fake]), jax.random.fold_in(draw.key, REAL_DROPOUT)
    logits, vars = setup.disc.apply(params.disc, state.disc.vars, x, key, train=True)
    real_B, fake_B = jnp.split(logits, 2)
    return real_B, fake_B, vars


def disc_loss(
    setup: Setup, hypers: Hypers, params: Params, state: GanState, draw: Draw
) -> tuple[Array, tuple[PyTree, Metrics]]:
    """loss_scale * mean objective + weight * mean penalty, a function of gen's parameters too."""
    fake = fakes(setup, params, state, draw)[0]
    both = judge_together if setup.one_pass else judge
    real_B, fake_B, vars = both(setup, params, state, draw, fake)
    losses = setup.objective(real_B, fake_B, **hypers.objective)
    loss = hypers.game["loss_scale"] * losses.disc.mean()
    metrics = _disc_metrics(real_B, fake_B) | {"disc_loss": loss}
    if setup.penalty:
        penalty = _penalty(setup, hypers, params, state, draw, fake)
        loss, metrics["penalty"] = loss + hypers.penalty["weight"] * penalty, penalty
    return loss, (vars, metrics)


def _penalty(
    setup: Setup, hypers: Hypers, params: Params, state: GanState, draw: Draw, fake: Array
) -> Array:
    assert setup.penalty is not None

    def critic(x: Array) -> Array:
        key = jax.random.fold_in(draw.key, PENALTY_DROPOUT)
        return setup.disc.apply(params.disc, state.disc.vars, x, key, train=True)[0]

    numbers = {k: v for k, v in hypers.penalty.items() if k != "weight"}
    key = jax.random.fold_in(draw.key, PENALTY)
    real_x, fake_x = setup.view(draw.real), setup.view(fake)
    return setup.penalty(critic, real_x, fake_x, key, **numbers).mean()


def gen_loss(
    setup: Setup, hypers: Hypers, params: Params, state: GanState, draw: Draw
) -> tuple[Array, tuple[PyTree, Metrics]]:
    """Mean objective of gen. Logits of reals cost nothing where it does not ask for them."""
    fake, vars = fakes(setup, params, state, draw)
    real_B, fake_B, _ = judge(setup, params, state, draw, fake)
    loss = setup.objective(real_B, fake_B, **hypers.objective).gen.mean()
    return loss, (vars, {"gen_loss": loss})


def _disc_metrics(real_B: Array, fake_B: Array) -> Metrics:
    return {
        "d_real": jax.nn.sigmoid(real_B).mean(),
        "d_fake": jax.nn.sigmoid(fake_B).mean(),
        "acc_real": (real_B > 0).mean(dtype=real_B.dtype),
        "acc_fake": (fake_B < 0).mean(dtype=fake_B.dtype),
    }
