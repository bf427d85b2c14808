"""One player's optimiser. The numbers arrive traced, so a new learning rate needs no recompile."""

from collections.abc import Callable, Mapping

import jax.numpy as jnp
import optax

from gan_jax.types import Array

Schedule = Callable[[Array], Array]  # count of this player's updates -> learning rate


def _ramp(count: Array, start: Array | float, end: Array | float, steps: Array) -> Array:
    return start + (end - start) * jnp.clip(count / jnp.maximum(steps, 1), 0, 1)


def constant(h: Mapping[str, Array]) -> Schedule:
    """lr."""
    return lambda count: h["lr"]


def exponential(h: Mapping[str, Array]) -> Schedule:
    """max(lr * lr_decay^count, lr_end)."""
    return lambda count: jnp.maximum(h["lr"] * h["lr_decay"] ** count, h["lr_end"])


def linear(h: Mapping[str, Array]) -> Schedule:
    """From lr to lr_end over schedule_steps, then lr_end."""
    return lambda count: _ramp(count, h["lr"], h["lr_end"], h["schedule_steps"])


def half_linear(h: Mapping[str, Array]) -> Schedule:
    """lr for half of schedule_steps, in the other half from there to lr_end, then lr_end."""
    half = h["schedule_steps"] / 2
    return lambda count: _ramp(jnp.maximum(count - half, 0), h["lr"], h["lr_end"], half)


def cosine(h: Mapping[str, Array]) -> Schedule:
    """Half a cosine from lr to lr_end over schedule_steps, then lr_end. Loshchilov 2017."""

    def rate(count: Array) -> Array:
        done = _ramp(count, 0.0, 1.0, h["schedule_steps"])
        return h["lr"] + (h["lr_end"] - h["lr"]) * (1 - jnp.cos(jnp.pi * done)) / 2

    return rate


SCHEDULES = {f.__name__: f for f in (constant, exponential, linear, half_linear, cosine)}


def adam(h: Mapping[str, Array], rate: Schedule, decay: list) -> list:
    """Kingma and Ba 2015; with weight decay, AdamW."""
    return [
        optax.scale_by_adam(h["b1"], h["b2"], h["eps"]),
        *decay,
        optax.scale_by_learning_rate(rate),
    ]


def rmsprop(h: Mapping[str, Array], rate: Schedule, decay: list) -> list:
    """Tieleman and Hinton 2012: g / (root of the mean of g^2 + eps)."""
    root = optax.scale_by_rms(h["b2"], h["eps"], eps_in_sqrt=False)
    return [root, *decay, optax.scale_by_learning_rate(rate)]


def sgd(h: Mapping[str, Array], rate: Schedule, decay: list) -> list:
    """v <- momentum v - lr g; w <- w + v, as in the 2014 code: an old step keeps its own rate."""

    def momentum(count: Array) -> Array:
        return _ramp(count, h["momentum"], h["momentum_final"], h["momentum_steps"])

    heavy_ball = optax.inject_hyperparams(optax.trace, hyperparam_dtype=float)(decay=momentum)
    return [*decay, optax.scale_by_learning_rate(rate), heavy_ball]


OPTIMIZERS = {f.__name__: f for f in (adam, rmsprop, sgd)}


def make_optimizer(
    name: str, schedule: str, clips: bool, decays: bool
) -> Callable[[Mapping[str, Array]], optax.GradientTransformation]:
    """A function of the player's numbers (config.hypers) that gives its optax transform.

    clips and decays say whether clipping by global norm and weight decay are in the program at all.
    """

    def build(h: Mapping[str, Array]) -> optax.GradientTransformation:
        ramped = jnp.where(h["momentum_steps"] > 0, h["momentum_end"], h["momentum"])
        h = {**h, "momentum_final": ramped}
        clip = [optax.clip_by_global_norm(h["clip"])] if clips else []
        decay = [optax.add_decayed_weights(h["weight_decay"])] if decays else []
        rate = SCHEDULES[schedule](h)
        return optax.chain(*clip, *OPTIMIZERS[name](h, rate, decay))

    return build
