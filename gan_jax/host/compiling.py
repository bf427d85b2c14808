"""Compiling what runs a few times, where the compiler takes longer than the program."""

import functools
from collections.abc import Callable
from typing import Any

import jax

# On CPUs the third level, jax.jit's, takes up to nine times as long over a program of many random
# parameters as the second, to the same bits; what it gains is found in the training loop alone.
QUICKLY = {"xla_backend_optimization_level": 2}


def jit_quickly(function: Callable[..., Any], **asked: Any) -> Callable[..., Any]:
    """jax.jit, which on a CPU and outside of other programs compiles in less time.

    asked: further arguments of jax.jit.
    """
    plain, quick = (jax.jit(function, compiler_options=o, **asked) for o in (None, QUICKLY))

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        # Options are an error inside of another program, where arguments or all that is made are
        # traced.
        met = jax.tree.leaves((args, jax.lax.full((), 0)))
        inside = any(isinstance(leaf, jax.core.Tracer) for leaf in met)
        return (quick if jax.default_backend() == "cpu" and not inside else plain)(*args)

    return call
