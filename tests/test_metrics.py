"""Metrics against independent float64 references."""

import numpy as np
import pytest
import scipy.stats

from gan_jax.metrics import optimal_discriminator, parzen_log_likelihood
from gan_jax.metrics.classifier import judge, train_classifier
from gan_jax.metrics.divergence import estimated_optimum, ks_distance


def reference_parzen(centres, x, sigma):
    """Ten lines of numpy, from the paper."""
    centres, x = np.asarray(centres, np.float64), np.asarray(x, np.float64)
    squares = ((x[:, None] - centres[None]) ** 2).sum(-1) / (2 * sigma**2)
    top = (-squares).max(1)
    log_mean = top + np.log(np.exp(-squares - top[:, None]).mean(1))
    return log_mean - x.shape[1] * np.log(sigma * np.sqrt(2 * np.pi))


@pytest.mark.parametrize(
    ("n", "m", "d", "sigma"),
    [(50, 30, 3, 0.5), (1, 4, 2, 0.1), (40, 1, 20, 0.2), (9, 2500, 1, 1.0)],
)
def test_parzen_agrees_with_the_formula(n, m, d, sigma):
    rng = np.random.default_rng(0)
    centres, x = rng.random((n, d), np.float32), rng.random((m, d), np.float32)
    found = parzen_log_likelihood(centres, x, sigma)
    np.testing.assert_allclose(found, reference_parzen(centres, x, sigma), rtol=2e-5, atol=2e-4)


def test_parzen_is_a_density():
    centres = np.asarray([[0.0], [3.0]], np.float32)
    x = np.linspace(-10, 13, 4001, dtype=np.float32)[:, None]
    total = np.trapezoid(np.exp(parzen_log_likelihood(centres, x, 0.7)), x[:, 0])
    assert total == pytest.approx(1, abs=1e-4)


def test_parzen_far_from_zero_keeps_its_digits():
    rng = np.random.default_rng(0)
    centres, x = (100 + rng.random((20, 5), np.float32) for _ in range(2))
    found = parzen_log_likelihood(centres, x, 0.3)
    np.testing.assert_allclose(found, reference_parzen(centres, x, 0.3), rtol=1e-4)


def test_the_optimum_is_a_half_where_the_laws_meet():
    log_p = np.asarray([-3.0, 0.0, 2.0], np.float32)
    np.testing.assert_allclose(optimal_discriminator(log_p, log_p), 0.5)
    np.testing.assert_allclose(optimal_discriminator(log_p + np.log(3.0), log_p), 0.75, rtol=1e-6)


def test_an_estimated_optimum_is_near_the_true_one():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(0, 1, (4000, 1)), rng.normal(1, 1, (4000, 1))
    x = np.linspace(-1.5, 2.5, 30)[:, None]
    true = scipy.stats.norm.pdf(x, 0, 1) / (
        scipy.stats.norm.pdf(x, 0, 1) + scipy.stats.norm.pdf(x, 1, 1)
    )
    found = estimated_optimum(*(a.astype(np.float32) for a in (real, fake, x)))
    np.testing.assert_allclose(found, true[:, 0], atol=0.06)


@pytest.mark.parametrize("n", [1, 5, 200])
def test_ks_is_scipys(n):
    x = np.random.default_rng(n).normal(0.3, 1.5, n)
    expected = scipy.stats.kstest(x, "norm").statistic
    assert ks_distance(x, scipy.stats.norm.cdf(x)) == pytest.approx(expected, rel=1e-12)


def test_the_judge_counts_likeliest_classes():
    found = judge(np.asarray([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.4, 0.6, 0]]))
    assert list(found.counts) == [1, 2, 0]
    assert found.confidence == pytest.approx((0.9 + 0.8 + 0.6) / 3)


def test_the_classifier_learns_and_is_deterministic():
    rng = np.random.default_rng(0)
    label = np.arange(600) % 3
    x = rng.integers(0, 60, (600, 6, 6, 1), dtype=np.uint8)
    for i, c in enumerate(label):
        x[i, 2:4, 2 * c : 2 * c + 2] = 250
    one, two = (train_classifier(x[:500], label[:500], 3)(x[500:] / 255) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert (one.argmax(1) == label[500:]).mean() > 0.7
    np.testing.assert_allclose(one.sum(1), 1, rtol=1e-5)
