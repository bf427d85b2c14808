"""One run on 4 to 256 TPU chips that are not attached: the compiler's estimates, no times.

Strong scaling keeps the run's batch at 2048; weak scaling keeps a chip's share of it. Each case is
compiled for its topology. The bytes that its sums over chips send are counted at published link
speeds.
"""

from typing import Any, NamedTuple

import jax
import numpy as np

from gan_jax.bench.stand_in import make_stand_in
from gan_jax.data import Arrays
from gan_jax.data.base import Spec
from gan_jax.plan import costs, lower_run
from gan_jax.plan.topology import describe

TOPOLOGIES = ("v5e:2x2", "v5e:4x4", "v5e:8x8", "v5e:16x16")
BATCH = 2048  # for strong scaling


class Scaled(NamedTuple):
    """An experiment's networks and terms, on data with that spec."""

    experiment: str
    share: int  # for weak scaling: examples a chip
    spec: Spec


MNIST = Spec((28, 28, 1), "image", {"train": 60_000}, 10)
CIFAR = Spec((32, 32, 3), "image", {"train": 50_000}, 10)
RUNS = {
    "mnist_mlp": Scaled("mnist_mlp", 128, MNIST),
    "mnist_dcgan": Scaled("mnist_dcgan", 128, MNIST),
    "r3gan": Scaled("r3gan_cifar10", 32, CIFAR),  # 20.8 M and 21.3 M parameters
}
CASES = [f"{run} {how} {t}" for run in RUNS for how in ("strong", "weak") for t in TOPOLOGIES]
ON_REQUEST = True


def estimate(case: str) -> dict[str, Any]:
    """The plan of a case: the figures of gan_jax.plan.costs, the number of chips and the batch."""
    jax.config.update("jax_platforms", "cpu")  # a TPU that is attached stays free
    run, how, where = case.split()
    topology = describe(where)
    chips = len(topology.chips)
    batch = BATCH if how == "strong" else RUNS[run].share * chips
    setup = make_stand_in(RUNS[run].experiment, RUNS[run].spec, {"batch_size": batch})
    lowered = lower_run(setup, topology.chips, zeros(RUNS[run].spec))
    return {"chips": chips, "batch_size": batch} | costs(lowered, setup.config, topology)


def zeros(spec: Spec) -> Arrays:
    """Zeros as examples of that spec: a plan depends on nothing but their shape."""
    size = spec.splits["train"]
    labels = np.broadcast_to(np.int32(0), (size,))
    return Arrays(np.broadcast_to(np.uint8(0), (size, *spec.shape)), labels)


def in_words(case: dict[str, Any]) -> str:
    """The figures of a case, in one line."""
    if "error" in case:
        return f"batch {case['batch_size']} does not fit: {case['error']}"
    step, links = 1e6 * case["step_seconds"], 1e6 * case["collective_seconds"]
    return (
        f"batch {case['batch_size']}, {step:,.0f} us a step with {links:,.0f} us of sums over "
        f"chips, {case['batch_size'] / case['step_seconds']:,.0f} images/s, compiled in "
        f"{case['compile_seconds']:.0f} s"
    )
