"""SSIM and MS-SSIM: the similarity of two images; averaged over samples, their lack of variety."""

import numpy as np

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first: Wang et al. 2003
WINDOW, SIGMA = 11, 1.5  # pixels of the Gaussian window, and its width
C1, C2 = 0.01**2, 0.03**2  # for pixels in [0, 1]


def ms_ssim(a_NxHxWxC: np.ndarray, b_NxHxWxC: np.ndarray) -> np.ndarray:
    """MS-SSIM of paired images in [0, 1], [N], in float64; 1 for equal images.

    prod_s contrast_s^w_s, times luminance at the coarsest scale; means over positions, then over
    channels. Wang et al. 2003. Of the five scales, those whose sides have at least 11 pixels are
    used, with their weights normalised to sum 1: two for 28 x 28. If the window is larger than the
    image, it is reduced to the shorter side.
    """
    a, b = (np.moveaxis(np.asarray(x, np.float64), -1, 1) for x in (a_NxHxWxC, b_NxHxWxC))
    if a.ndim != 4 or a.shape != b.shape:
        raise ValueError(f"images {a.shape} and {b.shape}: expected the same [N, H, W, C]")
    window = min(WINDOW, *a.shape[2:])
    scales = [s for s in range(len(WEIGHTS)) if not s or min(a.shape[2:]) >> s >= WINDOW]
    weights = np.asarray(WEIGHTS[: len(scales)])
    result = np.ones(a.shape[:2])
    for scale, weight in zip(scales, weights / weights.sum(), strict=True):
        if scale:
            a, b = _halve(a), _halve(b)
        luminance, contrast = _compare(a, b, window)
        value = luminance * contrast if scale == scales[-1] else contrast
        # Images that are negatives of each other have a negative mean, which has no real power.
        result *= np.maximum(value.mean((2, 3)), 0) ** weight
    return result.mean(1)


def ssim(a_NxHxWxC: np.ndarray, b_NxHxWxC: np.ndarray) -> np.ndarray:
    """SSIM of paired images in [0, 1], [N], in float64; 1 for equal images.

    Luminance times contrast and structure in Gaussian windows of 11 pixels, averaged over positions
    and channels. Wang et al. 2004. A window larger than the image is reduced to its shorter side.
    """
    a, b = (np.moveaxis(np.asarray(x, np.float64), -1, 1) for x in (a_NxHxWxC, b_NxHxWxC))
    if a.ndim != 4 or a.shape != b.shape:
        raise ValueError(f"images {a.shape} and {b.shape}: expected the same [N, H, W, C]")
    luminance, contrast = _compare(a, b, min(WINDOW, *a.shape[2:]))
    return (luminance * contrast).mean((1, 2, 3))


def _compare(a: np.ndarray, b: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Luminance and contrast-structure at every position where the window fits, [N, C, h, w]."""

    def smooth(x: np.ndarray) -> np.ndarray:
        return _bank(x.shape[2], window) @ x @ _bank(x.shape[3], window).T

    mean_a, mean_b = smooth(a), smooth(b)
    both = mean_a**2 + mean_b**2
    luminance = (2 * mean_a * mean_b + C1) / (both + C1)
    covariance = smooth(a * b) - mean_a * mean_b
    variances = smooth(a**2 + b**2) - both
    return luminance, (2 * covariance + C2) / (variances + C2)


def _bank(side: int, window: int) -> np.ndarray:
    """The Gaussian window at each of its positions along a side, [side - window + 1, side]."""
    weight = np.exp(-((np.arange(window) - (window - 1) / 2) ** 2) / (2 * SIGMA**2))
    bank = np.zeros((side - window + 1, side))
    for i, row in enumerate(bank):
        row[i : i + window] = weight / weight.sum()
    return bank


def _halve(x: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels; an odd last row or column is left out."""
    n, c, h, w = x.shape
    return x[:, :, : h // 2 * 2, : w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2).mean((3, 5))


def ms_ssim_diversity(x_NxHxWxC: np.ndarray, pairs: int = 1000, seed: int = 0) -> float:
    """Mean MS-SSIM over random pairs of different samples: near 1 if all look the same.

    Odena et al. 2017, who take pairs within a class. To be compared with the value for real images.
    """
    n = len(x_NxHxWxC)
    if n < 2:
        raise ValueError(f"MS-SSIM diversity of {n} images: expected at least 2")
    rng = np.random.default_rng(seed)
    one = rng.integers(0, n, pairs)
    other = (one + rng.integers(1, n, pairs)) % n
    return float(ms_ssim(x_NxHxWxC[one], x_NxHxWxC[other]).mean())
