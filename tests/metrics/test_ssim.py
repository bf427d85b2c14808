"""MS-SSIM against a window moved by hand."""

import numpy as np
import pytest
import scipy.signal

from gan_jax.metrics import ms_ssim, ms_ssim_diversity

WEIGHTS = np.asarray([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])


def reference(a, b, scales, window=11):
    """One channel, from the paper: 2-D windows by convolution, 2 x 2 means between scales."""
    line = np.exp(-((np.arange(window) - (window - 1) / 2) ** 2) / 4.5)
    kernel = np.outer(line, line) / line.sum() ** 2

    def smooth(x):
        return scipy.signal.convolve2d(x, kernel, mode="valid")

    result = 1.0
    weights = WEIGHTS[:scales] / WEIGHTS[:scales].sum()
    for scale, weight in enumerate(weights):
        if scale:
            a, b = ((x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4 for x in (a, b))
        u, v = smooth(a), smooth(b)
        var_a, var_b = smooth((a) ** 2) - u**2, smooth(b**2) - v**2
        value = (2 * (smooth(a * b) - u * v) + 0.0009) / (var_a + var_b + 0.0009)
        if scale == scales - 1:
            value = value * (2 * u * v + 0.0001) / (u**2 + v**2 + 0.0001)
        result *= max(value.mean(), 0) ** weight
    return result


@pytest.mark.parametrize(("side", "scales", "window"), [(28, 2, 11), (48, 3, 11), (8, 1, 8)])
@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_it_agrees_with_the_paper(side, scales, window, noise):
    rng = np.random.default_rng(side)
    a = rng.random((3, side, side, 2)).astype(np.float32)
    b = np.clip(a + noise * rng.normal(size=a.shape), 0, 1).astype(np.float32)
    expected = [
        np.mean([reference(*np.float64([p[..., c], q[..., c]]), scales, window) for c in range(2)])
        for p, q in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(ms_ssim(a, b), expected, rtol=1e-9)


def test_equal_images_are_one_and_opposites_nothing():
    x = np.random.default_rng(0).random((4, 28, 28, 1))
    np.testing.assert_allclose(ms_ssim(x, x), 1, rtol=1e-12)
    np.testing.assert_allclose(ms_ssim(x, 1 - x), 0)
    flat = np.full((1, 28, 28, 1), 0.4)
    np.testing.assert_allclose(ms_ssim(flat, flat), 1, rtol=1e-12)
    with pytest.raises(ValueError, match="expected the same"):
        ms_ssim(x, x[:2])


def test_a_collapsed_gen_has_no_diversity():
    rng = np.random.default_rng(0)
    x = rng.random((20, 12, 12, 1))
    one = np.repeat(x[:1], 20, 0)
    assert ms_ssim_diversity(one) == pytest.approx(1)
    half = np.concatenate([one[:10], x[:10]])
    assert ms_ssim_diversity(x) < ms_ssim_diversity(half) < 0.9
    assert ms_ssim_diversity(x) == ms_ssim_diversity(x)
    with pytest.raises(ValueError, match="at least 2"):
        ms_ssim_diversity(x[:1])


def test_an_image_is_never_compared_with_itself():
    x = np.stack([np.zeros((11, 11, 1)), np.ones((11, 11, 1))])
    assert ms_ssim_diversity(x, 50) < 1e-3
