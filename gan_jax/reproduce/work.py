"""What a table is asked to do, how its rows are written down, and when a number is reproduced."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config import get_config
from gan_jax.evaluate.evaluators.draws import in_turn
from gan_jax.games import make_setup
from gan_jax.reproduce.methods import Methods
from gan_jax.sweeps.typeset import of_fewer, plus_minus
from gan_jax.types import State

Published = tuple[float | None, float | None]  # a number and its standard error
NOTHING: Published = (None, None)


class Size(NamedTuple):
    """How much is trained, and at which precision."""

    seeds: int
    steps: int
    precision: str = "default"  # of the step's products: config.precision

    def configs(self, configs: Sequence[ConfigDict]) -> list[ConfigDict]:
        """A table's configs at that precision."""
        for config in configs:
            config.precision = self.precision
        return list(configs)

    @property
    def differs(self) -> list[str]:
        """A note on the precision, if it is not the device's own."""
        return rounding(self.precision)


def base_config(data: str, seed: int, steps: int, batch_size: int = 64) -> ConfigDict:
    """The defaults that tables' settings modify, without the average of gen's weights.

    The tables were recorded without it.
    """
    c = get_config()
    c.data.name, c.seed, c.steps, c.batch_size = data, seed, steps, batch_size
    c.ema.decay, c.ema.warmup = 0.0, False
    return c


def rounding(precision: str) -> list[str]:
    """A note on a config's precision; empty for the device's own."""
    if precision == "bfloat16":
        return ["the factors of matrix products are rounded to bfloat16, their sums float32"]
    return [] if precision == "default" else [f"precision {precision}"]


@dataclass(frozen=True)
class Work:
    """A table's task."""

    folder: Path
    quick: bool = False
    size: Size = field(default_factory=lambda: Size(0, 0))  # default: trains nothing
    methods: Methods = field(default_factory=Methods)


def shortened(steps: int, of: int) -> str:
    """Why numbers are not comparable after fewer steps than published; "" if all were made."""
    return f"{steps:,} of {of:,} steps" if steps < of else ""


def mean_and_error(each: Sequence[float]) -> tuple[float | None, float | None]:
    """Mean and standard error over seeds; None for the error of one seed, and for both of none."""
    if not each:
        return None, None
    x = np.asarray(each, np.float64)
    error = float(x.std(ddof=1) / np.sqrt(len(x))) if len(x) > 1 else None
    return float(x.mean()), error


def verdict(
    measured: float | None,
    error: float | None,
    published: Published,
    why_not: str = "",
) -> str:
    """reproduced: the numbers differ by at most two standard errors of their difference.

    why_not: why the two numbers are not comparable, whatever they are.
    """
    if measured is None:
        return f"not measured: {why_not}"
    if published[0] is None:
        return "nothing published"
    if why_not:
        return f"not comparable: {why_not}"
    room = 2 * float(np.hypot(error or 0.0, published[1] or 0.0))
    return "reproduced" if abs(measured - published[0]) <= room else "not reproduced"


def make_row(
    name: str,
    each: Sequence[float],
    published: Published = NOTHING,
    differs: Sequence[str] = (),
    why_not: str = "",
    error: float | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A row of table.json from one number per seed; numbers that are not finite are left out.

    error: the number's own standard error, if there is only one seed.
    """
    finite = [float(v) for v in each if np.isfinite(v)]
    if len(finite) < len(each):
        why_not = f"{len(each) - len(finite)} of {len(each)} seeds have no such number"
    measured, over_seeds = mean_and_error(finite)
    error = error if over_seeds is None else over_seeds
    return {
        "name": name,
        "published": published[0],
        "published_error": published[1],
        "measured": measured,
        "standard_error": error,
        "seeds": len(each),
        "each": [float(v) if np.isfinite(v) else None for v in each],
        "differs": list(differs),
        "verdict": verdict(measured, error, published, why_not),
        **more,
    }


def ours(row: dict[str, Any]) -> str:
    """A row's measured number, with the number of seeds if some have none."""
    found = {"mean": row["measured"], "standard_error": row["standard_error"]}
    return plus_minus(found) + of_fewer(row, row["seeds"])


def theirs(row: dict[str, Any]) -> str:
    """The published number, with the digits that it was printed with."""
    numbers = (row["published"], row["published_error"])
    return " ± ".join(f"{number:.4g}" for number in numbers if number is not None) or "-"


Columns = dict[str, Callable[[dict[str, Any]], str]]
BESIDE: Columns = {
    "row": lambda row: row["name"],
    "published": theirs,
    "measured": ours,
    "seeds": lambda row: str(row["seeds"]),
    "verdict": lambda row: row["verdict"],
}


def samples(config: ConfigDict, states: State, n: int) -> np.ndarray:
    """n samples of each row, [M, n, ...], from the same latents, in float64."""
    sampler = make_setup(config).game.sampler
    z = sampler.latent(jax.random.key(0), n)
    draw, label = jax.jit(jax.vmap(sampler.sample, (0, None, None))), in_turn(n, sampler.classes)
    return np.asarray(draw(states, z, label)).astype(np.float64)
