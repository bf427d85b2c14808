"""How long each experiment's step takes to compile on this machine.

A case is the default variant of a file in experiments/. Zeros of the same shape stand in for
CIFAR-10 and Fashion-MNIST; the other data have to be prepared. JAX's cache is neither read nor
written.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import jax
from jax.experimental.compilation_cache import compilation_cache

from gan_jax.bench.pods import CIFAR, MNIST, zeros
from gan_jax.bench.stand_in import make_stand_in
from gan_jax.config.file import experiments
from gan_jax.host.errors import UserError
from gan_jax.plan import lower_run
from gan_jax.training.experiment import load_setup

CASES = [name for name in experiments() if name != "folder"]  # its shape is that of your images
ON_REQUEST = True
SPECS = {"fashion": MNIST, "cifar10": CIFAR}  # by what a case's name contains


def estimate(case: str) -> dict[str, Any]:
    """Seconds to trace and lower the step, and to compile it; "error" where data are missing."""
    start = time.perf_counter()
    spec = next((spec for part, spec in SPECS.items() if part in case), None)
    try:
        setup = make_stand_in(case, spec, {}) if spec else load_setup(case, {})
        arrays = zeros(spec) if spec else None
        lowered = lower_run(setup, jax.devices()[:1], arrays)
    except UserError as error:
        return {"error": str(error)}
    traced = time.perf_counter()
    with _uncached():
        lowered.compile()
    return {"trace_seconds": traced - start, "compile_seconds": time.perf_counter() - traced}


@contextlib.contextmanager
def _uncached() -> Iterator[None]:
    """Turns JAX's cache off. JAX decides once whether it uses it, hence the resets."""
    before = jax.config.jax_enable_compilation_cache  # type: ignore[attr-defined]
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", before)
        compilation_cache.reset_cache()


def in_words(case: dict[str, Any]) -> str:
    """The figures of a case, in one line."""
    if "error" in case:
        return f"not measured: {case['error']}"
    return f"traced in {case['trace_seconds']:.1f} s, compiled in {case['compile_seconds']:.1f} s"
