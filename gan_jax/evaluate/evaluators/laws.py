"""Evaluators of laws, whose density, modes or distribution function is known."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax import data
from gan_jax.evaluate.evaluators.draws import STREAMS, Evaluator, Values, make_draw
from gan_jax.games import make_game
from gan_jax.metrics import divergences, mode_statistics
from gan_jax.metrics.divergence import estimated_optimum, ks_distance, parzen_density
from gan_jax.objectives import estimates_ratio
from gan_jax.types import Array, State

DECISIONS = 400  # of disc on each law, half of them for the density estimate


def law_on_the_line(config: ConfigDict, part: str = "eval") -> Evaluator | None:
    """mean, std and ks of the samples of a one-dimensional law, and disc_gap: mean |D - D*|.

    No gap where the objective's logit is not that of a D.
    """
    law = data.law(config.data.name)
    if law is None or not hasattr(law, "cdf"):
        return None
    draw, gap = make_draw(config, part), jax.jit(_make_disc_gap(config, part, law))
    has_gap = estimates_ratio(config.objective)

    def run(state: State) -> Values:
        x_N = draw(state, config.eval_samples)[:, 0].astype(np.float64)
        yield "mean", float(x_N.mean())
        yield "std", float(x_N.std())
        yield "ks", ks_distance(x_N, np.asarray(law.cdf(x_N, **config.data.args)))
        if has_gap:
            yield "disc_gap", float(gap(state))

    return run


def _make_disc_gap(config: ConfigDict, part: str, law: Any) -> Callable[[State], Array]:
    """Mean |D - D*| over what disc sees of both laws; D* from Parzen windows on other draws."""
    game, half = make_game(config), DECISIONS // 2
    sampler, (size, view, logits) = game.sampler, game.decision

    def seen(x: Array) -> Array:
        groups = x.reshape(DECISIONS, size, *x.shape[1:])
        return jax.vmap(view)(groups).reshape(DECISIONS, -1)

    def gap(state: State) -> Array:
        k_real, k_fake = jax.random.split(jax.random.fold_in(state.key, STREAMS[part]))
        n = DECISIONS * size
        real = seen(law.sample(k_real, n, **dict(config.data.args)))
        fake = seen(sampler.sample(state, sampler.latent(k_fake, n)))
        x = jnp.concatenate([real[:half], fake[:half]])
        best = estimated_optimum(real[half:], fake[half:], x)
        return jnp.abs(jax.nn.sigmoid(logits(state, x)) - best).mean()

    return gap


def modes_of_a_mixture(config: ConfigDict, part: str = "eval") -> Evaluator | None:
    """modes, high_quality, reverse_kl, reverse_kl_with_junk: what is found of a law's centres."""
    law = data.law(config.data.name)
    if law is None or not hasattr(law, "centres"):
        return None
    draw, args = make_draw(config, part), dict(config.data.args)
    centres, sigma = np.asarray(law.centres(**args)), float(law.scale(**args))

    def run(state: State) -> Values:
        x = draw(state, config.eval_samples)
        yield from mode_statistics(x, centres, sigma)._asdict().items()

    return run


def divergence_on_the_line(config: ConfigDict, part: str = "eval") -> Evaluator | None:
    """js, kl, reverse_kl, total_variation of a one-dimensional law and gen's.

    kl is KL(data || gen). The law's density is known; gen's is of Parzen windows on one half of
    the samples, met at the other half and at as many draws of the law. The windows widen gen's
    law a little: a perfect gen is not quite at 0.
    """
    law = data.law(config.data.name)
    if law is None or not hasattr(law, "cdf"):
        return None
    draw, args, n = make_draw(config, part), dict(config.data.args), config.eval_samples

    @jax.jit
    def densities(state: State, fake: Array) -> tuple[Array, ...]:
        key = jax.random.split(jax.random.fold_in(state.key, STREAMS[part]))[0]  # not the latents'
        centres, y = fake[:n], fake[n:]
        x = law.sample(key, n, **args)
        return (
            law.log_density(x, **args),
            parzen_density(centres, x),
            law.log_density(y, **args),
            parzen_density(centres, y),
        )

    def run(state: State) -> Values:
        found = divergences(*map(np.asarray, densities(state, draw(state, 2 * n))))
        yield from found._asdict().items()

    return run
