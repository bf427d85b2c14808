"""How well conditional samples match the classes requested: three kinds of measures.

They are the predictions of a classifier of reals on samples, the distances between samples and
reals within each class, and the accuracy on reals of a classifier trained on samples.
"""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import pdist

from gan_jax.metrics.classifier import train_classifier
from gan_jax.metrics.frechet import frechet_distance
from gan_jax.metrics.prdc import density_coverage

NEIGHBOURS = 5  # of coverage
MOST_PAIRED = 200  # examples of a class between which distances are computed
LEAST = 10  # reals, and samples, that a class needs to be compared: twice the neighbours


class LabelAccuracy(NamedTuple):
    """Shares in [0, 1]."""

    all: float  # of all examples
    each: dict[int, float]  # of the examples of each label that occurs


class ByClass(NamedTuple):
    """Distances within each class that is compared; the two dicts have the same classes."""

    frechet: dict[int, float]  # 0 or more
    coverage: dict[int, float]  # in [0, 1]
    left_out: tuple[int, ...]  # the other classes, which have too few examples
    fewest: int  # the smallest number of reals in a compared class; 0 if none is compared


def label_accuracy(probabilities_NxC: np.ndarray, label_N: np.ndarray) -> LabelAccuracy:
    """The mean of [argmax_c p_nc = label_n]: how often the most probable class is the label.

    If the classifier was trained on reals and the examples are samples, this is the GAN-test of
    Shmelkov et al. 2018. ValueError if there are no examples, or not as many labels as examples.
    """
    if (
        probabilities_NxC.ndim != 2
        or probabilities_NxC.shape[:1] != label_N.shape
        or not len(label_N)
    ):
        raise ValueError(
            f"probabilities {probabilities_NxC.shape} and labels {label_N.shape}: expected [N, C] "
            "and [N], not empty"
        )
    right_N = probabilities_NxC.argmax(1) == label_N
    each = {int(c): float(right_N[label_N == c].mean()) for c in np.unique(label_N)}
    return LabelAccuracy(float(right_N.mean()), each)


def compare_by_class(
    real_NxF: np.ndarray,
    real_label_N: np.ndarray,
    fake_MxF: np.ndarray,
    fake_label_M: np.ndarray,
    classes: int,
) -> ByClass:
    """Frechet distance and coverage between the fakes and the reals of each class, by features.

    With Inception's features, the mean of the distances is the intra-FID of Miyato and Koyama 2018.
    Each class uses at most as many reals (the first ones) as it has fakes, since coverage falls if
    reals outnumber fakes. A class with fewer than LEAST reals or fakes is left out. With fewer
    examples than features, distances are too large and comparable only at equal numbers.
    ValueError as for frechet_distance.
    """
    frechet, coverage, left_out, fewest = {}, {}, [], 0
    for each in range(classes):
        fake = fake_MxF[fake_label_M == each]
        real = real_NxF[real_label_N == each][: len(fake)]
        if len(real) < LEAST:
            left_out.append(each)
            continue
        frechet[each] = frechet_distance(real, fake)
        coverage[each] = density_coverage(real, fake, NEIGHBOURS).coverage
        fewest = min(fewest or len(real), len(real))
    return ByClass(frechet, coverage, tuple(left_out), fewest)


def spread_by_class(
    real_NxD: np.ndarray, real_label_N: np.ndarray, fake_MxD: np.ndarray, fake_label_M: np.ndarray
) -> dict[int, float]:
    """How varied the fakes of each class are, relative to its reals.

    The ratio of the median distances between pairs, among at most MOST_PAIRED fakes and as many
    reals: 1 if the class is as varied as the data, 0 if gen makes only one example of it. Classes
    with fewer than two reals or two fakes are left out.
    """
    found = {}
    for each in np.unique(fake_label_M):
        sides = (fake_MxD[fake_label_M == each], real_NxD[real_label_N == each])
        if min(map(len, sides)) > 1:
            fake, real = (np.median(pdist(side[:MOST_PAIRED])) for side in sides)
            found[int(each)] = float(fake / real)
    return found


def classification_accuracy_score(
    x_NxHxWxC: np.ndarray,
    label_N: np.ndarray,
    real_MxHxWxC: np.ndarray,
    real_label_M: np.ndarray,
    classes: int,
) -> float:
    """The accuracy in [0, 1] on reals of a classifier trained on x. Ravuri and Vinyals 2019.

    They train a residual network; this uses train_classifier on the first MOST examples. All images
    must be uint8 and labelled. ValueError as for label_accuracy.
    """
    trained = train_classifier(x_NxHxWxC, label_N, classes)
    return label_accuracy(trained.probabilities(real_MxHxWxC / np.float32(255)), real_label_M).all
