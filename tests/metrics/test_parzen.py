"""Parzen windows against float64 differences, and the protocols around them."""

import numpy as np
import pytest

from gan_jax.host.errors import UserError
from gan_jax.metrics import parzen, parzen_log_likelihood


def reference(centres, x, sigma):
    """Ten lines of numpy, from the paper."""
    centres, x = np.asarray(centres, np.float64), np.asarray(x, np.float64)
    squares = ((x[:, None] - centres[None]) ** 2).sum(-1) / (2 * sigma**2)
    top = (-squares).max(1)
    log_mean = top + np.log(np.exp(-squares - top[:, None]).mean(1))
    return log_mean - x.shape[1] * np.log(sigma * np.sqrt(2 * np.pi))


def digits(rng, n, d=784):
    """Mostly black, like a digit."""
    return (rng.random((n, d)) * (rng.random((n, d)) < 0.2)).astype(np.float32)


@pytest.mark.parametrize(
    ("n", "m", "d", "sigma"),
    [(50, 30, 3, 0.5), (1, 4, 2, 0.1), (40, 1, 20, 0.2), (9, 2500, 1, 1.0), (5, 60, 784, 0.2)],
)
def test_it_agrees_with_the_formula(n, m, d, sigma):
    rng = np.random.default_rng(0)
    centres, x = rng.random((n, d), np.float32), rng.random((m, d), np.float32)
    found = parzen_log_likelihood(centres, x, sigma)
    expected = reference(centres, x, sigma)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("sigma", [0.01, 0.1, 1.0])
def test_windows_far_narrower_than_the_data_keep_their_digits(sigma):
    rng = np.random.default_rng(1)
    centres = digits(rng, 60)
    centres[10:20] = centres[0]  # duplicates
    near = centres + 0.05 * rng.normal(size=centres.shape).astype(np.float32)
    for x in (centres, near, digits(rng, 30)):
        found = np.asarray(parzen_log_likelihood(centres, x, sigma), np.float64)
        np.testing.assert_allclose(found, reference(centres, x, sigma), rtol=1e-5)


def test_far_from_zero_it_keeps_its_digits():
    rng = np.random.default_rng(0)
    centres, x = (1000 + rng.random((20, 5), np.float32) for _ in range(2))
    found = parzen_log_likelihood(centres, x, 0.3)
    np.testing.assert_allclose(found, reference(centres, x, 0.3), rtol=1e-5)


def test_it_is_a_density():
    centres = np.asarray([[0.0], [3.0]], np.float32)
    x = np.linspace(-10, 13, 4001, dtype=np.float32)[:, None]
    total = np.trapezoid(np.exp(parzen_log_likelihood(centres, x, 0.7)), x[:, 0])
    assert total == pytest.approx(1, abs=1e-4)


def test_the_grid_is_the_papers():
    np.testing.assert_allclose(parzen.SIGMAS, np.logspace(-1, 0, 10), rtol=1e-15)
    assert (parzen.CENTRES_2014, parzen.CENTRES_FGAN, parzen.VALIDATION) == (10_000, 16_384, 1000)


def test_the_score_is_the_mean_and_its_standard_error():
    rng = np.random.default_rng(2)
    centres, x = digits(rng, 30, 20), digits(rng, 50, 20)
    expected = reference(centres, x, 0.2)
    found = parzen.score(centres, x, 0.2)
    assert found.mean == pytest.approx(expected.mean(), rel=1e-5)
    assert found.standard_error == pytest.approx(expected.std() / np.sqrt(50), rel=1e-4)
    assert (found.sigma, found.centres) == (0.2, 30)


def test_the_chosen_window_makes_the_validation_images_likeliest():
    rng = np.random.default_rng(3)
    centres, valid = (rng.normal(0, 0.3, (200, 6)).astype(np.float32) for _ in range(2))
    means = [reference(centres, valid, sigma).mean() for sigma in parzen.SIGMAS]
    coarse = parzen.choose_sigma(centres, valid)
    assert coarse == parzen.SIGMAS[int(np.argmax(means))]
    fine = parzen.refine_sigma(centres, valid)
    assert 0 < abs(fine / coarse - 1) < 0.3
    around = [reference(centres, valid, fine * f).mean() for f in (0.99, 1, 1.01)]
    assert np.argmax(around) == 1
    assert around[1] > max(means)


@pytest.mark.parametrize("scale", [1e-3, 30.0])
def test_a_window_at_the_edge_of_the_grid_is_refused(scale):
    rng = np.random.default_rng(4)
    x = (scale * rng.normal(size=(60, 4))).astype(np.float32)
    with pytest.raises(UserError, match=r"at its edge: expected one between 0\.1 and 1") as caught:
        parzen.choose_sigma(x[:30], x[30:])
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="edge"):
        parzen.goodfellow2014(x[:30], x[30:], x[30:], fine=True)


@pytest.mark.parametrize(
    ("protocol", "centres"), [(parzen.goodfellow2014, 10_000), (parzen.fgan2016, 16_384)]
)
def test_protocols_take_their_numbers_of_images_and_test_on_others(protocol, centres):
    rng = np.random.default_rng(5)
    samples = rng.normal(0, 0.5, (16_400, 2)).astype(np.float32)
    samples[centres:] = 50.0  # must not be touched
    valid = rng.normal(0, 0.5, (1010, 2)).astype(np.float32)
    valid[1000:] = -50.0
    test = rng.normal(0, 0.7, (40, 2)).astype(np.float32)
    found = protocol(samples, valid, test)
    assert found.centres == centres
    assert found.sigma in parzen.SIGMAS
    expected = reference(samples[:centres], test, found.sigma)
    assert found.mean == pytest.approx(expected.mean(), rel=1e-4)
    better = protocol(samples, valid, test, fine=True)
    assert better.sigma not in parzen.SIGMAS
