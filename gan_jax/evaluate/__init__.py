"""Evaluation of a run by numbers and a picture, computed from samples of gen's average.

An evaluator is made once for a setup and then called with states, including those of other rows of
its cohort; it yields (name, value) pairs. Each decides itself whether it applies to the data.
"""

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.config import choose
from gan_jax.data.pipeline import to_batch
from gan_jax.data.support.words import spelt
from gan_jax.evaluate.evaluators.draws import STREAMS, Evaluator, make_draw
from gan_jax.evaluate.evaluators.encoded import codes, nearest_neighbour
from gan_jax.evaluate.evaluators.features import (
    KINDS,
    digit_features,
    efficientnet_features,
    inception_features,
)
from gan_jax.evaluate.evaluators.images import classes_by_a_classifier, pixels
from gan_jax.evaluate.evaluators.labels import (
    accuracy_of_a_student,
    distances_within_classes,
    labels_by_a_classifier,
)
from gan_jax.evaluate.evaluators.synthetic import (
    divergence_on_the_line,
    modes_of_a_mixture,
    moments_on_the_line,
)
from gan_jax.evaluate.evaluators.truth import captions, retrieval, translations
from gan_jax.evaluate.pictures import grid as images
from gan_jax.evaluate.pictures import points as pointplots
from gan_jax.games import Setup
from gan_jax.host.compiling import jit_quickly
from gan_jax.metrics.features import FEATURES, scheduled
from gan_jax.objectives import estimates_ratio
from gan_jax.types import Array, Batch, State

EVALUATORS: dict[str, Callable[..., Evaluator | None]] = {
    "line": moments_on_the_line,
    "modes": modes_of_a_mixture,
    "judge": classes_by_a_classifier,
    "labels": labels_by_a_classifier,
    "divergence": divergence_on_the_line,
    "digits": digit_features,
    "efficientnet_lite0": efficientnet_features,
    "inception": inception_features,
    "pixels": pixels,
    "intra": distances_within_classes,
    "cas": accuracy_of_a_student,
    "codes": codes,
    "nearest_neighbour": nearest_neighbour,
    "translations": translations,
    "retrieval": retrieval,
    "captions": captions,
}
OF_LABELS = {"labels", "intra", "cas"}  # apply if gen takes labels
# Used while a run trains, with those of config.features.names; others only if asked for by name.
SCHEDULED = ("line", "modes", "judge", "labels", "codes", "translations", "captions")
UNLABELLED = ("pixels",)  # for images without labels, to which the label-based ones do not apply


def chosen(names: Iterable[str]) -> dict[str, Callable[..., Evaluator | None]]:
    """The named evaluators; a name may also be a single distance, such as frechet_digits.

    Distances by the same features share an evaluator, so images are processed once. ConfigError for
    an unknown name.
    """
    found: dict[str, set[str]] = {}
    for name in names:
        kind, _, features = name.partition("_")
        if kind in KINDS and features in FEATURES:
            found.setdefault(features, set()).add(kind)
        else:
            hint = ", or one distance by features, such as frechet_digits"
            whole = choose("metric", name, EVALUATORS, hint)
            found.setdefault(whole, set()).update(KINDS if name in FEATURES else ())
    return {
        name: functools.partial(EVALUATORS[name], kinds=kinds) if kinds else EVALUATORS[name]
        for name, kinds in found.items()
    }


def make_evaluate(
    setup: Setup, names: Iterable[str] = (), part: str = "eval"
) -> Callable[[State], dict[str, Any]]:
    """f(state) -> {"part/name": value} of the named evaluators that apply to the data.

    By default the evaluators of the run's schedule. part, eval or test, is the set of draws used.
    """
    choose("part", part, STREAMS)
    names = tuple(names) or on_schedule(setup)
    made = [make(setup, part) for make in chosen(names).values()]

    def evaluate(state: State) -> dict[str, Any]:
        state = setup.settled(state)
        return {f"{part}/{name}": value for run in made if run for name, value in run(state)}

    return evaluate


def on_schedule(setup: Setup) -> tuple[str, ...]:
    """The metrics of a run's schedule; those that do not apply to its data are skipped."""
    is_labelled = setup.data.spec.classes or not setup.data.is_image
    return (*SCHEDULED, *(() if is_labelled else UNLABELLED), *scheduled(setup.config))


def make_picture(setup: Setup) -> Callable[[State], np.ndarray | None]:
    """f(state) -> a uint8 picture of the samples of the run's fixed latents, or None."""
    picture = _make_picture(setup)
    return lambda state: picture(setup.settled(state))


def _make_picture(setup: Setup) -> Callable[[State], np.ndarray | None]:
    config, game, draw = setup.config, setup.game, make_draw(setup)
    if setup.data.is_image and game.gallery:
        return _make_gallery(setup, game.gallery)
    if setup.data.is_image:
        label, columns = rows_of_classes(config.grid_samples, game.sampler.classes)
        n = config.grid_samples if label is None else len(label)
        return lambda state: images.grid(draw(state, n, label), columns)
    samplers = game.samplers
    if not pointplots.available() or not all(each.real for each in samplers.values()):
        return lambda state: None
    size = game.decision.size if game.decision else 1
    n = max(config.eval_samples, size)  # drawing D takes a whole batch
    reals = {  # the same points in every picture
        name: np.asarray(each.real(jax.random.key(0), n))
        for name, each in samplers.items()
        if each.real
    }
    if setup.data.spec.shape[0] > 1:
        draws = {name: make_draw(setup, sampler=each) for name, each in samplers.items()}
        titles = {name: name if len(samplers) > 1 else "" for name in samplers}
        return lambda state: np.concatenate(
            [
                pointplots.scatter(draws[name](state, n), reals[name], titles[name])
                for name in samplers
            ],
            axis=1,
        )
    (real,) = reals.values()
    line_D = _make_line_of_d(setup, real)
    return lambda state: pointplots.histogram(
        real, draw(state, config.eval_samples), *line_D(state)
    )


def _make_gallery(
    setup: Setup, gallery: Callable[[State, Array, Batch], Array]
) -> Callable[[State], np.ndarray]:
    """f(state) -> the game's own picture, from the samples' latents and held-out reals.

    The reals are drawn by a fixed seed, and have their captions where gen draws those. Training
    examples are used if none are held out.
    """
    data, sampler = setup.data, setup.game.sampler

    @jit_quickly
    def show(state: State, real: Batch) -> Array:
        key = jax.random.fold_in(state.key, STREAMS["eval"])
        return data.to_unit(gallery(state, key, real))

    def picture(state: State) -> np.ndarray:
        held_out = data.held_out()
        n = min(setup.config.grid_samples, len(held_out.x))
        drawn = np.random.default_rng(0).choice(len(held_out.x), n, replace=False)
        some = held_out.map(lambda field: jnp.asarray(field[drawn]))
        shown = np.asarray(show(state, to_batch(data, some)))
        if sampler.of == "text":
            texts = [spelt(each, data.spec.vocabulary) for each in np.asarray(some.text)]
            return images.captioned(shown, texts)
        return images.grid(shown.reshape(-1, *shown.shape[2:]), columns=shown.shape[1])

    return picture


def rows_of_classes(n: int, classes: int) -> tuple[np.ndarray | None, int | None]:
    """Labels for about n samples, and the number of columns that gives each grid row one class.

    If there are few classes, each has several rows, to make the grid near-square. There is at least
    one sample per class; (None, None) without classes.
    """
    if not classes:
        return None, None
    each = max(n // classes, 1)
    columns = min(each, math.ceil(math.sqrt(n)))
    label = np.repeat(np.arange(classes, dtype=np.int32), each - each % columns)
    return label, columns


def _make_line_of_d(
    setup: Setup, real: np.ndarray
) -> Callable[[State], tuple[np.ndarray, np.ndarray]]:
    """f(state) -> positions on the line, and D there: of a point, or of real data shifted there.

    D is NaN, which is not drawn, if the objective's logit does not define a D.
    """
    decision, middle = setup.game.decision, real.mean()
    places = np.linspace(middle - 4 * real.std(), middle + 4 * real.std(), 200, dtype=np.float32)

    @jit_quickly
    def line(state: State) -> Array:
        assert decision
        if decision.size == 1:
            return jax.nn.sigmoid(decision.logits(state, jnp.asarray(places)[:, None]))
        batches = real[: decision.size] - middle + places[:, None, None]
        logit_of = jax.vmap(lambda x: decision.logits(state, decision.view(x))[0])
        return jax.nn.sigmoid(logit_of(batches))

    if not (decision and estimates_ratio(setup.config.objective)):
        return lambda state: (places, np.full_like(places, np.nan))
    return lambda state: (places, np.asarray(line(state)))
