"""The divergences and the classifier; the other metrics have files of their own."""

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

from gan_jax.metrics import divergences, optimal_discriminator
from gan_jax.metrics.classifier import count_classes, train_classifier
from gan_jax.metrics.divergence import estimated_optimum, ks_distance


def test_the_optimum_is_a_half_where_the_laws_meet():
    log_p = np.asarray([-3.0, 0.0, 2.0], np.float32)
    np.testing.assert_allclose(optimal_discriminator(log_p, log_p), 0.5)
    np.testing.assert_allclose(optimal_discriminator(log_p + np.log(3.0), log_p), 0.75, rtol=1e-6)


def test_the_optimum_where_a_law_has_no_mass():
    inf = np.inf
    data, gen = np.float32([-inf, -1, -inf, -800]), np.float32([-1, -inf, -inf, -1])
    np.testing.assert_array_equal(optimal_discriminator(data, gen), [0, 1, 0.5, 0])
    np.testing.assert_array_equal(optimal_discriminator(gen, data), [1, 0, 0.5, 1])


def densities(p, q, n=200_000, seed=0):
    """Both log densities at draws of p, then at draws of q."""
    x, y = p.rvs(n, random_state=seed), q.rvs(n, random_state=seed + 1)
    return p.logpdf(x), q.logpdf(x), p.logpdf(y), q.logpdf(y)


@pytest.mark.parametrize(("mean", "std"), [(0.5, 1.0), (1.0, 1.5), (-0.3, 0.8)])
def test_divergences_agree_with_integrals(mean, std):
    p, q = scipy.stats.norm(0, 1), scipy.stats.norm(mean, std)
    u = np.linspace(-15, 15, 20001)
    a, b = p.pdf(u), q.pdf(u)
    integrands = [
        (scipy.special.rel_entr(a, (a + b) / 2) + scipy.special.rel_entr(b, (a + b) / 2)) / 2,
        a * (p.logpdf(u) - q.logpdf(u)),
        b * (q.logpdf(u) - p.logpdf(u)),
        np.abs(a - b) / 2,
    ]
    expected = [scipy.integrate.trapezoid(each, u) for each in integrands]
    np.testing.assert_allclose(divergences(*densities(p, q)), expected, rtol=0.03)


def test_divergences_are_their_sums():
    rng = np.random.default_rng(0)
    a, b, c, d = rng.normal(size=(4, 50))
    mixed = [np.log((np.exp(u) + np.exp(v)) / 2) for u, v in ((a, b), (c, d))]
    share = [np.abs(np.exp(u) - np.exp(v)) / (np.exp(u) + np.exp(v)) for u, v in ((a, b), (c, d))]
    expected = [
        ((a - mixed[0]).mean() + (d - mixed[1]).mean()) / 2,
        (a - b).mean(),
        (d - c).mean(),
        (share[0].mean() + share[1].mean()) / 2,
    ]
    np.testing.assert_allclose(divergences(a, b, c, d), expected, rtol=1e-12)


def test_divergences_of_equal_and_of_separate_laws():
    same = np.zeros(5)
    assert divergences(same, same, same, same) == pytest.approx((0, 0, 0, 0))
    nowhere = np.full(5, -np.inf)
    apart = divergences(same, nowhere, nowhere, same)
    assert apart == pytest.approx((np.log(2), np.inf, np.inf, 1))


def test_an_estimated_optimum_is_near_the_true_one():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(0, 1, (4000, 1)), rng.normal(1, 1, (4000, 1))
    x = np.linspace(-1.5, 2.5, 30)[:, None]
    true = scipy.stats.norm.pdf(x, 0, 1) / (
        scipy.stats.norm.pdf(x, 0, 1) + scipy.stats.norm.pdf(x, 1, 1)
    )
    found = estimated_optimum(*(a.astype(np.float32) for a in (real, fake, x)))
    np.testing.assert_allclose(found, true[:, 0], atol=0.06)


@pytest.mark.parametrize("width", [0.01, 0.0])
def test_an_optimum_beside_a_narrow_law_is_sure(width):
    """Each law has a window of its own width: the joint one would smear a collapsed gen's."""
    rng = np.random.default_rng(0)
    real, fake = rng.normal(4, 1.25, (500, 1)), rng.normal(4, width, (500, 1))
    beside = np.asarray([[3.5], [3.9], [4.1], [4.5]])
    real, fake, beside = (a.astype(np.float32) for a in (real, fake, beside))
    assert float(np.median(estimated_optimum(real, fake, fake))) < 0.02  # their tails are thin
    assert float(estimated_optimum(real, fake, beside).min()) > 0.9


@pytest.mark.parametrize("n", [1, 5, 200])
def test_ks_is_scipys(n):
    x = np.random.default_rng(n).normal(0.3, 1.5, n)
    expected = scipy.stats.kstest(x, "norm").statistic
    assert ks_distance(x, scipy.stats.norm.cdf(x)) == pytest.approx(expected, rel=1e-12)


def test_the_classifier_counts_likeliest_classes():
    found = count_classes(np.asarray([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.4, 0.6, 0]]))
    assert list(found.counts) == [1, 2, 0]
    assert found.confidence == pytest.approx((0.9 + 0.8 + 0.6) / 3)


def test_the_classifier_learns_and_is_deterministic():
    rng = np.random.default_rng(0)
    label = np.arange(600) % 3
    x = rng.integers(0, 60, (600, 6, 6, 1), dtype=np.uint8)
    for i, c in enumerate(label):
        x[i, 2:4, 2 * c : 2 * c + 2] = 250
    first, second = (train_classifier(x[:500], label[:500], 3) for _ in range(2))
    one, two = (each.probabilities(x[500:] / 255) for each in (first, second))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(*(each.features(x[500:] / 255) for each in (first, second)))
    assert first.crc32 == second.crc32 != train_classifier(x[:500], label[:500], 3, seed=1).crc32
    assert (one.argmax(1) == label[500:]).mean() > 0.7
    np.testing.assert_allclose(one.sum(1), 1, rtol=1e-5)
