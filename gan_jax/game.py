"""A config's game, before it is played: networks, noise, terms and optimisers as functions."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from gan_jax import data, nets, optim, terms
from gan_jax.config import choose
from gan_jax.guard import guarded
from gan_jax.nets.normalise import NORMALISERS
from gan_jax.nets.views import VIEWS, pack
from gan_jax.terms import Memory
from gan_jax.types import Array, ConfigError

MEMORY = "memory"  # among disc's vars: what terms remember (began's balance, lecam's means)


class Setup(NamedTuple):
    """The static part of a config, as functions."""

    gen: nets.Net
    disc: nets.Net
    view: Callable[[Array], Array]  # what disc decides on, of a batch
    decision: int  # samples that it makes one decision of
    latent: Callable[[Array, int], Array]  # (key, n) -> z [n, Z]
    objective: Callable[..., Any]
    penalty: Callable[..., Any] | None
    gen_penalty: Callable[..., Array] | None
    penalty_every: int  # steps
    memory: Memory  # at the start
    gen_optimizer: Callable[..., optax.GradientTransformation]  # of the player's numbers
    disc_optimizer: Callable[..., optax.GradientTransformation]
    clips: bool  # disc's weights
    is_noisy: bool  # instance noise
    rescales: bool  # gen's gradient
    one_pass: bool  # reals and fakes go through disc together
    shape: tuple[int, ...]  # of one example


def make_setup(config: ConfigDict, objectives: Sequence[str] = ()) -> Setup:
    """Networks, noise, terms, optimisers. ConfigError where a name or argument is unknown.

    objectives: several, of logits, chosen by the traced number "index" instead of the config's one.
    """
    spec = data.spec(config.data.name, config.data.dir)
    natural = (
        {-1.0: "tanh", 0.0: "sigmoid"}[config.data.low] if spec.kind == "image" else "identity"
    )
    gen = nets.make_generator(config.gen.net, config.gen.args, spec.shape, natural)
    if spec.kind != "image":  # points have no range, of which their mean is a place inside
        gen = gen._replace(out_bias_from_data=False)
    view, decision = make_view(config)
    disc = make_disc(config, jax.eval_shape(view, jnp.zeros((decision, *spec.shape))).shape[1:])

    def optimizer(player: ConfigDict) -> Callable[..., optax.GradientTransformation]:
        build = optim.make_optimizer(
            player.optimizer, player.schedule, player.clip > 0, player.weight_decay > 0
        )
        return lambda numbers: guarded(build(numbers))

    return Setup(
        gen=gen,
        disc=disc,
        view=view,
        decision=decision,
        latent=make_latent(config.latent),
        objective=terms.objective_switch(objectives)
        if objectives
        else terms.objective_term(config.objective),
        penalty=terms.penalty_term(config.penalty.name),
        gen_penalty=terms.GEN_TERMS.get(config.penalty.name),
        penalty_every=config.penalty.every_steps,
        memory=terms.first_memory(config.objective, config.penalty.name),
        gen_optimizer=optimizer(config.gen),
        disc_optimizer=optimizer(config.disc),
        clips=config.disc.clip_weights > 0,
        is_noisy=config.disc.instance_noise > 0,
        rescales=config.gen.rescale_gradient > 0,
        one_pass=disc.rows_are_independent and config.disc.view == "sample",
        shape=spec.shape,
    )


def make_view(config: ConfigDict) -> tuple[Callable[[Array], Array], int]:
    """What disc decides on, and how many samples go into one decision."""
    view, m = VIEWS[choose("disc.view", config.disc.view, VIEWS)], config.disc.pack
    if config.disc.view != "sample":
        return view, config.batch_size
    return (functools.partial(pack, m=m), m) if m > 1 else (view, 1)


def make_disc(config: ConfigDict, shape: tuple[int, ...]) -> nets.Net:
    """Disc for what it sees of that shape, normalised. ConfigError where net and objective differ
    in what a judgement is."""
    disc = nets.make_discriminator(config.disc.net, config.disc.args, shape)
    if disc.is_energy != terms.is_energy(config.objective):
        needs, has = ("logits", "energies") if disc.is_energy else ("energies", "logits")
        raise ConfigError(
            f"objective {config.objective!r} is one of {needs}, and disc.net {config.disc.net!r} "
            f"gives {has}: choose a net or an objective of the other kind"
        )
    return NORMALISERS[choose("disc.normalise", config.disc.normalise, NORMALISERS)](disc)


def make_latent(latent: ConfigDict) -> Callable[[Array, int], Array]:
    """(key, n) -> z [n, Z], from N(0, 1) or U[low, high)."""
    dim, low, high = latent.dim, latent.low, latent.high
    laws: dict[str, Callable[[Array, int], Array]] = {
        "normal": lambda key, n: jax.random.normal(key, (n, dim)),
        "uniform": lambda key, n: jax.random.uniform(key, (n, dim), minval=low, maxval=high),
    }
    return laws[choose("latent.law", latent.law, laws)]
