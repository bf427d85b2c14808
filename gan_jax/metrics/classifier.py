"""A small classifier trained on real examples, for class counts and confidence on samples."""

import math
import zlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from gan_jax.types import Array, PyTree

EPOCHS, LEAST_STEPS, BATCH, RATE, MOST = 20, 600, 100, 1e-3, 20_000
WIDTHS = (512, 256)
SETTINGS = (EPOCHS, LEAST_STEPS, BATCH, RATE, MOST, WIDTHS)  # with data, classes and seed, all


class Classifier(nn.Module):
    """Images [N, D] in [0, 1] -> logits [N, classes], and the features before them [N, 256]."""

    classes: int

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        for width in WIDTHS:
            x = nn.relu(nn.Dense(width)(x))
        return nn.Dense(self.classes, name="logits")(x), x


class Classify(NamedTuple):
    """A trained classifier, as functions of images in [0, 1], [N, H, W, C]."""

    see: Callable[[Array], tuple[Array, Array]]  # both of the following at once, in jax
    probabilities: Callable[[np.ndarray], np.ndarray]  # [N, classes]
    features: Callable[[np.ndarray], np.ndarray]  # [N, 256], before the logits
    crc32: int  # of the weights; identifies the classifier behind a number


class Counted(NamedTuple):
    """Summary of the classifier's predictions for N images."""

    counts: np.ndarray  # [classes], the number of images predicted to be of each class
    confidence: float  # mean probability of the predicted class


def train_classifier(
    x_NxHxWxC: np.ndarray, label_N: np.ndarray, classes: int, seed: int = 0
) -> Classify:
    """Trains on uint8 images, randomly shifted by up to 1/14 of the side; seconds for 5,000.

    The same data and seed give the same classifier on the same machine.
    """
    return classify(classes, fit(x_NxHxWxC, label_N, classes, seed))


def fit(x_NxHxWxC: np.ndarray, label_N: np.ndarray, classes: int, seed: int = 0) -> PyTree:
    """train_classifier's weights."""
    x, label = jnp.asarray(x_NxHxWxC[:MOST]), jnp.asarray(label_N[:MOST])
    k_init, k_train = jax.random.split(jax.random.key(seed))
    return jax.jit(_fit, static_argnums=0)(Classifier(classes), k_init, k_train, x, label)


def shapes(shape: tuple[int, ...], classes: int) -> PyTree:
    """Shapes and dtypes of fit's weights for images of a shape."""
    x = jax.ShapeDtypeStruct((1, math.prod(shape)), jnp.float32)
    return jax.eval_shape(Classifier(classes).init, jax.random.key(0), x)


def classify(classes: int, params: PyTree) -> Classify:
    """The classifier with these weights."""

    @jax.jit
    def see(images: Array) -> tuple[Array, Array]:
        logits, features = _apply(Classifier(classes), params, images)
        return features, nn.softmax(logits)

    def part(i: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda images: np.asarray(see(jnp.asarray(images, jnp.float32))[i])

    return Classify(see, part(1), part(0), crc32(jax.tree.leaves(params)))


def crc32(weights: Iterable[Any]) -> int:
    """The checksum of weights, in the given order."""
    return zlib.crc32(b"".join(np.asarray(each).tobytes() for each in weights))


def _apply(module: Classifier, params: PyTree, images: Array) -> Any:
    return module.apply(params, images.reshape(len(images), -1))


def _fit(module: Classifier, k_init: Array, k_train: Array, x: Array, label: Array) -> PyTree:
    steps = max(LEAST_STEPS, EPOCHS * (len(x) // BATCH))
    optimizer = optax.adam(optax.cosine_decay_schedule(RATE, steps))
    params = module.init(k_init, x[:1].reshape(1, -1).astype(jnp.float32))

    def loss(params: PyTree, images: Array, label: Array) -> Array:
        logits, _ = _apply(module, params, images)
        return optax.softmax_cross_entropy_with_integer_labels(logits, label).mean()

    def step(i: Array, carry: tuple[PyTree, PyTree]) -> tuple[PyTree, PyTree]:
        params, opt = carry
        k_rows, k_shift = jax.random.split(jax.random.fold_in(k_train, i))
        rows = jax.random.randint(k_rows, (BATCH,), 0, len(x))
        images = _shift(k_shift, x[rows]).astype(jnp.float32) / 255
        updates, opt = optimizer.update(jax.grad(loss)(params, images, label[rows]), opt)
        return optax.apply_updates(params, updates), opt

    return jax.lax.fori_loop(0, steps, step, (params, optimizer.init(params)))[0]


def _shift(key: Array, images: Array) -> Array:
    most = images.shape[1] // 14  # two pixels of a digit of 28
    by = jax.random.randint(key, (len(images), 2), -most, most + 1)
    return jax.vmap(lambda image, d: jnp.roll(image, d, (0, 1)))(images, by)


def count_classes(probabilities_NxC: np.ndarray) -> Counted:
    """Class counts and mean confidence of predicted probabilities."""
    classes = probabilities_NxC.shape[1]
    counts = np.bincount(probabilities_NxC.argmax(1), minlength=classes)
    return Counted(counts, float(probabilities_NxC.max(1).mean()))
