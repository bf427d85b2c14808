"""How gradients become updates. Rules in DYNAMICS: (game, state, draws, h) -> (state, metrics).

draws holds one draw for each update of the move that is made most often. A rule's other arguments
are keywords: floats are traced, integers are compiled into the program.

To add one, write a function in a file of this folder and add its row to DYNAMICS.
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

REPEAT_MOVES = {"alternating"}  # the others make each move once per step
FOR_TWO_MOVES = {"unrolled", "cgd"}  # defined only for two moves of disjoint players
