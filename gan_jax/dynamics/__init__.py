"""How two losses become two updates: DYNAMICS: (game, state, draws) -> (state, metrics).

draws hold one draw per update of disc, and more where gen moves oftener. What a rule needs besides
is a keyword argument: floats are traced, integers are part of the program.

To add one: a function in first_order.py or second_order.py, and its row in DYNAMICS.
"""

from collections.abc import Callable

from gan_jax.dynamics.base import Draw, Game, Metrics, Params, Step
from gan_jax.dynamics.first_order import (
    alternating,
    extragradient,
    first_extra,
    optimistic,
    simultaneous,
    unrolled,
)
from gan_jax.dynamics.second_order import cgd, consensus, sga

__all__ = ["DYNAMICS", "Draw", "Game", "Metrics", "Params", "first_extra"]

DYNAMICS: dict[str, Callable[..., Step]] = {
    "simultaneous": simultaneous,
    "alternating": alternating,
    "unrolled": unrolled,
    "extragradient": extragradient,
    "optimistic": optimistic,
    "consensus": consensus,
    "sga": sga,
    "cgd": cgd,
}
