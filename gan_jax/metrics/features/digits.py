"""Features of a classifier that is trained here, on the train split of the run's own data."""

import functools
import logging
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from gan_jax import data
from gan_jax.data import Origin
from gan_jax.data.base import Arrays, labelled
from gan_jax.host.errors import ConfigError
from gan_jax.metrics.classifier import count_classes
from gan_jax.metrics.features import kept
from gan_jax.metrics.features.base import Features, in_batches
from gan_jax.metrics.labels import LabelAccuracy, label_accuracy

DIGITS = {
    "mnist",
    "mnist5k",
    "digits",
    "tfds:mnist",
}  # sets whose classifiers have similar features
BATCH = 1000
MOST_TESTED = 10_000  # images of the test split, all of MNIST's
log = logging.getLogger(__name__)


class Trained(NamedTuple):
    """A classifier of a data set, and its accuracy on the test split."""

    features: Features
    confidence_real: float
    accuracy_real: float | None  # None if no image of the test split has a label
    label_accuracy_real: float | None  # the same, with equal weight for each class


def make(config: ConfigDict) -> Features | None:
    """The extractor of the 256 features before the logits; None for data that are not digits."""
    if config.data.name not in DIGITS:
        return None
    return trained(data.origin_of(config)).features


@functools.lru_cache(maxsize=2)
def has_labels(origin: Origin) -> bool:
    """Whether images of the train split have labels; if none has, this is logged."""
    found = len(labelled(origin.load("train")).x) > 0
    if not found:
        words = "data %r: no image of its train split has a label: no classes are told"
        log.warning(words, origin.name)
    return found


@functools.lru_cache(maxsize=2)  # for all evaluators and all rows of a sweep
def trained(origin: Origin) -> Trained:
    """The classifier of a set of images, whatever they show. ConfigError if none has a label."""
    train, test = (origin.load(split) for split in ("train", "test"))
    known = labelled(train)
    if not len(known.x) or known.label is None:
        raise ConfigError(
            f"data {origin.name!r}: no image of its train split has a label, so no classifier can "
            "be trained: choose metrics and features that need none"
        )
    classify = kept.classifier(known.x, known.label, origin.spec().classes)
    see = in_batches(classify.see, BATCH)
    real = see(test.x[:MOST_TESTED] / np.float32(255)).probabilities
    right = _accuracy(real, None if test.label is None else test.label[:MOST_TESTED])
    accuracy = None if right is None else right.all
    features = Features(
        "digits",
        see,
        "none: pixels in [0, 1]",
        f"crc32:{classify.crc32:08x}",
        {} if accuracy is None else {"accuracy": accuracy},
    )
    by_class = None if right is None else float(np.mean([*right.each.values()]))
    return Trained(features, count_classes(real).confidence, accuracy, by_class)


def _accuracy(probabilities_NxC: np.ndarray, label_N: np.ndarray | None) -> LabelAccuracy | None:
    """The accuracy over the images that have a label; None if there are none."""
    known = labelled(Arrays(probabilities_NxC, label_N))
    assert known.label is not None
    return label_accuracy(known.x, known.label) if len(known.x) else None
