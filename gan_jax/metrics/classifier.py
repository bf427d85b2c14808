"""A small classifier trained here, on real examples: the judge of class counts and confidence."""

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from gan_jax.types import Array, PyTree

EPOCHS, LEAST_STEPS, BATCH, RATE, MOST = 20, 600, 100, 1e-3, 20_000


class Classifier(nn.Module):
    """Images [N, D] in [0, 1] -> logits [N, classes], and what they are made of [N, 256]."""

    classes: int

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        for width in (512, 256):
            x = nn.relu(nn.Dense(width)(x))
        return nn.Dense(self.classes, name="logits")(x), x


class Classify(NamedTuple):
    """A trained classifier, as functions of images in [0, 1], [N, H, W, C]."""

    probabilities: Callable[[np.ndarray], np.ndarray]  # [N, classes]
    features: Callable[[np.ndarray], np.ndarray]  # [N, 256], before the logits
    crc32: int  # of the weights: which classifier a number belongs to


class Judgement(NamedTuple):
    """What the classifier says of N images."""

    counts: np.ndarray  # [classes], images whose likeliest class it is
    confidence: float  # mean probability of the likeliest class


def train_classifier(
    x_NxHxWxC: np.ndarray, label_N: np.ndarray, classes: int, seed: int = 0
) -> Classify:
    """Trains on uint8 images, randomly shifted by up to 1/14 of the side; seconds for 5,000.

    The same data and seed give the same classifier on the same machine.
    """
    x, label = jnp.asarray(x_NxHxWxC[:MOST]), jnp.asarray(label_N[:MOST])
    module = Classifier(classes)
    k_init, k_train = jax.random.split(jax.random.key(seed))
    params = jax.jit(_fit, static_argnums=0)(module, k_init, k_train, x, label)

    @jax.jit
    def see(images: Array) -> tuple[Array, Array]:
        logits, features = _apply(module, params, images)
        return nn.softmax(logits), features

    def part(i: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda images: np.asarray(see(jnp.asarray(images, jnp.float32))[i])

    weights = b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(params))
    return Classify(part(0), part(1), zlib.crc32(weights))


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


def judge(probabilities_NxC: np.ndarray) -> Judgement:
    """Class counts and mean confidence."""
    classes = probabilities_NxC.shape[1]
    counts = np.bincount(probabilities_NxC.argmax(1), minlength=classes)
    return Judgement(counts, float(probabilities_NxC.max(1).mean()))
