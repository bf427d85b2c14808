"""Distances between sets of features against float64 references, also at the awkward places."""

import math

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from sklearn.metrics.pairwise import polynomial_kernel

from gan_jax.metrics import (
    frechet_distance,
    inception_score,
    kernel_distance,
    sliced_wasserstein,
)
from gan_jax.metrics.sliced import random_directions


def sets(case):
    """Two sets of features [N, F], float32 as networks give them."""
    rng = np.random.default_rng(sum(map(ord, case)))
    a, b = rng.normal(1, 2, (60, 8)), rng.normal(0, 1, (45, 8)) @ rng.normal(size=(8, 8))
    made = {
        "random": (a, b),
        "fewer samples than features": (a.T @ a[:, :5] / 9, b[:8].T),
        "identical": (a, a.copy()),
        "duplicated": (np.repeat(a[:6], 9, 0), np.repeat(b, 2, 0)),
        "singular": (a @ np.ones((8, 1)) @ np.ones((1, 8)), b @ np.diag([1, 1, 1, 0, 0, 0, 0, 0])),
        "far": (1000 + a, 1000 + b),
        "one": (a[:1], b),
    }
    if case == "fewer samples than features":
        made[case] = rng.normal(size=(5, 30)), rng.normal(1, 2, (9, 30))
    return [x.astype(np.float32) for x in made[case]]


CASES = ["random", "fewer samples than features", "identical", "duplicated", "singular", "far"]


def frechet_reference(a, b):
    """From the paper, with the root of the symmetric form of the product; one sample is a point."""
    a, b = np.float64(a), np.float64(b)
    gap = a.mean(0) - b.mean(0)
    cov_a, cov_b = (
        np.cov(x, rowvar=False) if len(x) > 1 else np.zeros((x.shape[1],) * 2) for x in (a, b)
    )
    values, vectors = np.linalg.eigh(cov_a)
    root = vectors @ np.diag(np.sqrt(np.maximum(values, 0))) @ vectors.T
    inner = np.linalg.eigvalsh(root @ cov_b @ root)
    trace = np.trace(cov_a) + np.trace(cov_b)
    return gap @ gap + trace - 2 * np.sqrt(np.maximum(inner, 0)).sum(), gap @ gap + trace


@pytest.mark.parametrize("case", [*CASES, "one"])
def test_frechet_agrees_with_the_formula(case):
    a, b = sets(case)
    expected, scale = frechet_reference(a, b)
    found = frechet_distance(a, b)
    assert isinstance(found, float)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-7 * scale)
    assert frechet_distance(b, a) == pytest.approx(found, rel=1e-9, abs=1e-12 * scale)


def test_frechet_agrees_with_scipys_root_of_a_matrix():
    a, b = sets("random")
    cov_a, cov_b = np.cov(np.float64(a).T), np.cov(np.float64(b).T)
    root = scipy.linalg.sqrtm(cov_a @ cov_b).real
    gap = np.float64(a).mean(0) - np.float64(b).mean(0)
    expected = gap @ gap + np.trace(cov_a + cov_b - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)


def test_frechet_of_gaussians_on_a_line():
    """(m_a - m_b)^2 + (s_a - s_b)^2."""
    a, b = np.asarray([[-1.0], [0], [1]]), 5 + 3 * np.asarray([[-1.0], [0], [1]])
    assert frechet_distance(a, b) == pytest.approx(25 + 4)


def test_frechet_of_equal_sets_is_nothing():
    for case in CASES:
        a = sets(case)[0]
        assert 0 <= frechet_distance(a, a) <= 1e-12 * np.square(np.float64(a)).sum()


def kernel_reference(a, b):
    """Gretton et al. 2012, eq. 3, with scikit-learn's kernel."""
    a, b = np.float64(a), np.float64(b)
    k_aa, k_bb, k_ab = (polynomial_kernel(x, y, 3) for x, y in ((a, a), (b, b), (a, b)))
    off_a, off_b = (k[~np.eye(len(k), dtype=bool)] for k in (k_aa, k_bb))
    return off_a.mean() + off_b.mean() - 2 * k_ab.mean(), k_ab.mean()


@pytest.mark.parametrize("case", CASES)
def test_kernel_distance_agrees_with_the_formula(case):
    a, b = sets(case)
    expected, scale = kernel_reference(a, b)
    found = kernel_distance(a, b)
    assert isinstance(found, float)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-10 * abs(scale))


def test_kernel_distance_is_taken_in_blocks():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(1003, 3)), rng.normal(0.1, 1, (501, 3))
    assert kernel_distance(a, b) == pytest.approx(kernel_reference(a, b)[0], rel=1e-9)


def test_kernel_distance_is_unbiased():
    """Zero on average where the laws are the same, at any number of samples."""
    rng = np.random.default_rng(0)
    found = [kernel_distance(*rng.normal(size=(2, 6, 4))) for _ in range(2000)]
    assert abs(np.mean(found)) < 4 * np.std(found) / math.sqrt(2000)
    assert min(found) < 0


def test_kernel_distance_of_one_sample_does_not_exist():
    a, b = sets("one")
    assert math.isnan(kernel_distance(a, b))
    assert math.isnan(kernel_distance(b, a))


@pytest.mark.parametrize("metric", [frechet_distance, kernel_distance, sliced_wasserstein])
def test_what_cannot_be_compared_is_refused(metric):
    x = np.zeros((3, 2))
    for other in (np.zeros((3, 4)), np.zeros((0, 2)), np.zeros(2)):
        with pytest.raises(ValueError, match="expected"):
            metric(x, other)
    with pytest.raises(ValueError, match="not finite"):
        metric(x, x + np.nan)


@pytest.mark.parametrize("n", [1, 7, 300])
def test_inception_score_agrees_with_the_formula(n):
    probs = np.random.default_rng(n).dirichlet(np.full(10, 0.2), n).astype(np.float32)
    even = np.float64(probs).mean(0)
    entropies = [scipy.stats.entropy(np.float64(p), even) for p in probs]
    # scipy's entropy normalises its arguments, which float32 does not quite
    assert inception_score(probs) == pytest.approx(np.exp(np.mean(entropies)), rel=1e-5)


def test_inception_score_knows_its_ends():
    assert inception_score(np.eye(10)[np.arange(50) % 10]) == pytest.approx(10)
    assert inception_score(np.eye(10)[[3] * 8]) == pytest.approx(1)
    assert inception_score(np.full((8, 4), 0.25)) == pytest.approx(1)
    with pytest.raises(ValueError, match="not empty"):
        inception_score(np.zeros((0, 4)))


@pytest.mark.parametrize(("n", "m"), [(30, 30), (30, 20), (1, 7), (8, 13)])
def test_sliced_wasserstein_agrees_with_repeated_points(n, m):
    """W_2 of equal sizes is that of sorted points: each repeated to the common multiple."""
    rng = np.random.default_rng(n + m)
    x, y = rng.normal(size=(n, 3)), rng.normal(1, 2, (m, 3))
    lines = random_directions(3, 16, seed=5)
    both = math.lcm(n, m)
    expected = [
        (np.sort(np.repeat(x @ u, both // n)) - np.sort(np.repeat(y @ u, both // m))) ** 2
        for u in lines
    ]
    found = sliced_wasserstein(x, y, lines)
    assert found == pytest.approx(np.sqrt(np.mean(expected)), rel=1e-10)
    assert sliced_wasserstein(y, x, lines) == pytest.approx(found, rel=1e-12)


def test_sliced_wasserstein_of_a_shift_is_its_length_along_the_lines():
    rng = np.random.default_rng(0)
    x, shift = rng.normal(size=(50, 4)), np.asarray([3.0, 0, 0, 0])
    lines = random_directions(4, 4000)
    np.testing.assert_allclose(np.linalg.norm(lines, axis=1), 1, rtol=1e-12)
    assert abs(lines.mean()) < 0.02
    assert sliced_wasserstein(x, x + shift, lines) == pytest.approx(3 / math.sqrt(4), rel=0.03)
    assert sliced_wasserstein(x, x[::-1]) == pytest.approx(0, abs=1e-15)
