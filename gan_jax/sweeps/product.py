"""Sweeps: small combinators that make rows.

A sweep is a list of rows, each {leaf: value}, and every combinator returns one:

    SWEEPS = {
        "objectives": product(
            param("objective", ["minimax", "hinge"]), param("penalty.weight", [0, 1]), seeds(8)
        )
    }
"""

import itertools
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from gan_jax.host.errors import ConfigError

Rows = list[dict[str, Any]]


def param(leaf: str, values: Iterable[Any]) -> Rows:
    """A row for each value of one config leaf."""
    return [{leaf: value} for value in values]


def seeds(n: int) -> Rows:
    """Seeds 0 to n - 1."""
    return param("seed", range(n))


def product(*parts: Rows) -> Rows:
    """Every combination of the parts' rows; the last part varies fastest."""
    return [_merge(rows) for rows in itertools.product(*parts)]


def zipit(*parts: Rows) -> Rows:
    """The parts' rows side by side. ConfigError unless all parts are equally long."""
    sizes = [len(part) for part in parts]
    if len(set(sizes)) > 1:
        raise ConfigError(f"zipit joins parts of {sizes} rows: expected equally many")
    return [_merge(rows) for rows in zip(*parts, strict=True)]


def chain(*parts: Rows) -> Rows:
    """The parts' rows one after the other."""
    return [dict(row) for part in parts for row in part]


def subsample(rows: Rows, n: int, seed: int = 0) -> Rows:
    """n of the rows, chosen by the seed, in their own order. ConfigError if there are too few."""
    if n > len(rows):
        raise ConfigError(f"subsample asks for {n} rows of {len(rows)}")
    kept = sorted(random.Random(seed).sample(range(len(rows)), n))
    return [dict(rows[i]) for i in kept]


def uniform(low: float, high: float) -> Callable[[random.Random], float]:
    """A distribution for random_search: U[low, high)."""
    return lambda rng: rng.uniform(low, high)


def log_uniform(low: float, high: float) -> Callable[[random.Random], float]:
    """A distribution for random_search: uniform in the logarithm, low > 0."""
    return lambda rng: math.exp(rng.uniform(math.log(low), math.log(high)))


def random_search(n: int, leaves: Mapping[str, Any], seed: int = 0) -> Rows:
    """n rows; the seed draws each leaf from its distribution, or from its list of choices."""
    rng = random.Random(seed)

    def draw(values: Any) -> Any:
        return values(rng) if callable(values) else rng.choice(values)

    return [{leaf: draw(values) for leaf, values in leaves.items()} for _ in range(n)]


def _merge(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for row in rows:
        twice = merged.keys() & row.keys()
        if twice:
            raise ConfigError(f"sweep: {min(twice)} is varied twice in one combination")
        merged |= row
    return merged
