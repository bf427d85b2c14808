"""How samples fit the classes that they were asked for: three measures of conditional samples.

What a classifier of reals says of them, how far each class is from the reals of that class, and
what a classifier that has only seen samples knows of reals.
"""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import pdist

from gan_jax.metrics.classifier import train_classifier
from gan_jax.metrics.frechet import frechet_distance
from gan_jax.metrics.prdc import density_coverage

NEIGHBOURS = 5  # of coverage
MOST_PAIRED = 200  # examples of a class whose distances are taken
LEAST = 10  # reals, and samples, of a class that is compared: twice the neighbours


class LabelAccuracy(NamedTuple):
    """Shares in [0, 1]."""

    all: float  # of all examples
    each: dict[int, float]  # of the examples of one label, for the labels that occur


class ByClass(NamedTuple):
    """Distances within each class that is compared; the two dicts have the same classes."""

    frechet: dict[int, float]  # 0 or more
    coverage: dict[int, float]  # in [0, 1]
    left_out: tuple[int, ...]  # the other classes, of which there are too few examples
    fewest: int  # reals of a class that is compared; 0 where all are left out


def label_accuracy(probabilities_NxC: np.ndarray, label_N: np.ndarray) -> LabelAccuracy:
    """The mean of [argmax_c p_nc = label_n]: how often the likeliest class is the label.

    Where the classifier has learned from reals and the examples are samples, this is the GAN-test
    of Shmelkov et al. 2018. ValueError without examples, or with other labels than
    examples.
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

    The mean of the distances is the intra-FID of Miyato and Koyama 2018, where the
    features are Inception's. Of a class the first reals are taken, as many as there are fakes of
    it, since coverage falls where reals outnumber fakes. A class with fewer than LEAST reals or
    fakes is left out. With fewer examples than features a distance is too large: it compares with
    others of the same numbers. ValueError as for frechet_distance.
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
    """How much the fakes of a class differ among themselves, over how much its reals do.

    The ratio of the median distances of pairs, of at most MOST_PAIRED examples of each: 1 where a
    class is as varied as the data, 0 where gen has one example of it. Of the labels of fakes of
    which there are two reals and two fakes at least.
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
    """The accuracy, in [0, 1], on reals of a classifier trained on x. Ravuri and Vinyals 2019.

    Theirs is a residual network; this one is train_classifier's, of the first MOST examples. All
    images are uint8, and no label is lacking. ValueError as for label_accuracy.
    """
    trained = train_classifier(x_NxHxWxC, label_N, classes)
    return label_accuracy(trained.probabilities(real_MxHxWxC / np.float32(255)), real_label_M).all
