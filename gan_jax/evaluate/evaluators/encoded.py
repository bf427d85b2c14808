"""Evaluators of a game's `encoders`, which map images to codes or features."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import linear_sum_assignment

from gan_jax.data import Arrays
from gan_jax.evaluate.evaluators.draws import Evaluator, Values
from gan_jax.games import Setup
from gan_jax.metrics.features import has_images
from gan_jax.metrics.memorise import nearest
from gan_jax.types import State

BATCH = 500  # images encoded at a time


class Labelled(NamedTuple):
    """Images that all have a label."""

    x: np.ndarray  # uint8 [N, ...]
    label: np.ndarray  # [N]


def make_encode(setup: Setup, name: str) -> Callable[[State, np.ndarray], np.ndarray]:
    """f(state, uint8 images [N, ...]) -> [N, F] on the host, by the game's named encoder."""
    encode, to_range = jax.jit(setup.game.encoders[name]), setup.data.to_range

    def encoded(state: State, x: np.ndarray) -> np.ndarray:
        parts = (x[i : i + BATCH] for i in range(0, len(x), BATCH))
        return np.concatenate([encode(state, to_range(jnp.asarray(part))) for part in parts])

    return encoded


def codes(setup: Setup, part: str = "eval") -> Evaluator | None:
    """code_error: how often InfoGAN's category does not match an image's class.

    Categories are matched one-to-one with classes so as to minimise the error on the first
    eval_samples labelled images of the test split, on which it is then measured. None without
    held-out labels.
    """
    if "category" not in setup.game.encoders or not _has_labels(setup):
        return None
    encode, n = make_encode(setup, "category"), setup.config.eval_samples

    def run(state: State) -> Values:
        x, label = labelled(setup.data.test(), n)
        yield "code_error", category_error(encode(state, x), label)

    return run


def category_error(logits_NxK: np.ndarray, label_N: np.ndarray) -> float:
    """The share of images whose most probable category is not matched with their label.

    The matching is the one-to-one assignment of categories to classes with the fewest errors. If
    their numbers differ, the categories or classes left over have no match and count as errors.
    """
    table = np.zeros((logits_NxK.shape[1], int(label_N.max()) + 1), int)
    np.add.at(table, (logits_NxK.argmax(1), label_N), 1)
    return float(1 - table[linear_sum_assignment(-table)].sum() / len(label_N))


def nearest_neighbour(setup: Setup, part: str = "eval") -> Evaluator | None:
    """neighbour_accuracy: how often a held-out image's nearest training image has its label.

    Nearest in the last hidden layer of the game's encoder. The held-out images are the first
    eval_samples labelled ones of the test split. None without labels or an encoder.
    """
    if "features" not in setup.game.encoders or not _has_labels(setup):
        return None
    encode, n = make_encode(setup, "features"), setup.config.eval_samples

    def run(state: State) -> Values:
        train, held_out = setup.data.examples(), labelled(setup.data.test(), n)
        assert train
        yield "neighbour_accuracy", neighbour_accuracy(state, encode, labelled(train), held_out)

    return run


def neighbour_accuracy(
    state: State,
    encode: Callable[[State, np.ndarray], np.ndarray],
    train: Labelled,
    held_out: Labelled,
) -> float:
    """The share of held-out images whose nearest encoded training image has their label."""
    found = nearest(encode(state, held_out.x), encode(state, train.x))
    return float((train.label[found.which] == held_out.label).mean())


def labelled(arrays: Arrays, n: int | None = None) -> Labelled:
    """The first n examples that have a label, or all of them."""
    assert arrays.label is not None
    which = np.flatnonzero(arrays.label >= 0)[:n]
    return Labelled(arrays.x[which], arrays.label[which])


def _has_labels(setup: Setup) -> bool:
    return has_images(setup.data, labels=True) and setup.data.has_held_out
