"""One player's optimiser. The numbers arrive traced, so a new learning rate needs no recompile."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import optax

from gan_jax.dynamics.schedule import between
from gan_jax.types import Array, PyTree

Numbers = Mapping[str, Array]
At = Callable[[Array], Array]  # this player's count of updates -> a number


def rate(schedule: str, h: Numbers) -> At:
    """The learning rate: max(lr * lr_decay^count, lr_end) if exponential, else schedule.between."""
    if schedule == "exponential":
        return lambda count: jnp.maximum(h["lr"] * h["lr_decay"] ** count, h["lr_end"])
    return lambda count: between(schedule, h["lr"], h["lr_end"], h["schedule_steps"], count)


def adam(h: Numbers, lr: At, b2_schedule: str, decay: list) -> list:
    """Kingma and Ba 2015; with weight decay, AdamW.

    If b2 changes, the bias correction uses a power of its current value, as in PyTorch.
    """

    def scale(count: Array) -> optax.GradientTransformation:
        b2 = between(b2_schedule, h["b2"], h["b2_end"], h["schedule_steps"], count)
        return optax.scale_by_adam(h["b1"], b2, h["eps"])

    return [_counted(scale), *decay, optax.scale_by_learning_rate(lr)]


def _counted(scale: Callable[[Array], optax.GradientTransformation]) -> Any:
    """The transform scale(count), whose state is the count of updates."""

    def update(grads: PyTree, state: Any, params: PyTree = None) -> tuple[PyTree, Any]:
        return scale(state.count).update(grads, state, params)

    return optax.GradientTransformation(scale(jnp.zeros(())).init, update)


def rmsprop(h: Numbers, lr: At, b2_schedule: str, decay: list) -> list:
    """Tieleman and Hinton 2012: g / (root of the mean of g^2 + eps)."""
    root = optax.scale_by_rms(h["b2"], h["eps"], eps_in_sqrt=False)
    return [root, *decay, optax.scale_by_learning_rate(lr)]


def sgd(h: Numbers, lr: At, b2_schedule: str, decay: list) -> list:
    """v <- momentum v - lr g; w <- w + v, as in the 2014 code: v holds lr g at each step's lr."""

    def momentum(count: Array) -> Array:
        return between("linear", h["momentum"], h["momentum_end"], h["momentum_steps"], count)

    heavy_ball = optax.inject_hyperparams(optax.trace, hyperparam_dtype=float)(decay=momentum)
    return [*decay, optax.scale_by_learning_rate(lr), heavy_ball]


OPTIMIZERS = {f.__name__: f for f in (adam, rmsprop, sgd)}


def make_optimizer(
    name: str, schedule: str, clips: bool, decays: bool, b2_schedule: str = "constant"
) -> Callable[[Numbers], optax.GradientTransformation]:
    """A function from the player's numbers (config.hypers) to its optax transform.

    clips, decays: whether the program includes clipping by global norm, and weight decay.
    """

    def build(h: Numbers) -> optax.GradientTransformation:
        clip = [optax.clip_by_global_norm(h["clip"])] if clips else []
        decay = [optax.add_decayed_weights(h["weight_decay"])] if decays else []
        return optax.chain(*clip, *OPTIMIZERS[name](h, rate(schedule, h), b2_schedule, decay))

    return build
