"""Numbers that change along a run: learning rates, decays, weights, noise.

A number x changes as `schedule` says from x to x_end while a count, of updates or of steps, goes
from 0 to schedule_steps, and stays there. Which counts those are stands beside the leaves.
"""

from collections.abc import Callable

import jax.numpy as jnp

from gan_jax.types import Array

# name -> the share of the way, of the share of the time; cosine: Loshchilov and Hutter 2017
SHAPES: dict[str, Callable[[Array], Array]] = {
    "constant": jnp.zeros_like,
    "linear": lambda done: done,
    "half_linear": lambda done: jnp.maximum(2 * done - 1, 0),  # it stays for half of the time
    "cosine": lambda done: (1 - jnp.cos(jnp.pi * done)) / 2,
}


def between(
    schedule: str, start: Array | float, end: Array | float, steps: Array | float, t: Array
) -> Array:
    """start + (end - start) * shape(min(t / steps, 1)); at 0 steps it stays at start.

    schedule is a name in SHAPES; everything else may be traced.
    """
    done = jnp.where(steps > 0, jnp.clip(t / jnp.maximum(steps, 1), 0, 1), 0)
    return start + (end - start) * SHAPES[schedule](done)
