"""Evaluators of synthetic distributions, whose density, modes or CDF are known."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.data import Synthetic
from gan_jax.evaluate.evaluators.draws import STREAMS, Evaluator, Values, make_draw
from gan_jax.games import Setup
from gan_jax.metrics import divergences, mode_statistics
from gan_jax.metrics.divergence import estimated_optimum, ks_distance, parzen_density
from gan_jax.objectives import estimates_ratio
from gan_jax.types import Array, Decision, State

DECISIONS = 400  # of disc on each side, half of them for the density estimate


def moments_on_the_line(setup: Setup, part: str = "eval") -> Evaluator | None:
    """mean, std and ks of the samples of a distribution on the line; disc_gap: mean |D - D*|.

    There is no gap if the objective's logit does not define a D.
    """
    config, synthetic = setup.config, setup.data.synthetic
    if synthetic is None or synthetic.cdf is None:
        return None
    draw, cdf = make_draw(setup, part), synthetic.cdf
    decision = setup.game.decision
    has_gap = decision is not None and estimates_ratio(config.objective)
    gap = jax.jit(_make_disc_gap(setup, part, synthetic, decision)) if decision else None

    def run(state: State) -> Values:
        x_N = draw(state, config.eval_samples)[:, 0].astype(np.float64)
        yield "mean", float(x_N.mean())
        yield "std", float(x_N.std())
        yield "ks", ks_distance(x_N, np.asarray(cdf(jnp.asarray(x_N))))
        if has_gap and gap:
            yield "disc_gap", float(gap(state))

    return run


def _make_disc_gap(
    setup: Setup, part: str, synthetic: Synthetic, decision: Decision
) -> Callable[[State], Array]:
    """Mean |D - D*| over disc's views of both sides; D* is by Parzen windows on other draws."""
    game, half = setup.game, DECISIONS // 2
    sampler, (size, view, logits, _) = game.sampler, decision

    def seen(x: Array) -> Array:
        groups = x.reshape(DECISIONS, size, *x.shape[1:])
        return jax.vmap(view)(groups).reshape(DECISIONS, -1)

    def gap(state: State) -> Array:
        k_real, k_fake = jax.random.split(jax.random.fold_in(state.key, STREAMS[part]))
        n = DECISIONS * size
        real = seen(synthetic.sample(k_real, n))
        fake = seen(sampler.sample(state, sampler.latent(k_fake, n)))
        x = jnp.concatenate([real[:half], fake[:half]])
        best = estimated_optimum(real[half:], fake[half:], x)
        return jnp.abs(jax.nn.sigmoid(logits(state, x)) - best).mean()

    return gap


def modes_of_a_mixture(setup: Setup, part: str = "eval") -> Evaluator | None:
    """modes, high_quality, reverse_kl, reverse_kl_with_junk: how a mixture's modes are covered."""
    synthetic, n = setup.data.synthetic, setup.config.eval_samples
    if synthetic is None or synthetic.centres is None or synthetic.scale is None:
        return None
    draw = make_draw(setup, part)
    centres, sigma = np.asarray(synthetic.centres()), float(synthetic.scale())

    def run(state: State) -> Values:
        yield from mode_statistics(draw(state, n), centres, sigma)._asdict().items()

    return run


def divergence_on_the_line(setup: Setup, part: str = "eval") -> Evaluator | None:
    """js, kl, reverse_kl, total_variation between a distribution on the line and gen's.

    kl is KL(data || gen). The density of the data is known; gen's is estimated by Parzen windows on
    one half of the samples and evaluated at the other half and at as many draws of the data. The
    windows widen gen's distribution a little, so even a perfect gen is not quite at 0.
    """
    synthetic, n = setup.data.synthetic, setup.config.eval_samples
    if synthetic is None or synthetic.cdf is None:
        return None
    draw, sample, log_density = make_draw(setup, part), synthetic.sample, synthetic.log_density

    @jax.jit
    def densities(state: State, fake: Array) -> tuple[Array, ...]:
        # Another key than that of the latents.
        key = jax.random.split(jax.random.fold_in(state.key, STREAMS[part]))[0]
        centres, x, y = fake[:n], sample(key, n), fake[n:]
        at_x, at_y = ((log_density(places), parzen_density(centres, places)) for places in (x, y))
        return *at_x, *at_y

    def run(state: State) -> Values:
        found = divergences(*map(np.asarray, densities(state, draw(state, 2 * n))))
        yield from found._asdict().items()

    return run
