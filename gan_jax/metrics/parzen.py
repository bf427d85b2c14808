"""Gaussian Parzen windows: densities for D*, and the likelihood estimate of two papers.

The estimate depends on the number of centres and on sigma, so numbers from different protocols are
not comparable and never share a column.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from scipy.optimize import minimize_scalar

from gan_jax.host.errors import UserError
from gan_jax.types import Array

BLOCK = 1000  # rows of x at a time: N x BLOCK distances are in memory, not N x M
SIGMAS = tuple(np.logspace(-1, 0, 10).tolist())  # for pixels in [0, 1]
CENTRES_2014, CENTRES_FGAN, VALIDATION = 10_000, 16_384, 1000


class SigmaAtEdgeError(UserError):
    """The best window of a grid is its first or last, so the optimum may lie outside the grid."""


class ParzenScore(NamedTuple):
    """The mean log-likelihood of test images, and what it depends on."""

    mean: float  # nats
    standard_error: float  # of the mean over test images, nats
    sigma: float
    centres: int


def parzen_log_likelihood(
    centres_NxD: np.ndarray | Array, x_MxD: np.ndarray | Array, sigma: Array | float
) -> Array:
    """log p(x) in nats, [M], under the mean of N isotropic Gaussians of width sigma.

    log p(x) = logmeanexp_i(-norm2(x - c_i)^2 / (2 sigma^2)) - D log(sigma sqrt(2 pi)).
    Breuleux, Bengio and Vincent 2011; Goodfellow et al. 2014, section 5.
    """
    n, d = centres_NxD.shape
    middle = jnp.mean(centres_NxD, 0, keepdims=True)  # smaller numbers round less
    centres = (centres_NxD - middle) / sigma
    squares_N = jnp.square(centres).sum(1)

    def one(x: Array) -> Array:
        with jax.default_matmul_precision("highest"):
            scores_N = centres @ x - squares_N / 2  # the exponents without the square of x
        best = jnp.argmax(scores_N)
        # The largest exponent, from a difference: if x is near a centre, the squares cancel.
        nearest = -jnp.square(centres[best] - x).sum() / 2
        return nearest + jnp.log(jnp.exp(scores_N - scores_N[best]).sum())

    log_sums_M = lax.map(one, (x_MxD - middle) / sigma, batch_size=BLOCK)
    return log_sums_M - jnp.log(n) - d * (jnp.log(sigma) + jnp.log(2 * jnp.pi) / 2)


_log_likelihood = jax.jit(parzen_log_likelihood)  # one compile for all windows of a search


def score(centres_NxD: np.ndarray, x_MxD: np.ndarray, sigma: float) -> ParzenScore:
    """Mean and standard error, std / sqrt(M), over x."""
    log_p_M = np.asarray(_log_likelihood(centres_NxD, x_MxD, sigma), np.float64)
    error = log_p_M.std() / np.sqrt(len(log_p_M))
    return ParzenScore(float(log_p_M.mean()), float(error), float(sigma), len(centres_NxD))


def choose_sigma(
    centres_NxD: np.ndarray, valid_MxD: np.ndarray, sigmas: tuple[float, ...] = SIGMAS
) -> float:
    """The window of an ascending grid that gives x the highest mean log-likelihood.

    SigmaAtEdgeError if it is the first or the last window: such a result depends on how the grid
    was chosen, not on the samples.
    """
    means = [score(centres_NxD, valid_MxD, sigma).mean for sigma in sigmas]
    best = int(np.argmax(means))
    if best in {0, len(sigmas) - 1}:
        raise SigmaAtEdgeError(
            f"sigma {sigmas[best]:.4g} is the best of the grid and at its edge: expected one "
            f"between {sigmas[0]:.4g} and {sigmas[-1]:.4g}; the samples may have another scale "
            "than the images, or be all the same"
        )
    return sigmas[best]


def refine_sigma(
    centres_NxD: np.ndarray, valid_MxD: np.ndarray, sigmas: tuple[float, ...] = SIGMAS
) -> float:
    """The best window to within a thousandth, between the neighbours of the grid's best."""
    best = sigmas.index(choose_sigma(centres_NxD, valid_MxD, sigmas))
    found = minimize_scalar(
        lambda log_sigma: -score(centres_NxD, valid_MxD, np.exp(log_sigma)).mean,
        bounds=(np.log(sigmas[best - 1]), np.log(sigmas[best + 1])),
        method="bounded",
        options={"xatol": 1e-3},
    )
    return float(np.exp(found.x))


def goodfellow2014(
    samples_NxD: np.ndarray, valid_MxD: np.ndarray, test_MxD: np.ndarray, fine: bool = False
) -> ParzenScore:
    """The 2014 table's estimate: 10,000 samples, sigma chosen on 1,000 validation images.

    Pixels are in [0, 1]. fine: searches sigma between the grid's points, which the paper did not
    do, to show what the grid costs.
    """
    return _protocol(samples_NxD[:CENTRES_2014], valid_MxD, test_MxD, fine)


def fgan2016(
    samples_NxD: np.ndarray, valid_MxD: np.ndarray, test_MxD: np.ndarray, fine: bool = False
) -> ParzenScore:
    """Nowozin et al. 2016, table 2: 16,384 samples; not comparable with the 2014 table.

    How the paper chooses sigma was not checked; here it is chosen as in 2014.
    """
    return _protocol(samples_NxD[:CENTRES_FGAN], valid_MxD, test_MxD, fine)


def _protocol(centres: np.ndarray, valid: np.ndarray, test: np.ndarray, fine: bool) -> ParzenScore:
    search = refine_sigma if fine else choose_sigma
    return score(centres, test, search(centres, valid[:VALIDATION]))


def silverman(n: int, d: int) -> float:
    """The window for n standardised points in d dimensions: (4 / (n (d + 2)))^(1 / (d + 4))."""
    return (4 / (n * (d + 2))) ** (1 / (d + 4))
