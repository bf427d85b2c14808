"""The matrix products of a compiled program, run alone: an upper limit for the program's speed."""

import math
import re
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

_SHAPE = re.compile(r"%?([\w.-]+) = (\w+)\[([\d,]*)\]")
_DOT = re.compile(r"= \w+\[[\d,]*\]\S* dot\((.*?)\), (.*)")
_NAME = re.compile(r"%([\w.-]+)")


class Product(NamedTuple):
    """One dot of a program: the operands' shapes, and lax.dot_general's dimension numbers."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    dimensions: tuple

    @property
    def flops(self) -> int:
        """Floating-point operations: twice the number of multiplications."""
        (_, right_c), (_, right_b) = self.dimensions
        others = [n for i, n in enumerate(self.right) if i not in (*right_c, *right_b)]
        return 2 * math.prod(self.left) * math.prod(others)


def products(compiled: Any) -> list[Product]:
    """The dots in a compiled program's text; those in the body of a loop count once."""
    text = compiled.as_text()
    shapes = {
        name: tuple(int(n) for n in dims.split(",") if n) for name, _, dims in _SHAPE.findall(text)
    }
    return [_product(shapes, *found) for found in _DOT.findall(text)]


def _product(shapes: dict[str, tuple[int, ...]], operands: str, attributes: str) -> Product:
    left, right = _NAME.findall(operands)[:2]

    def dims(which: str) -> tuple[int, ...]:
        match = re.search(rf"{which}={{([\d,]*)}}", attributes)
        return tuple(int(n) for n in match[1].split(",") if n) if match else ()

    contracting = (dims("lhs_contracting_dims"), dims("rhs_contracting_dims"))
    batch = (dims("lhs_batch_dims"), dims("rhs_batch_dims"))
    return Product(shapes[left], shapes[right], (contracting, batch))


def make_alone(found: list[Product]) -> Callable[[], None]:
    """A function that runs the products once, on random numbers, and nothing else."""
    keys = jax.random.split(jax.random.key(0), 2 * len(found))
    pairs = [
        (jax.random.normal(keys[2 * i], p.left), jax.random.normal(keys[2 * i + 1], p.right))
        for i, p in enumerate(found)
    ]

    @jax.jit
    def run(pairs: list) -> list:
        return [
            jax.lax.dot_general(a, b, p.dimensions) for (a, b), p in zip(pairs, found, strict=True)
        ]

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
    """The share of a program's step that its products take alone, and their flops.

    step() returns the seconds of a step. The share is the median of three, timed in turn.
    """
    found = products(compiled)
    alone = make_alone(found)
    shares = [seconds(alone, 20) / step() for _ in range(3)]
    return {"matmul_fraction": statistics.median(shares), "flops": sum(p.flops for p in found)}
