"""Separate treatment of w in the last layer of a discriminator, s = <w, f(x)> + b.

Slicing (SAN, Takida et al. 2024) reads s as <w / norm2(w), norm2(w) f(x)>, the projection of
features on a direction: the objective trains the features, and wgan's loss trains the direction.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.host.errors import ConfigError
from gan_jax.types import Array, Net, PyTree

LAYERS = ("logit", "linear", "kernel")  # where nets.layers.logits keeps w


def kernel_of(params: PyTree) -> Array | None:
    """w, [F, 1]; None if there is no such layer."""
    for name in LAYERS:
        params = params.get(name) if isinstance(params, dict) else None
    return params


def with_kernel(params: PyTree, w: Array, layers: tuple[str, ...] = LAYERS) -> PyTree:
    """The parameters with another w."""
    if not layers:
        return w
    return {**params, layers[0]: with_kernel(params[layers[0]], w, layers[1:])}


def check(net: Net, x: Array, what: str) -> None:
    """ConfigError if a net, which takes inputs like x, has no last layer of that kind."""
    params, _ = jax.eval_shape(net.init, jax.random.key(0), x)
    if kernel_of(params) is None:
        raise ConfigError(
            f"{what} is about the last layer of disc, <w, f(x)> + b, but this disc.net has none: "
            "expected disc.net 'mlp', 'maxout' or 'dcgan'"
        )


def with_held_direction(params: PyTree) -> PyTree:
    """The same values, but gradients flow only into the length of w, not into its direction."""
    w = kernel_of(params)
    length, direction = _parts_of(w)
    return with_kernel(params, length * lax.stop_gradient(direction))


def with_direction_alone(params: PyTree) -> PyTree:
    """The same values, but gradients flow into the direction of w and nowhere else."""
    length, direction = _parts_of(kernel_of(params))
    return with_kernel(lax.stop_gradient(params), lax.stop_gradient(length) * direction)


def _parts_of(w: Array | None) -> tuple[Array, Array]:
    assert w is not None
    length = jnp.linalg.norm(w)
    return length, w / length


def mean_features(params: PyTree, logits: Callable[[PyTree], Array]) -> Array:
    """The mean of f(x) over the examples of logits(params) [B], [F, 1].

    Computed as d mean(s) / dw, since s is linear in w; this works for any net with such a layer.
    """
    w = kernel_of(params)
    assert w is not None
    return jax.grad(lambda w: logits(with_kernel(params, w)).mean())(w)
