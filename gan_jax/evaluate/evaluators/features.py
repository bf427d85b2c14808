"""Evaluators of images by features. Distances are named after the features: frechet_digits.

eval_samples fakes are compared with at most as many images of the test split. Each value is
reported with both numbers, and with the weights and the preprocessing of the features; values are
comparable only if all of these agree.
"""

import functools
from collections.abc import Callable, Collection

import numpy as np

from gan_jax import metrics
from gan_jax.data import Origin
from gan_jax.evaluate.evaluators.draws import Evaluator, Values, held_out, make_draw
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

    def run(state: State) -> Values:
        real, fake = _real(see, setup.data.origin, n), see(draw(state, n))
        values = dict(compare(real, fake.features, kinds))
        if "inception" in kinds and fake.probabilities is not None:
            values["inception"] = metrics.inception_score(fake.probabilities)
        values |= extractor.facts
        values |= {"weights": extractor.weights, "preprocessing": extractor.preprocessing}
        yield from ((f"{each}_{name}", value) for each, value in values.items())

    return run


@functools.lru_cache(maxsize=2)  # for both parts, and all rows of a sweep
def _real(see: Callable[..., Seen], origin: Origin, n: int) -> np.ndarray:
    return see(held_out(origin, n)).features


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
