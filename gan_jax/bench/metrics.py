"""Metrics of 10,000 samples against 10,000, 784 features: their time beside their matrix products'.

A step is a tenth of the work: 1,000 examples of the second set against all of the first.
"""

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

CASES = ["parzen", "precision_recall", "density_coverage"]
STEPS = dict.fromkeys(CASES, 10)
THEIRS: dict[str, str] = {}
PRODUCTS = {"parzen": 1, "precision_recall": 3, "density_coverage": 2}  # of 10,000 x 10,000
N, F, TENTH = 10_000, 784, 1000

Side = tuple[Callable[[int], Any], Callable[[], dict[str, Any]]]


def make_ours(case: str) -> Side:
    """The metric, beside its matrix products alone, in the same blocks and precision."""
    import numpy as np

    a, b = np.random.default_rng(0).random((2, N, F), np.float32)
    measure, multiply = (_parzen if case == "parzen" else _neighbours)(case, a, b)

    def facts() -> dict[str, Any]:
        pairs = [(_seconds(multiply), _seconds(lambda: measure(STEPS[case]))) for _ in range(3)]
        flops = PRODUCTS[case] * 2 * N * N * F // STEPS[case]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, else KiB
        return {
            "matmul_fraction": sorted(alone / whole for alone, whole in pairs)[1],
            "matmul_flops": flops,
            "conv_fraction": 0.0,
            "flops": flops,
            "peak_mb": peak / (2**20 if sys.platform == "darwin" else 2**10),
        }

    return measure, facts


def _parzen(case: str, a: Any, b: Any) -> tuple[Callable[[int], Any], Callable[[], Any]]:
    import jax
    import jax.numpy as jnp

    from gan_jax.metrics import parzen_log_likelihood

    centres, x = jnp.asarray(a), jnp.asarray(b)
    density = jax.jit(parzen_log_likelihood)

    @jax.jit
    def product(some: jax.Array) -> jax.Array:
        return jnp.matmul(centres, some.T, precision="highest")

    def measure(n: int) -> None:
        jax.block_until_ready(density(centres, x[: n * TENTH], 0.2))

    def multiply() -> None:
        for i in range(0, N, TENTH):
            jax.block_until_ready(product(x[i : i + TENTH]))

    return measure, multiply


def _neighbours(case: str, a: Any, b: Any) -> tuple[Callable[[int], Any], Callable[[], Any]]:
    from gan_jax import metrics
    from gan_jax.metrics.distances import rows

    wide_a, wide_b = a.astype(float), b.astype(float)

    def multiply() -> None:
        for _ in range(PRODUCTS[case]):
            for some in rows(N):
                wide_a[some] @ wide_b.T

    def measure(n: int) -> None:
        if n:
            getattr(metrics, case)(a, b[: n * TENTH], 5)

    return measure, multiply


def _seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
