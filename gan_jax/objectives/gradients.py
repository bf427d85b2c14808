"""Identities that change the gradient that gen gets from disc. Reverse mode only."""

import jax
import jax.numpy as jnp

from gan_jax.objectives.logits import widen
from gan_jax.types import Array


@jax.custom_vjp
def scale_gradient(x: Array, factor: Array) -> Array:
    """x itself; its gradient is multiplied by factor, which gets no gradient. Reverse mode only."""
    return x


scale_gradient.defvjp(
    lambda x, factor: (x, factor),
    lambda factor, gradient: (
        (factor * widen(gradient)).astype(gradient.dtype),
        jnp.zeros_like(factor),
    ),
)


@jax.custom_vjp
def rescale_gradient(x: Array, target: Array) -> Array:
    """x itself; its gradient g is multiplied by max(1, target / norm2(g)), over the whole batch.

    Applied to the samples that disc judges, this is scale_grads of Goodfellow's 2014 code
    (target 0.1): a gradient that vanishes in disc is raised to norm target, unless it is exactly
    zero. Reverse mode only; target gets no gradient.
    """
    return x


def _rescale_forward(x, target):
    return x, target


def _rescale_backward(target, gradient):
    wide = widen(gradient)
    largest = jnp.max(jnp.abs(wide))
    unit = wide / jnp.where(largest > 0, largest, 1)  # squares of tiny numbers would underflow
    norm = jnp.sqrt(jnp.sum(unit**2))
    lifted = unit * (target / jnp.where(norm > 0, norm, 1))
    scaled = jnp.where(largest * norm < target, lifted, wide)
    return scaled.astype(gradient.dtype), jnp.zeros_like(target)


rescale_gradient.defvjp(_rescale_forward, _rescale_backward)
