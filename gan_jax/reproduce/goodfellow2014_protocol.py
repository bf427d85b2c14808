"""The 2014 table's protocol: which images and how many samples a likelihood is computed from."""

from typing import NamedTuple

import numpy as np

from gan_jax import data
from gan_jax.metrics import parzen
from gan_jax.reproduce.goodfellow2014_recipe import TEST, VALID


class Protocol(NamedTuple):
    """What samples are judged with; images are rows of pixels in [0, 1]."""

    centres: int
    valid_NxD: np.ndarray
    test_NxD: np.ndarray

    def score(self, samples_NxD: np.ndarray, fine: bool = False) -> parzen.ParzenScore:
        """The paper's estimate, or with fine the one for a better window."""
        few = samples_NxD[: self.centres].astype(np.float32)
        return parzen.goodfellow2014(few, self.valid_NxD, self.test_NxD, fine)


def images(split: str, n: int | None = None) -> np.ndarray:
    """The first n images of a split, [N, 784] in [0, 1]."""
    x = data.load("mnist", split).x[:n]
    return x.reshape(len(x), -1).astype(np.float32) / 255


def make_protocol(quick: bool) -> Protocol:
    """10,000 samples, 1,000 validation and 10,000 test images; a tenth of them to be quick."""
    tenth = 10 if quick else 1
    valid, test = images(VALID, parzen.VALIDATION), images(TEST, 10_000 // tenth)
    return Protocol(parzen.CENTRES_2014 // tenth, valid[::tenth], test)
