"""Evaluators: what a run is worth, by numbers and by a picture, from the samples of gen's average.

An evaluator is made once for a config, then called with states, also those of other rows of its
cohort; it yields (name, value). Each says itself whether it applies to the config's data.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax import data, images, pointplots
from gan_jax.config import choose
from gan_jax.data import pipeline
from gan_jax.game import Setup, make_setup
from gan_jax.metrics.classifier import judge, train_classifier
from gan_jax.metrics.divergence import estimated_optimum, ks_distance
from gan_jax.metrics.modes import mode_statistics
from gan_jax.steps import make_sampler
from gan_jax.types import Array, GanState

# Folded into a run's key: no step number gets there. A run is watched on the draws of "eval"; what
# is chosen by them, such as the best of many runs, is then measured on those of "test".
STREAMS = {"eval": 2**32 - 2, "test": 2**32 - 3}
Values = Iterator[tuple[str, Any]]
Evaluator = Callable[[GanState], Values]

DECISIONS = 400  # of disc on each law, half of them for the density estimate


def make_draw(config: ConfigDict, part: str = "eval") -> Callable[[GanState, int], np.ndarray]:
    """f(state, n) -> n samples on the host, in [0, 1] for images, in data units for points.

    A part's latents are fixed for the run: what changes from step to step is gen's own.
    """
    sample, latent = make_sampler(config), make_setup(config).latent
    is_image = data.spec(config.data.name, config.data.dir).kind == "image"

    @functools.partial(jax.jit, static_argnums=1)
    def draw(state: GanState, n: int) -> Array:
        x = sample(state, latent(jax.random.fold_in(state.key, STREAMS[part]), n))
        return pipeline.to_unit(x, config.data.low) if is_image else x

    return lambda state, n: np.asarray(draw(state, n))


def law_on_the_line(config: ConfigDict, part: str = "eval") -> Evaluator | None:
    """mean, std and ks of the samples of a one-dimensional law, and disc_gap: mean |D - D*|."""
    law = data.law(config.data.name)
    if law is None or not hasattr(law, "cdf"):
        return None
    draw, gap = make_draw(config, part), jax.jit(_make_disc_gap(config, part, law))

    def run(state: GanState) -> Values:
        x_N = draw(state, config.eval_samples)[:, 0].astype(np.float64)
        yield "mean", float(x_N.mean())
        yield "std", float(x_N.std())
        yield "ks", ks_distance(x_N, np.asarray(law.cdf(x_N, **config.data.args)))
        yield "disc_gap", float(gap(state))

    return run


def _make_disc_gap(config: ConfigDict, part: str, law: Any) -> Callable[[GanState], Array]:
    """Mean |D - D*| over what disc sees of both laws; D* from Parzen windows on other draws."""
    setup, sample, half = make_setup(config), make_sampler(config), DECISIONS // 2
    size = config.batch_size if config.disc.view == "moments" else 1  # samples in a decision

    def seen(x: Array) -> Array:
        groups = x.reshape(DECISIONS, size, *x.shape[1:])
        return jax.vmap(setup.view)(groups).reshape(DECISIONS, -1)

    def gap(state: GanState) -> Array:
        k_real, k_fake = jax.random.split(jax.random.fold_in(state.key, STREAMS[part]))
        n = DECISIONS * size
        real = seen(law.sample(k_real, n, **dict(config.data.args)))
        fake = seen(sample(state, setup.latent(k_fake, n)))
        x = jnp.concatenate([real[:half], fake[:half]])
        best = estimated_optimum(real[half:], fake[half:], x)
        return jnp.abs(_decide(setup, state, x) - best).mean()

    return gap


def _decide(setup: Setup, state: GanState, x: Array) -> Array:
    """D(x), a probability, of what disc sees."""
    disc = state.disc
    return jax.nn.sigmoid(setup.disc.apply(disc.params, disc.vars, x, key=None, train=False)[0])


def modes_of_a_mixture(config: ConfigDict, part: str = "eval") -> Evaluator | None:
    """modes, high_quality, reverse_kl, reverse_kl_with_junk: what is found of a law's centres."""
    law = data.law(config.data.name)
    if law is None or not hasattr(law, "centres"):
        return None
    draw, args = make_draw(config, part), dict(config.data.args)
    centres, sigma = np.asarray(law.centres(**args)), float(law.scale(**args))

    def run(state: GanState) -> Values:
        x = draw(state, config.eval_samples)
        yield from mode_statistics(x, centres, sigma)._asdict().items()

    return run


def classes_by_a_judge(config: ConfigDict, part: str = "eval") -> Evaluator | None:
    """What a classifier trained on the real images says of the samples, and of real held-out ones.

    classes: how many it finds among eval_samples; count_<class>; confidence: the mean probability
    of the likeliest class; confidence_real and accuracy_real: on the data set's test split.
    """
    spec = data.spec(config.data.name, config.data.dir)
    if spec.kind != "image" or not spec.classes or not {"train", "test"} <= set(spec.splits):
        return None
    draw = make_draw(config, part)

    @functools.cache
    def trained() -> tuple[Callable, float, float]:
        train, test = (data.load(config.data.name, s, config.data.dir) for s in ("train", "test"))
        assert train.label is not None
        probabilities = train_classifier(train.x, train.label, spec.classes)
        real = probabilities(test.x / np.float32(255))
        return probabilities, judge(real).confidence, float((real.argmax(1) == test.label).mean())

    def run(state: GanState) -> Values:
        probabilities, confidence_real, accuracy_real = trained()
        found = judge(probabilities(draw(state, config.eval_samples)))
        yield "classes", int((found.counts > 0).sum())
        yield "confidence", found.confidence
        yield "confidence_real", confidence_real
        yield "accuracy_real", accuracy_real
        for name, count in enumerate(found.counts):
            yield f"count_{name}", int(count)

    return run


EVALUATORS: dict[str, Callable[..., Evaluator | None]] = {
    "line": law_on_the_line,
    "modes": modes_of_a_mixture,
    "judge": classes_by_a_judge,
}


def make_evaluate(
    config: ConfigDict, names: Iterable[str] = tuple(EVALUATORS), part: str = "eval"
) -> Callable[[GanState], dict[str, Any]]:
    """f(state) -> {"part/name": value} of the named evaluators that apply to the config.

    part, eval or test, says which of the run's two sets of draws they see.
    """
    choose("part", part, STREAMS)
    made = [EVALUATORS[choose("metric", name, EVALUATORS)](config, part) for name in names]
    return lambda state: {
        f"{part}/{name}": value for run in made if run for name, value in run(state)
    }


def make_picture(config: ConfigDict) -> Callable[[GanState], np.ndarray | None]:
    """f(state) -> a uint8 picture of the samples of the run's fixed latents, or None."""
    spec, draw = data.spec(config.data.name, config.data.dir), make_draw(config)
    if spec.kind == "image":
        return lambda state: images.grid(draw(state, config.grid_samples))
    law = data.law(config.data.name)
    if law is None or not pointplots.available():
        return lambda state: None
    key = jax.random.key(0)  # the same real points in every picture
    real = np.asarray(law.sample(key, config.eval_samples, **dict(config.data.args)))
    if spec.shape[0] > 1:
        return lambda state: pointplots.scatter(draw(state, config.eval_samples), real)
    line_D = _make_line_of_d(config, real)
    return lambda state: pointplots.histogram(
        real, draw(state, config.eval_samples), *line_D(state)
    )


def _make_line_of_d(
    config: ConfigDict, real: np.ndarray
) -> Callable[[GanState], tuple[np.ndarray, np.ndarray]]:
    """f(state) -> places on the line, and D there: of a point, or of real data moved there."""
    setup, middle = make_setup(config), real.mean()
    places = np.linspace(middle - 4 * real.std(), middle + 4 * real.std(), 200, dtype=np.float32)
    per_point = config.disc.view == "sample"

    @jax.jit
    def decide(state: GanState) -> Array:
        if per_point:
            return _decide(setup, state, jnp.asarray(places)[:, None])
        batches = real[: config.batch_size] - middle + places[:, None, None]
        return jax.vmap(lambda x: _decide(setup, state, setup.view(x))[0])(batches)

    return lambda state: (places, np.asarray(decide(state)))
