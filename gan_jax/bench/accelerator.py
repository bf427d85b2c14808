"""Training on one GPU or TPU: steps and images a second, and the share of the chip's peak.

On a CPU the sizes are tiny: that shows only that it runs. Activations are in bfloat16 on both
sides. PyTorch has channels last, autocast and torch.compile. A step of sngan has five updates of
disc, one of biggan four.
"""

from typing import Any, NamedTuple

import jax
import numpy as np

from gan_jax.bench import sweep, torch_gans
from gan_jax.bench.mlp import Side, loop_of
from gan_jax.bench.pods import CIFAR, MNIST
from gan_jax.bench.stand_in import make_stand_in
from gan_jax.data import Arrays
from gan_jax.data.base import Spec

LARGE = Spec((64, 64, 3), "image", {"train": 50_000}, 0)
# Dense bfloat16 FLOPs a second, as published, by jax's device_kind.
PEAKS = {
    "NVIDIA A100-SXM4-40GB": 312e12,
    "NVIDIA A100-SXM4-80GB": 312e12,
    "NVIDIA H100 80GB HBM3": 989e12,
    "NVIDIA H200": 989e12,
    "TPU v4": 275e12,
    "TPU v5 lite": 197e12,
    "TPU v5": 459e12,
    "TPU v6 lite": 918e12,
}


class Run(NamedTuple):
    """An experiment's networks and terms, on random examples of that spec."""

    experiment: str
    spec: Spec
    batch: int
    steps: int
    leaves: dict[str, Any]
    tiny: dict[str, Any]  # leaves on a CPU


def _channels(gen: tuple[int, ...], disc: tuple[int, ...] | None = None) -> dict[str, Any]:
    return {"gen.args.channels": gen, "disc.args.channels": disc or gen[::-1]}


NARROW, HALVES = (8, 8, 8, 8), {"disc.args.halvings": 2}
WIDTH = {"gen.args.width": 2, "disc.args.width": 2}
RUNS = {
    "dcgan": Run(
        "dcgan_fashion", LARGE, 128, 200, _channels((512, 256, 128, 64)), _channels(NARROW)
    ),
    "sngan": Run("sngan_cifar10", CIFAR, 64, 50, {}, _channels(NARROW) | HALVES),
    "mlp": Run("mnist_mlp", MNIST, 256, 1000, {}, {}),
    "biggan": Run("biggan_cifar10", CIFAR, 50, 50, {}, WIDTH),
}
CASES = ["dcgan", "sngan", "mlp", "ring", "biggan"]  # the most valuable first
ON_REQUEST = True
PAIRS = 3
STEPS = {case: 6400 if case == "ring" else RUNS[case].steps for case in CASES}
THEIRS = {"best": "make_best"}


def is_cpu() -> bool:
    """Whether jax has no accelerator here."""
    return jax.default_backend() == "cpu"


def make_ours(case: str) -> Side:
    """The loop that `gan-jax train` dispatches; for ring, the program of a sweep of 64 rows."""
    if case == "ring":
        run, _ = sweep.make_ours("ring")
        return run, lambda: {"device": jax.devices()[0].device_kind, "is_tiny": is_cpu()}
    which = RUNS[case]
    leaves = {"batch_size": which.batch, "activation_dtype": "bfloat16"} | which.leaves
    leaves |= {"log_every_steps": max(which.steps, 10)} | (which.tiny if is_cpu() else {})
    setup = make_stand_in(which.experiment, which.spec, leaves)
    draw = np.random.default_rng(0)
    x = draw.integers(0, 256, (5_000, *which.spec.shape), np.uint8)
    label = draw.integers(0, which.spec.classes, 5_000, np.int32) if which.spec.classes else None
    run, lowered = loop_of(setup, Arrays(x, label))
    return run, lambda: of_peak(lowered.cost_analysis()["flops"]) | {"batch": which.batch}


def of_peak(flops: float) -> dict[str, Any]:
    """What is known of the device, and a step's FLOPs by the compiler's count before it fuses."""
    kind = jax.devices()[0].device_kind
    return {"device": kind, "is_tiny": is_cpu(), "step_flops": flops, "peak": PEAKS.get(kind)}


def make_best(case: str) -> Side:
    """The same training in PyTorch: see torch_gans. ring: its rows one after another."""
    if case == "ring":
        return sweep.make_pytorch("ring")
    which = RUNS[case]
    return torch_gans.make(case, which.spec.shape, which.batch, is_cpu()), dict


def remark(case: dict[str, Any]) -> str:
    """Images a second and the share of the peak, or that sizes were tiny."""
    words = [case["device"]]
    if "batch" in case:
        words.append(f"{case['ours'] * case['batch']:,.0f} images/s")
    if case.get("peak"):
        words.append(f"{case['ours'] * case['step_flops'] / case['peak']:.1%} of its peak")
    if case["is_tiny"]:
        words.append("tiny sizes, as there is no GPU or TPU: no measure of speed")
    return ", ".join(words)
