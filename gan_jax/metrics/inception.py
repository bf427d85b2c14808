"""The inception score: sure of each sample, and even over all."""

import numpy as np
from scipy.special import xlogy


def inception_score(probs_NxC: np.ndarray) -> float:
    """exp(mean_n KL(p(y | x_n) || mean_n p(y | x_n))), in [1, C]. Salimans et al. 2016.

    Of all samples in one, not the mean over ten parts. One sample scores 1.
    """
    probs = np.asarray(probs_NxC, np.float64)
    if probs.ndim != 2 or not probs.size:
        raise ValueError(f"probabilities {probs.shape}: expected [N, C], not empty")
    even = probs.mean(0)
    # sum_c p log p - sum_c even log even: the mean over n of the cross term is the second.
    return float(np.exp(xlogy(probs, probs).sum(1).mean() - xlogy(even, even).sum()))
