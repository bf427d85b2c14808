"""The matrix products and convolutions of a compiled program, run alone: a limit for its speed."""

import math
import re
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import lax

_SHAPE = re.compile(r"%?([\w.-]+) = (\w+)\[([\d,]*)\]")
_PRODUCT = re.compile(r"= \w+\[([\d,]*)\]\S* (dot|convolution)\((.*?)\), (.*)")
_NAME = re.compile(r"%([\w.-]+)")
_SIDE = re.compile(r"(\w+)=([\dx_-]+)")


class Product(NamedTuple):
    """A dot or a convolution: its operands' shapes, what computes it, and how much that is."""

    kind: str  # "dot" or "convolution"
    left: tuple[int, ...]
    right: tuple[int, ...]
    compute: Callable[[jax.Array, jax.Array], jax.Array]
    flops: int  # twice the number of multiplications, those with padding's zeros left out


def products(compiled: Any) -> list[Product]:
    """The products in a compiled program's text; those in the body of a loop count once."""
    text = compiled.as_text()
    shapes = {name: _dims(dims) for name, _, dims in _SHAPE.findall(text)}
    make = {"dot": _dot, "convolution": _convolution}
    found = []
    for out, kind, operands, attributes in _PRODUCT.findall(text):
        left, right = (shapes[name] for name in _NAME.findall(operands)[:2])
        found.append(make[kind](left, right, _dims(out), attributes))
    return found


def _dims(text: str, by: str = ",") -> tuple[int, ...]:
    return tuple(int(n) for n in text.split(by) if n)


def _dot(left: tuple, right: tuple, out: tuple, attributes: str) -> Product:
    def dims(which: str) -> tuple[int, ...]:
        match = re.search(rf"{which}={{([\d,]*)}}", attributes)
        return _dims(match[1]) if match else ()

    summed = (dims("lhs_contracting_dims"), dims("rhs_contracting_dims"))
    numbers = (summed, (dims("lhs_batch_dims"), dims("rhs_batch_dims")))
    flops = 2 * math.prod(out) * math.prod(left[i] for i in summed[0])
    return Product("dot", left, right, lambda a, b: lax.dot_general(a, b, numbers), flops)


def _convolution(left: tuple, right: tuple, out: tuple, attributes: str) -> Product:
    window = re.search(r"window={(.*?)}", attributes)
    sides = dict(_SIDE.findall(window[1])) if window else {}
    labels = re.search(r"dim_labels=(\w+)_(\w+)->(\w+)", attributes)
    assert labels
    rank = len(left) - 2

    def each(name: str, default: int) -> tuple[int, ...]:
        return _dims(sides[name], "x") if name in sides else (default,) * rank

    zeros = [(0, 0)] * rank
    if "pad" in sides:
        zeros = [
            (int(a), int(b)) for a, _, b in (p.partition("_") for p in sides["pad"].split("x"))
        ]
    groups, parts = (
        int(match[1]) if (match := re.search(rf"{name}_group_count=(\d+)", attributes)) else 1
        for name in ("feature", "batch")
    )
    stride, spread, holes = each("stride", 1), each("lhs_dilate", 1), each("rhs_dilate", 1)

    def compute(a: jax.Array, b: jax.Array) -> jax.Array:
        for axis, turned in enumerate(each("rhs_reversal", 0)):
            b = lax.rev(b, (labels[2].index(str(axis)),)) if turned else b
        order = _named(*labels.groups())
        return lax.conv_general_dilated(
            *(a, b, stride, zeros, spread, holes, order),
            feature_group_count=groups,
            batch_group_count=parts,
        )

    met = 1
    for i in range(rank):
        index = (labels[k].index(str(i)) for k in (1, 2, 3))
        n, size, places = (shape[j] for shape, j in zip((left, right, out), index, strict=True))
        meets = stride[i] * np.arange(places)[:, None] + holes[i] * np.arange(size) - zeros[i][0]
        within = (meets >= 0) & (meets <= spread[i] * (n - 1)) & (meets % spread[i] == 0)
        met *= int(within.sum())
    others = out[labels[3].index("b")] * out[labels[3].index("f")] * right[labels[2].index("i")]
    return Product("convolution", left, right, compute, 2 * met * others)


def _named(left: str, right: str, out: str) -> lax.ConvDimensionNumbers:
    """The order of the axes: batch and features, or those of the kernel, before the sides."""

    def order(labels: str, first: str) -> tuple[int, ...]:
        rest = sorted(c for c in labels if c not in first)
        return tuple(labels.index(c) for c in (*first, *rest))

    return lax.ConvDimensionNumbers(order(left, "bf"), order(right, "oi"), order(out, "bf"))


def make_alone(found: Sequence[Product]) -> Callable[[], None]:
    """A function that runs the products once, on random numbers, and nothing else."""
    keys = jax.random.split(jax.random.key(0), 2 * len(found))
    pairs = [
        (jax.random.normal(keys[2 * i], p.left), jax.random.normal(keys[2 * i + 1], p.right))
        for i, p in enumerate(found)
    ]

    @jax.jit
    def run(pairs: list) -> list:
        return [p.compute(a, b) for (a, b), p in zip(pairs, found, strict=True)]

    return lambda: jax.block_until_ready(run(pairs))


def seconds(run: Callable[[], Any], repeats: int = 30) -> float:
    """Median seconds of a call, after one call to warm up."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def facts(compiled: Any, step: Callable[[], float]) -> dict[str, Any]:
    """What share of a program's step its products and convolutions take alone, and their flops.

    step() returns the seconds of a step. A share is the median of three, timed in turn.
    """
    found = products(compiled)
    said: dict[str, Any] = {}
    for kind, name in (("dot", "matmul"), ("convolution", "conv")):
        some = [p for p in found if p.kind == kind]
        alone = make_alone(some) if some else None
        shares = [seconds(alone, 20) / step() for _ in range(3)] if alone else [0.0]
        said |= {f"{name}_fraction": statistics.median(shares)}
        said |= {f"{name}_flops": sum(p.flops for p in some)}
    return said | {"flops": sum(p.flops for p in found)}
