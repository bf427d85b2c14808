"""Measures of conditional samples, on arrays made by hand whose answers are known."""

import numpy as np
import pytest

from gan_jax import data
from gan_jax.metrics.features import digits
from gan_jax.metrics.labels import (
    LEAST,
    classification_accuracy_score,
    compare_by_class,
    label_accuracy,
    spread_by_class,
)

CLASSES = 3


def sure(label):
    """Probabilities of a classifier that is nearly sure of these classes."""
    return np.full((len(label), CLASSES), 0.1) + 0.7 * np.eye(CLASSES)[label]


def test_perfect_samples_are_all_right_and_others_all_wrong():
    label = np.arange(12) % CLASSES
    assert label_accuracy(sure(label), label) == (1.0, {0: 1.0, 1: 1.0, 2: 1.0})
    assert label_accuracy(sure((label + 1) % CLASSES), label) == (0.0, {0: 0.0, 1: 0.0, 2: 0.0})


def test_each_class_has_the_share_of_the_samples_that_it_was_asked_for():
    """Not of those that are found to be of it; a class that was not asked for has none."""
    asked, found = np.array([0, 0, 0, 0, 2, 2]), np.array([0, 0, 0, 1, 0, 2])
    assert label_accuracy(sure(found), asked) == (4 / 6, {0: 3 / 4, 2: 1 / 2})


@pytest.mark.parametrize(("n", "labels"), [(0, 0), (3, 2), (3, 4)])
def test_labels_that_do_not_fit_are_refused(n, labels):
    with pytest.raises(ValueError, match="expected"):
        label_accuracy(np.zeros((n, CLASSES)), np.zeros(labels, int))


def clouds(seed, each=40, apart=20.0):
    """Features of three classes, far from each other, and their labels in turn."""
    label = np.arange(CLASSES * each) % CLASSES
    x = np.random.default_rng(seed).normal(size=(len(label), 4))
    return x + apart * np.eye(CLASSES, 4)[label], label


def test_reals_are_at_themselves_and_swapped_classes_are_far():
    real, label = clouds(0)
    same, new = (compare_by_class(real, label, *clouds(seed), CLASSES) for seed in (0, 1))
    swapped = compare_by_class(real, label, real, (label + 1) % CLASSES, CLASSES)
    for found in (same, new, swapped):
        assert list(found.frechet) == list(found.coverage) == [0, 1, 2]
        assert (found.left_out, found.fewest) == ((), 40)
    for each in range(CLASSES):
        assert same.frechet[each] == pytest.approx(0, abs=1e-9)
        assert same.coverage[each] == 1
        assert new.frechet[each] < 2
        assert new.coverage[each] > 0.8
        assert swapped.frechet[each] > 20**2
        assert swapped.coverage[each] == 0


def test_only_the_class_that_is_wrong_is_far():
    real, label = clouds(0)
    fake = real + 9 * (label == 1)[:, None]
    found = compare_by_class(real, label, fake, label, CLASSES)
    assert found.frechet == pytest.approx({0: 0, 1: 4 * 9**2, 2: 0}, abs=1e-9)
    assert found.coverage == {0: 1, 1: 0, 2: 1}


@pytest.mark.parametrize("side", ["real", "fake"])
@pytest.mark.parametrize("there", [LEAST - 1, LEAST])
def test_a_class_with_too_few_examples_is_left_out_by_name(side, there):
    sets = {"real": clouds(0), "fake": clouds(1)}
    x, label = sets[side]
    some = (label != 1) | (np.cumsum(label == 1) <= there)
    sets[side] = x[some], label[some]
    found = compare_by_class(*sets["real"], *sets["fake"], CLASSES)
    assert found.left_out == ((1,) if there < LEAST else ())
    assert list(found.frechet) == list(found.coverage) == ([0, 2] if there < LEAST else [0, 1, 2])
    assert all(np.isfinite([*found.frechet.values(), *found.coverage.values()]))


def test_where_all_classes_are_left_out_there_is_no_number():
    assert compare_by_class(*clouds(0, 3), *clouds(1, 3), CLASSES) == ({}, {}, (0, 1, 2), 0)


def test_a_class_has_no_more_reals_than_samples():
    """Else coverage would fall with the number of reals."""
    found = compare_by_class(*clouds(0, 400), *clouds(1, 40), CLASSES)
    assert found.fewest == 40
    assert min(found.coverage.values()) > 0.8


def test_a_student_of_reals_is_as_right_as_the_classifier_of_the_data():
    train, test = (data.load("digits", split) for split in ("train", "test"))
    score = classification_accuracy_score(train.x, train.label, test.x, test.label, 10)
    assert score == pytest.approx(digits.trained(data.Origin("digits")).accuracy_real, abs=1e-6)
    assert score > 0.85


def test_a_student_learns_what_it_is_taught():
    """Stripes by class: right of itself, and wrong throughout where the labels are permuted."""
    label = np.arange(90) % CLASSES
    x = np.random.default_rng(0).integers(0, 60, (90, 6, 6, 1), np.uint8)
    x[np.arange(90), 2 * label] += 180
    assert classification_accuracy_score(x[:60], label[:60], x[60:], label[60:], CLASSES) == 1
    other = (label[:60] + 1) % CLASSES
    assert classification_accuracy_score(x[:60], other, x[60:], label[60:], CLASSES) == 0


def test_spread_is_of_each_class_over_that_of_its_reals():
    rng = np.random.default_rng(0)
    label = np.arange(90) % 3
    real = rng.normal(size=(90, 4)) + 10 * label[:, None]  # far apart, which does not count
    fake = (
        10 * label[:, None] + rng.normal(size=(90, 4)) * np.asarray([1.0, 0.5, 0.0])[label][:, None]
    )
    found = spread_by_class(real, label, fake, label)
    np.testing.assert_allclose([found[0], found[1], found[2]], [1, 0.5, 0], atol=0.12)
    assert spread_by_class(real, label, fake[:4], label[:4]).keys() == {0}  # of a pair at least
