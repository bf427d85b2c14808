"""Photographs that come with scikit-learn, and what the extractors' networks make of them."""

import functools

import jax
import numpy as np
from sklearn.datasets import load_sample_images

from gan_jax.metrics.features import efficientnet_lite0, inception_v3


@functools.cache
def crops():
    """A temple and a flower in [0, 1], [2, 224, 224, 3]: no resizing is in the way."""
    china, flower = load_sample_images().images
    return np.stack([china[100:324, 150:374], flower[60:284, 150:374]]) / np.float32(255)


@functools.cache
def see():
    """EfficientNet-Lite0 of both."""
    return efficientnet_lite0.make(None).see(crops())


@functools.cache
def small():
    """The same, [2, 107, 107, 3]: the least sides at which no layer of Inception has one pixel."""
    return crops()[:, ::2, ::2][:, :107, :107].copy()


@functools.cache
def inception_weights():
    """Random ones, scaled so that neither signal nor spread is lost on the way."""
    rng = np.random.default_rng(0)

    def array(name, shape):
        if name.endswith(("running_var", "bn.weight")):
            return rng.uniform(0.5, 1.5, shape)
        if len(shape) == 1:
            return rng.normal(0, 0.2, shape)
        return rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)

    shapes = inception_v3.shapes()
    return {name: np.float32(array(name, shape)) for name, shape in shapes.items()}


@functools.cache
def inception_features():
    params = inception_v3.parameters(inception_weights())
    return np.asarray(jax.jit(inception_v3.features)(params, 2 * small() - 1))
