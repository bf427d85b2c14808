"""Pictures beside the ones they should be: by hand, and at the edges."""

import numpy as np
import pytest

from gan_jax.metrics import truth
from gan_jax.metrics.ssim import ssim

RNG = np.random.default_rng(0)
TRUE = RNG.random((6, 16, 16, 3))


def test_distances_by_hand():
    made = np.clip(TRUE + 0.1, 0, 2)
    np.testing.assert_allclose(truth.l1(made, TRUE), 0.1)
    np.testing.assert_allclose(truth.psnr(made, TRUE), 20)
    np.testing.assert_allclose(truth.psnr(TRUE, TRUE), 60)
    np.testing.assert_allclose(ssim(TRUE, TRUE), 1)


def test_chroma_is_of_colour_and_not_of_brightness():
    lighter = TRUE * 0.5 + 0.25
    grey = np.broadcast_to(TRUE.mean(-1, keepdims=True), TRUE.shape)
    np.testing.assert_allclose(truth.chroma(grey, np.zeros_like(TRUE)), 0, atol=1e-6)
    np.testing.assert_allclose(truth.chroma(TRUE + 0.2, TRUE), 0, atol=1e-6)
    np.testing.assert_allclose(
        truth.chroma(lighter, np.zeros_like(TRUE)), truth.chroma(TRUE, np.zeros_like(TRUE)) / 2
    )
    red, cyan = np.zeros((1, 2, 2, 3)), np.ones((1, 2, 2, 3))
    red[..., 0], cyan[..., 0] = 1, 0
    expected = (np.abs(2 * truth.CHROMA[0])).mean()  # opposite colours: twice that of red
    np.testing.assert_allclose(truth.chroma(red, cyan), expected, rtol=1e-4)


def test_ssim_by_hand_where_one_window_fits():
    """Of images of 11 pixels there is one place: means and variances under one Gaussian."""
    a, b = RNG.random((2, 1, 11, 11, 1))
    line = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    weight = np.outer(line, line) / line.sum() ** 2
    x, y = a[0, ..., 0], b[0, ..., 0]
    mean = [(weight * z).sum() for z in (x, y)]
    var = [(weight * (z - m) ** 2).sum() for z, m in zip((x, y), mean, strict=True)]
    both = (weight * (x - mean[0]) * (y - mean[1])).sum()
    c1, c2 = 0.01**2, 0.03**2
    expected = (2 * mean[0] * mean[1] + c1) / (mean[0] ** 2 + mean[1] ** 2 + c1)
    expected *= (2 * both + c2) / (sum(var) + c2)
    np.testing.assert_allclose(ssim(a, b), [expected], rtol=1e-9)
    with pytest.raises(ValueError, match="expected the same"):
        ssim(a, b[:, :5])


def test_ranks_are_those_of_a_plain_search():
    true, made = RNG.normal(size=(2, 40, 5))
    distance = ((made[:, None] - true[None]) ** 2).sum(-1)
    plain = [sum(row < row[i]) for i, row in enumerate(distance)]
    np.testing.assert_array_equal(truth.ranks(made, true), plain)
    np.testing.assert_array_equal(truth.ranks(true, true), 0)
    twins = np.repeat(true[:20], 2, axis=0)  # of two alike either is right
    np.testing.assert_array_equal(truth.ranks(twins + 1e-7, twins), 0)
    assert truth.top(np.asarray([0, 1, 4, 5]), 1) == 0.25
    assert truth.top(np.asarray([0, 1, 4, 5]), 5) == 0.75
