"""Compiling what runs a few times, where the compiler takes longer than the program."""

import functools
from collections.abc import Callable
from typing import Any

import jax

# jax.jit's third level takes several times as long over the many random parameters of a net as the
# second, and comes to the same bits. The training loop is left at the third.
QUICKLY = {"xla_backend_optimization_level": 2}


def jit_quickly(function: Callable[..., Any], **asked: Any) -> Callable[..., Any]:
    """jax.jit, which on a CPU and outside of other programs compiles in less time.

    asked: further arguments of jax.jit.
    """
    plain, quick = (jax.jit(function, compiler_options=o, **asked) for o in (None, QUICKLY))

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        if jax.default_backend() != "cpu":
            return plain(*args)
        try:
            return quick(*args)
        except ValueError:  # inside of another program, which alone may have options
            return plain(*args)

    return call
