"""Evaluators of conditional games on images: whether samples are of the classes asked for.

All use a classifier trained on the train split of the run's own data. They apply if the game takes
labels and images of the train split have labels.
"""

import logging
from collections.abc import Mapping

import numpy as np

from gan_jax.data.base import labelled
from gan_jax.evaluate.evaluators.draws import (
    Evaluator,
    Values,
    in_turn,
    make_draw,
    make_draw_in_parts,
    unit,
)
from gan_jax.evaluate.pictures.grid import to_uint8
from gan_jax.games import Setup
from gan_jax.host.errors import ConfigError
from gan_jax.metrics import labels as measures
from gan_jax.metrics.classifier import MOST
from gan_jax.metrics.features import Features, digits, has_images
from gan_jax.types import State

log = logging.getLogger(__name__)


def labels_by_a_classifier(setup: Setup, part: str = "eval") -> Evaluator | None:
    """label_accuracy: how often the classifier finds the class asked for; label_accuracy_<class>.

    Shares in [0, 1] of eval_samples, which are of all classes in turn. The classifier makes errors
    too: label_accuracy_real is its accuracy on held-out images, averaged over their classes.
    """
    if not _takes_labels(setup):
        return None
    draw, n, classes = make_draw(setup, part), setup.config.eval_samples, setup.data.spec.classes

    def run(state: State) -> Values:
        label = in_turn(n, classes)
        assert label is not None
        trained = digits.trained(setup.data.origin)
        seen = trained.features.see(draw(state, n, label))
        assert seen.probabilities is not None
        found = measures.label_accuracy(seen.probabilities, label)
        yield "label_accuracy", found.all
        yield from ((f"label_accuracy_{each}", share) for each, share in found.each.items())
        if trained.label_accuracy_real is not None:
            yield "label_accuracy_real", trained.label_accuracy_real

    return run


def distances_within_classes(setup: Setup, part: str = "eval") -> Evaluator | None:
    """intra_frechet, intra_coverage: between samples and test images of each class, by features.

    intra_spread: how varied the samples of a class are, relative to its test images, by pixels. All
    three are means over classes and are also reported per class, as intra_frechet_<class>;
    intra_spread_least is the value of the least varied class. eval_samples are of all classes in
    turn, and each class is compared with at most as many images of the test split. intra_samples
    and intra_reals are the smallest numbers in a class; intra_weights identifies the classifier.
    intra_left_out lists the classes with too few images to be compared, which are not in the means.
    ConfigError if these are all classes.
    """
    if not _takes_labels(setup):
        return None
    draw, n, classes = make_draw(setup, part), setup.config.eval_samples, setup.data.spec.classes
    if n < measures.LEAST * classes:
        raise ConfigError(
            f"eval_samples is {n}: expected at least {measures.LEAST * classes} for metric "
            f"'intra', {measures.LEAST} of each class"
        )

    def run(state: State) -> Values:
        features, label, (x, real_label) = _classifier(setup), in_turn(n, classes), _test(setup)
        assert label is not None
        images = unit(x), draw(state, n, label)
        spread = measures.spread_by_class(_flat(images[0]), real_label, _flat(images[1]), label)
        real, fake = (features.see(each).features for each in images)
        found = measures.compare_by_class(real, real_label, fake, label, classes)
        _tell_left_out(setup, found)
        yield from _means_and_classes("intra_frechet", found.frechet)
        yield from _means_and_classes("intra_coverage", found.coverage)
        yield from _means_and_classes("intra_spread", spread)
        yield "intra_spread_least", min(spread.values())
        yield "intra_samples", n // classes
        yield "intra_reals", found.fewest
        yield "intra_left_out", " ".join(map(str, found.left_out)) or "none"
        yield "intra_weights", features.weights

    return run


def accuracy_of_a_student(setup: Setup, part: str = "eval") -> Evaluator | None:
    """cas: the accuracy on held-out images of a classifier trained on samples.

    It is trained on as many samples as the data's own classifier has images of the train split (at
    most MOST), and with the same labels; eval_samples has no influence. cas_real is the accuracy of
    the data's own classifier on the same images of the test split; cas_samples is the number of
    samples. ConfigError if the run trains on the test split.
    """
    if not _takes_labels(setup):
        return None
    data, draw = setup.data, make_draw_in_parts(setup, part)
    if not data.has_held_out:
        raise ConfigError(
            f"data.split is {data.split!r}: expected one without test for metric 'cas', whose "
            "images are to be new to the run"
        )

    def run(state: State) -> Values:
        label, real = labelled(data.origin.load("train")).label, _test(setup)
        assert label is not None
        label = label[:MOST].astype(np.int32)
        x, classes = to_uint8(draw(state, label)), data.spec.classes
        yield "cas", measures.classification_accuracy_score(x, label, *real, classes)
        yield "cas_real", digits.trained(data.origin).accuracy_real
        yield "cas_samples", len(x)

    return run


def _takes_labels(setup: Setup) -> bool:
    """Whether the game takes labels and the data have labels to train a classifier on."""
    if not setup.game.sampler.classes or not has_images(setup.data, labels=True):
        return False
    return digits.has_labels(setup.data.origin)


def _classifier(setup: Setup) -> Features:
    return digits.trained(setup.data.origin).features


def _test(setup: Setup) -> tuple[np.ndarray, np.ndarray]:
    """The labelled images of the test split, and their labels. ConfigError if there are none."""
    x, label, *_ = labelled(setup.data.test())
    if not len(x) or label is None:
        raise ConfigError(
            f"data {setup.data.name!r}: no image of its test split has a label, which metrics "
            "'intra' and 'cas' need"
        )
    return x, label


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


def _means_and_classes(name: str, of_class: Mapping[int, float]) -> Values:
    yield name, float(np.mean([*of_class.values()]))
    yield from ((f"{name}_{each}", value) for each, value in of_class.items())


def _tell_left_out(setup: Setup, found: measures.ByClass) -> None:
    """Logs which classes are not compared. ConfigError if none is compared."""
    if not found.left_out:
        return
    few = f"{measures.LEAST} images with a label in its test split"
    if not found.frechet:
        raise ConfigError(f"data {setup.data.name!r}: no class has {few}, which 'intra' needs")
    log.warning(
        "data %r: metric 'intra' leaves out classes %s: each has fewer than %s",
        setup.data.name,
        ", ".join(map(str, found.left_out)),
        few,
    )
