"""Schedules of numbers that change during a run: learning rates, decays, weights, noise.

While a count goes from 0 to schedule_steps, a number x goes from x to x_end along the named
schedule, and then stays at x_end. The comments at the config leaves say whether the count is of
updates or of steps.
"""

from collections.abc import Callable

import jax.numpy as jnp

from gan_jax.types import Array

# name -> (share of the time that has passed -> share of the change); cosine: Loshchilov and Hutter
# 2017
SHAPES: dict[str, Callable[[Array], Array]] = {
    "constant": jnp.zeros_like,
    "linear": lambda done: done,
    "half_linear": lambda done: jnp.maximum(2 * done - 1, 0),  # constant for the first half
    "cosine": lambda done: (1 - jnp.cos(jnp.pi * done)) / 2,
}


def between(
    schedule: str, start: Array | float, end: Array | float, steps: Array | float, t: Array
) -> Array:
    """start + (end - start) * shape(min(t / steps, 1)); with steps 0 it stays at start.

    schedule is a name in SHAPES; everything else may be traced.
    """
    done = jnp.where(steps > 0, jnp.clip(t / jnp.maximum(steps, 1), 0, 1), 0)
    return start + (end - start) * SHAPES[schedule](done)
