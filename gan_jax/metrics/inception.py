"""The inception score: high if each prediction is certain and all classes are equally frequent."""

import numpy as np
from scipy.special import xlogy


def inception_score(probs_NxC: np.ndarray) -> float:
    """exp(mean_n KL(p(y | x_n) || mean_n p(y | x_n))), in [1, C]. Salimans et al. 2016.

    Computed over all samples at once, not as a mean over ten parts. One sample scores 1.
    """
    probs = np.asarray(probs_NxC, np.float64)
    if probs.ndim != 2 or not probs.size:
        raise ValueError(f"probabilities {probs.shape}: expected [N, C], not empty")
    even = probs.mean(0)
    # sum_c p log p - sum_c even log even, since the cross term's mean over n is the second sum.
    return float(np.exp(xlogy(probs, probs).sum(1).mean() - xlogy(even, even).sum()))
