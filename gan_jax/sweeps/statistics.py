"""The statistics of a sweep over its seeds: table.json, and the same as Markdown and LaTeX.

A setting is what a row varies apart from its seed; best.py says which one is the best, if any. A
diverged or failed row counts in the failure rate of its setting. Its final numbers are those of a
run that broke off, so they are left out of means: read the two columns together. Numbers come from
summary.json; none of them is a clock time, so two aggregations of the same results give the same
bytes.
"""

import functools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.config.values import flatten
from gan_jax.host.files import write_atomically, writing
from gan_jax.sweeps import best
from gan_jax.sweeps.typeset import to_latex, to_markdown
from gan_jax.training.results import numbers, read_summary, read_sweep

__all__ = ["aggregate", "to_latex", "to_markdown", "write"]

DRAWS = 2000  # of the bootstrap; an interval's ends are then steady to about 1 % of its width


def aggregate(sweep_dir: str | Path) -> dict[str, Any]:
    """The table of a sweep, finished or not. Raises ConfigError without rows.json.

    "deciding" is the metric that settings are compared by. "leads" says for each known metric what
    "best" says for that one: see best.choose. A metric's "each" has one value for each row of the
    setting (those in "rows", by seed), null if none is finite. With a single value there is no
    error: standard_error, low and high are null.
    """
    folder, sweep = Path(sweep_dir) / "rows", read_sweep(sweep_dir)
    return aggregate_rows(sweep, [folder / row["id"] for row in sweep["rows"]])


def aggregate_rows(sweep: Mapping[str, Any], folders: Sequence[Path]) -> dict[str, Any]:
    """The table of rows whose folders are given."""
    by = [leaf for leaf in sweep["varied"] if leaf != "seed"]
    groups: dict[str, list[dict[str, Any]]] = {}
    for row, folder in zip(sweep["rows"], folders, strict=True):
        summary = read_summary(folder)
        status = summary["status"] if summary else None
        config = flatten(row["config"])  # has the leaves that only other rows set
        values = {leaf: row["values"].get(leaf, config.get(leaf)) for leaf in by}
        found = summary["metrics"] if summary and status == "done" else {}
        seed = row["values"].get("seed", row["config"].get("seed", 0))
        entry = row | {"setting": values, "seed": seed, "status": status, "metrics": found}
        groups.setdefault(json.dumps(values, sort_keys=True), []).append(entry)
    rows = [row for group in groups.values() for row in group]
    named = {n for row in rows for n in row["metrics"].get("nonfinite") or () if best.known(n)}
    metrics = sorted(named | {name for row in rows for name in numbers(row["metrics"])})
    settings = [_setting(group, metrics) for group in groups.values()]
    deciding = best.deciding(metrics, rows[0]["config"]) if rows else None
    leads = {m: best.choose(settings, metrics, m) for m in best.by_importance(metrics)}
    chosen = leads.get(deciding) if deciding else None
    return {
        "name": sweep["name"],
        "command": sweep["command"],
        "by": by,
        "metrics": metrics,
        "settings": settings,
        "paired": _paired(settings, metrics, chosen),
        "deciding": deciding,
        "best": chosen,
        "leads": leads,
    }


def write(sweep_dir: str | Path) -> dict[str, Any]:
    """Writes table.json, table.md and table.tex into the sweep's folder; returns the table."""
    table, folder = aggregate(sweep_dir), Path(sweep_dir)
    text = json.dumps(table, indent=2, sort_keys=True, allow_nan=False) + "\n"
    files = {"table.json": text, "table.md": to_markdown(table), "table.tex": to_latex(table)}
    with writing(folder):
        for name, content in files.items():
            write_atomically(folder / name, content.encode(errors="replace"))
    return table


def _setting(rows: list[dict[str, Any]], metrics: Sequence[str]) -> dict[str, Any]:
    rows = sorted(rows, key=lambda row: (row["seed"] or 0, row["index"]))
    count = {s: sum(row["status"] == s for row in rows) for s in ("done", "diverged", "failed")}
    ended = sum(count.values())
    return {
        "values": rows[0]["setting"],
        "rows": [row["id"] for row in rows],
        "seeds": len(rows),
        "seed_of_each": [row["seed"] for row in rows],
        **count,
        "failure_rate": (ended - count["done"]) / ended if ended else None,
        "metrics": {name: _metric(name, rows) for name in metrics},
    }


def _metric(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    each = [numbers(row["metrics"]).get(name) for row in rows]
    odd = {r["id"]: r["metrics"].get("nonfinite", {}).get(name) for r in rows if r["metrics"]}
    odd = {id: text for id, text in odd.items() if text}
    return describe(each) | {"each": each} | ({"nonfinite": odd} if odd else {})


def describe(values: Sequence[float | None]) -> dict[str, Any]:
    """n, mean, standard error (n - 1 in the variance), median, bootstrap interval of the mean."""
    x_N = np.array([v for v in values if v is not None], float)
    n, several = len(x_N), len(x_N) > 1
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = bootstrap(x_N) if several else (None, None)
        found = {
            "mean": x_N.mean() if n else None,
            "standard_error": _standard_error(x_N) if several else None,
            "median": np.median(x_N) if n else None,
            "low": low,
            "high": high,
        }
    return {"n": n} | {name: _finite(value) for name, value in found.items()}


def _standard_error(x_N: np.ndarray) -> float:
    """0, and not what rounding leaves, if all values are equal."""
    return 0.0 if np.ptp(x_N) == 0 else x_N.std(ddof=1) / math.sqrt(len(x_N))


def bootstrap(x_N: np.ndarray) -> tuple[float, float]:
    """The percentile interval of the mean over DRAWS resamples, which depend on n only."""
    means = x_N[_resamples(len(x_N))].mean(1)
    low, high = np.quantile(means, [(1 - best.LEVEL) / 2, (1 + best.LEVEL) / 2])
    return low, high


@functools.cache
def _resamples(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(n, size=(DRAWS, n))


def _paired(settings: list[dict[str, Any]], metrics: Sequence[str], leads: dict | None) -> list:
    """Each setting minus the leader (or the first, if no metric decides), over the same seeds.

    The leader was chosen on these numbers, so on eval/ the differences favour it a little.
    """
    evals = [name for name in metrics if name.startswith("eval/")]
    known_ones = [name for part in ("eval", "test") for name in best.by_importance(metrics, part)]
    names = known_ones if leads else evals
    reference = leads["setting"] if leads else 0
    return [
        {"setting": i, "against": reference, "metric": name}
        | _difference(setting, settings[reference], name)
        for name in names
        for i, setting in enumerate(settings)
        if i != reference
    ]


def _difference(setting: dict[str, Any], reference: dict[str, Any], name: str) -> dict[str, Any]:
    found = describe(best.differences(setting, reference, name))
    return {"mean_difference": found.pop("mean"), **found}


def _finite(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
