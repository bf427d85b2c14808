"""Evaluators of images by features. Distances are named after the features: frechet_digits.

eval_samples fakes are compared with at most as many images of the test split; a conditional game is
asked for the classes of those images. Each value is reported with both numbers, and with the
weights and the preprocessing of the features; values are comparable only if all of these agree.
frechet_<features>_real is the Frechet distance of as many training images instead of fakes. It is
above 0, more so for few images, and tells what the distance of a perfect generator would be.
"""

import functools
from collections.abc import Callable, Collection

import numpy as np

from gan_jax import metrics
from gan_jax.data import Origin
from gan_jax.data.base import all_labelled
from gan_jax.evaluate.evaluators.draws import Evaluator, Values, held_out, make_draw, unit
from gan_jax.games import Setup
from gan_jax.metrics import features
from gan_jax.metrics.features import Seen
from gan_jax.types import State

NEIGHBOURS = 5  # of precision, recall, density and coverage
KINDS = ("frechet", "kernel", "precision", "recall", "density", "coverage", "inception")
PAIRS: dict[tuple[str, str], Callable[..., tuple[float, float]]] = {
    ("precision", "recall"): metrics.precision_recall,
    ("density", "coverage"): metrics.density_coverage,
}


def digit_features(
    setup: Setup, part: str = "eval", kinds: Collection[str] = KINDS
) -> Evaluator | None:
    """frechet_digits, kernel_digits, ...: by a classifier trained on the run's own digits."""
    return _distances("digits", setup, part, kinds)


def efficientnet_features(
    setup: Setup, part: str = "eval", kinds: Collection[str] = KINDS
) -> Evaluator | None:
    """frechet_efficientnet_lite0, ...: by a network trained on ImageNet, the extra `features`."""
    return _distances("efficientnet_lite0", setup, part, kinds)


def inception_features(
    setup: Setup, part: str = "eval", kinds: Collection[str] = KINDS
) -> Evaluator | None:
    """frechet_inception, ...: by Inception v3 with weights of yours, features.inception.path."""
    return _distances("inception", setup, part, kinds)


def _distances(name: str, setup: Setup, part: str, kinds: Collection[str]) -> Evaluator | None:
    extractor = features.make(name, setup.config, setup.data)
    if extractor is None:
        return None
    draw, see, n = make_draw(setup, part), extractor.see, setup.config.eval_samples
    origin, classes = setup.data.origin, setup.game.sampler.classes

    def run(state: State) -> Values:
        label = _classes_of_reals(origin, n) if classes else None
        real, fake = _real(see, origin, n), see(draw(state, n, label))
        values = dict(compare(real, fake.features, kinds))
        if "inception" in kinds and fake.probabilities is not None:
            values["inception"] = metrics.inception_score(fake.probabilities)
        values |= extractor.facts
        values |= {"weights": extractor.weights, "preprocessing": extractor.preprocessing}
        yield from ((f"{each}_{name}", value) for each, value in values.items())
        if "frechet" in kinds:
            yield f"frechet_{name}_real", _frechet_of_reals(see, origin, n)

    return run


@functools.lru_cache(maxsize=2)  # for both parts, and all rows of a sweep
def _real(see: Callable[..., Seen], origin: Origin, n: int) -> np.ndarray:
    return see(held_out(origin, n)).features


@functools.lru_cache(maxsize=2)
def _frechet_of_reals(see: Callable[..., Seen], origin: Origin, n: int) -> float:
    """The Frechet distance of n training images, drawn by a fixed seed, from the test images."""
    x = origin.load("train").x
    chosen = np.random.default_rng(0).permutation(len(x))[:n]
    return metrics.frechet_distance(_real(see, origin, n), see(unit(x[np.sort(chosen)])).features)


def _classes_of_reals(origin: Origin, n: int) -> np.ndarray | None:
    """n classes, as frequent as among the images that fakes are compared with; None if unknown."""
    arrays = origin.load("test")
    if arrays.label is None or not all_labelled(arrays):
        return None
    return np.resize(arrays.label[:n], n).astype(np.int32)


def compare(real_NxF: np.ndarray, fake_MxF: np.ndarray, kinds: Collection[str] = KINDS) -> Values:
    """The requested distances between two sets of features, and the sizes of the sets."""
    k = min(NEIGHBOURS, len(real_NxF) - 1, len(fake_MxF) - 1)
    if "frechet" in kinds:
        yield "frechet", metrics.frechet_distance(real_NxF, fake_MxF)
    if "kernel" in kinds:
        yield "kernel", metrics.kernel_distance(real_NxF, fake_MxF)
    for names, measure in PAIRS.items() if k > 0 else ():
        if {*names} & {*kinds}:
            found = zip(names, measure(real_NxF, fake_MxF, k), strict=True)
            yield from ((name, value) for name, value in found if name in kinds)
    yield "samples", len(fake_MxF)
    yield "reals", len(real_NxF)
