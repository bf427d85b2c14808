"""Mode statistics against a loop over samples, and at the places where they must be known."""

import math

import numpy as np
import pytest

from gan_jax.data import grid, ring
from gan_jax.metrics import mode_statistics, sampling_floor


def reference(x, centres, sigma):
    """The protocol, sample by sample; entropy by hand."""
    counts, junk = [0] * len(centres), 0
    for point in np.asarray(x, np.float64):
        distances = [math.dist(point, c) for c in np.asarray(centres, np.float64)]
        nearest = distances.index(min(distances))
        if distances[nearest] <= 3 * sigma:
            counts[nearest] += 1
        else:
            junk += 1
    good = sum(counts)
    entropy = -sum(c / good * math.log(c / good) for c in counts if c)
    q = [(1 - math.exp(-4.5)) / len(centres)] * len(centres) + [math.exp(-4.5)]
    p = [c / len(x) for c in (*counts, junk)]
    with_junk = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a)
    return sum(c > 0 for c in counts), good / len(x), math.log(len(centres)) - entropy, with_junk


@pytest.mark.parametrize("law", [ring, grid], ids=["ring", "grid"])
@pytest.mark.parametrize("spread", [1.0, 2.0, 5.0])
def test_statistics_agree_with_a_loop(law, spread):
    rng = np.random.default_rng(int(spread))
    centres, sigma = np.asarray(law.centres()), law.scale()
    share = rng.dirichlet(np.ones(len(centres) - 2))  # uneven, and two modes are lost
    mode = rng.choice(len(centres) - 2, 400, p=share)
    x = centres[mode] + spread * sigma * rng.normal(size=(400, 2))
    found = mode_statistics(x.astype(np.float32), centres, sigma)
    expected = reference(x.astype(np.float32), centres, sigma)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert 0 < found.modes < len(centres)


def test_a_sample_counts_within_three_sigma_of_its_nearest_mode():
    centres = np.asarray([[0.0, 0.0], [4.0, 0.0]])  # the circles of 3 sigma overlap
    x = np.asarray([[2.9, 0.0], [0.0, 2.99], [0.0, 3.01], [-3.01, 0.0]])
    found = mode_statistics(x, centres, 1.0)
    assert found[:2] == (2, 0.5)
    assert found.reverse_kl == pytest.approx(0)


def test_one_mode_alone_is_log_k_away():
    found = mode_statistics(np.zeros((7, 2)), np.eye(5, 2) * [[0], [1], [2], [3], [4]], 0.1)
    assert found[:2] == (1, 1.0)
    assert found.reverse_kl == pytest.approx(math.log(5))
    assert found.reverse_kl_with_junk == pytest.approx(math.log(5 / (1 - math.exp(-4.5))))


def test_junk_hides_from_the_modes_but_not_from_the_last_bin():
    centres = np.asarray(grid.centres())
    x = np.concatenate([centres, np.full((225, 2), 3.0)])  # all modes, and 90 % junk
    found = mode_statistics(x, centres, grid.scale())
    assert found[:2] == (25, 0.1)
    assert found.reverse_kl == pytest.approx(0, abs=1e-12)
    expected = 0.9 * math.log(0.9 / math.exp(-4.5)) + 0.1 * math.log(0.1 / (1 - math.exp(-4.5)))
    assert found.reverse_kl_with_junk == pytest.approx(expected)


def test_without_a_sample_of_high_quality_there_is_no_histogram():
    for x in (np.full((9, 2), 50.0), np.full((9, 2), np.nan), np.full((9, 2), -np.inf)):
        found = mode_statistics(x, np.asarray(ring.centres()), 0.01)
        assert found[:2] == (0, 0.0)
        assert math.isnan(found.reverse_kl)
        assert found.reverse_kl_with_junk == pytest.approx(4.5)


def test_a_sample_that_is_not_finite_is_no_ones():
    centres = np.asarray(ring.centres())
    x = np.concatenate([centres, [[np.nan, 0.0]], [[0.0, np.inf]]])
    found = mode_statistics(x, centres, 0.01)
    assert found[:2] == (8, 0.8)


def test_the_tail_is_chi_squareds_in_other_dimensions():
    found = mode_statistics(np.full((4, 1), 9.0), np.zeros((1, 1)), 1.0)
    assert found.reverse_kl_with_junk == pytest.approx(-math.log(math.erfc(3 / math.sqrt(2))))


def test_one_sample_and_one_mode():
    assert mode_statistics(np.zeros((1, 3)), np.zeros((1, 3)), 0.5)[:3] == (1, 1.0, 0.0)
    with pytest.raises(ValueError, match="0 samples"):
        mode_statistics(np.zeros((0, 2)), np.zeros((3, 2)), 1.0)
    with pytest.raises(ValueError, match="0 modes"):
        mode_statistics(np.zeros((3, 2)), np.zeros((0, 2)), 1.0)


def test_the_floor_is_what_a_perfect_law_gets():
    assert sampling_floor(8, 2500) == pytest.approx(0.0014)
    assert sampling_floor(25, 2500) == pytest.approx(0.0048)
    rng = np.random.default_rng(0)
    centres = np.asarray(grid.centres())
    x = centres[rng.integers(0, 25, (200, 2500))]
    found = [mode_statistics(each, centres, 0.05).reverse_kl for each in x]
    assert np.mean(found) == pytest.approx(sampling_floor(25, 2500), rel=0.06)
