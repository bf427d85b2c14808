"""How gradients become updates: DYNAMICS: (game, state, draws, h) -> (state, metrics).

draws hold one draw for each update of the move that is made most often. What a rule needs besides
is a keyword argument: floats are traced, integers are part of the program.

To add one: a function in a file of this folder, and its row in DYNAMICS.
"""

from collections.abc import Callable

from gan_jax.dynamics.first_order import (
    alternating,
    extragradient,
    optimistic,
    simultaneous,
)
from gan_jax.dynamics.move import StepResult
from gan_jax.dynamics.second_order import cgd, consensus, sga
from gan_jax.dynamics.unrolled import unrolled

DYNAMICS: dict[str, Callable[..., StepResult]] = {
    "simultaneous": simultaneous,
    "alternating": alternating,
    "unrolled": unrolled,
    "extragradient": extragradient,
    "optimistic": optimistic,
    "consensus": consensus,
    "sga": sga,
    "cgd": cgd,
}

REPEAT_MOVES = {"alternating"}  # the others make each move once a step
FOR_TWO_MOVES = {"unrolled", "cgd"}  # of disjoint players
