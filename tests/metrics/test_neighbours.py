"""Precision, recall, density, coverage and memorisation against loops over float64 differences."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from gan_jax.metrics import density_coverage, duplicates, memorise, memorised, precision_recall
from gan_jax.metrics.distances import blocks, make_pair
from gan_jax.metrics.memorise import nearest, nearest_other


def distances(a, b):
    return np.sqrt(((np.float64(a)[:, None] - np.float64(b)[None]) ** 2).sum(-1))


def kth(x, k):
    """The distance to the k-th nearest of the others."""
    d = distances(x, x)
    return np.asarray([np.sort(np.delete(row, i))[k - 1] for i, row in enumerate(d)])


def prdc_reference(real, fake, k):
    """The papers' sums: closed balls in Kynkaanniemi's, open ones in Naeem's."""
    d, real_r, fake_r = distances(real, fake), kth(real, k), kth(fake, k)
    precision = np.mean([any(d[i, j] <= real_r[i] for i in range(len(d))) for j in range(len(d.T))])
    recall = np.mean([any(d[i, j] <= fake_r[j] for j in range(len(d.T))) for i in range(len(d))])
    density = sum((d[i] < real_r[i]).sum() for i in range(len(d))) / (k * len(fake))
    coverage = np.mean([d[i].min() < real_r[i] for i in range(len(d))])
    return (precision, recall), (density, coverage)


def sets(case):
    rng = np.random.default_rng(7)
    real, fake = rng.normal(size=(60, 5)), rng.normal(0.3, 0.8, (53, 5))
    cases = {
        "random": (real, fake),
        "fewer samples than features": (rng.normal(size=(8, 40)), rng.normal(size=(9, 40))),
        "identical": (real, real.copy()),
        "shuffled": (real, rng.permutation(real)),
        "duplicated": (np.repeat(real[:15], 4, 0), np.concatenate([real[:20], real[5:25]])),
        "lattice": (rng.integers(0, 3, (70, 3)), rng.integers(0, 4, (50, 3))),  # full of ties
        "far": (1e4 + real, 1e4 + fake),
        "singular": (real * [1, 1, 0, 0, 0], fake * [1, 1, 0, 0, 0]),
        "all the same": (real, np.repeat(real[:1], 30, 0)),
    }
    return [x.astype(np.float32) for x in cases[case]]


CASES = ["random", "fewer samples than features", "identical", "shuffled", "duplicated", "lattice"]
CASES += ["far", "singular", "all the same"]


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("case", CASES)
def test_neighbours_agree_with_the_papers_sums(case, k):
    real, fake = sets(case)
    pr, dc = prdc_reference(real, fake, k)
    np.testing.assert_allclose(precision_recall(real, fake, k), pr, rtol=1e-12)
    np.testing.assert_allclose(density_coverage(real, fake, k), dc, rtol=1e-12)


def test_neighbours_across_blocks():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(1010, 3)), rng.normal(0.5, 1, (530, 3))
    reach = NearestNeighbors(n_neighbors=5).fit(real).kneighbors(real)[0][:, 4]  # itself is first
    inside = distances(real, fake) < reach[:, None]
    found = density_coverage(real, fake, 4)
    assert found.density == pytest.approx(inside.sum() / (4 * 530), rel=1e-12)
    assert found.coverage == inside.any(1).mean()
    assert precision_recall(real, fake, 4).precision == inside.any(0).mean()


def test_equal_sets_are_wholly_precise_and_of_density_one():
    x = sets("random")[0]
    assert precision_recall(x, x, 3) == (1, 1)
    assert density_coverage(x, x, 3) == pytest.approx((1, 1))


def test_one_fake_is_measured_by_the_reals_alone():
    real = np.asarray([[0.0], [1], [2], [10]])
    assert density_coverage(real, np.asarray([[0.5]]), 1) == (2.0, 0.5)
    with pytest.raises(ValueError, match="k is 1, of 1 points"):
        precision_recall(real, np.asarray([[0.5]]), 1)


@pytest.mark.parametrize("k", [0, 4])
def test_a_neighbour_that_does_not_exist_is_refused(k):
    x = np.random.default_rng(0).normal(size=(4, 2))
    for metric in (precision_recall, density_coverage):
        with pytest.raises(ValueError, match=f"k is {k}, of 4 points"):
            metric(x, x, k)


def test_blocks_are_all_the_distances_within_their_rounding():
    rng = np.random.default_rng(0)
    pair = make_pair(100 + rng.random((1203, 6)), 100 + rng.random((77, 6)))
    found = np.concatenate([square for _, square in blocks(pair)])
    true = distances(pair.a_NxF, pair.b_MxF) ** 2
    assert np.abs(found - true).max() <= pair.rounding < 1e-13 * 60
    rows = [some for some, _ in blocks(pair)]
    assert [r.start for r in rows[1:]] == [r.stop for r in rows[:-1]]


@pytest.mark.parametrize("case", CASES)
def test_nearest_agrees_with_all_distances(case):
    x, train = sets(case)
    d = distances(x, train)
    found = nearest(x, train)
    np.testing.assert_allclose(found.distance, d.min(1), rtol=1e-9)
    np.testing.assert_array_equal(d[np.arange(len(d)), found.which], found.distance)
    other = distances(x, x) + np.diag(np.full(len(x), np.inf))
    np.testing.assert_allclose(nearest_other(x).distance, other.min(1), rtol=1e-9)


def test_copies_are_found_out():
    rng = np.random.default_rng(0)
    train, held, honest = rng.normal(size=(3, 300, 6))
    thief = np.concatenate([train[:90] + 1e-6, honest[:210]])
    found, good = memorised(thief, train, held), memorised(honest, train, held)
    assert good.copies < 0.05
    assert found.copies == pytest.approx(0.3, abs=0.05)
    assert good.distance == pytest.approx(good.distance_held_out, rel=0.1)
    assert good.distance_held_out == pytest.approx(np.median(distances(held, train).min(1)))
    assert memorised(train, train, held)[::2] == (0.0, 1.0)


def test_training_images_are_taken_a_few_at_a_time_as_pixels(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 6), np.uint8)
    train, held, fake = np.split(pixels / np.float32(255), 3)
    whole = memorised(fake, train, held)
    monkeypatch.setattr(memorise, "AT_ONCE", 7)
    np.testing.assert_allclose(memorised(fake, pixels[:20], held), whole, rtol=1e-6)


def test_duplicates_are_counted():
    x = np.asarray([[0.0], [0], [1], [3], [3.5]])
    assert duplicates(x) == 0.4
    assert duplicates(x, 0.5) == 0.8
    assert duplicates(x, 10) == 1
    with pytest.raises(ValueError, match="at least 2"):
        duplicates(x[:1])
