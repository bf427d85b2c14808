"""What a sweep's page shows, as numbers: its rows, the metrics to choose from, the curves."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.config.values import flatten
from gan_jax.report.pictures import last_grid, thumbnails
from gan_jax.sweeps import best
from gan_jax.training import results
from gan_jax.training.curves import read_columns

MOST_METRICS = 16  # to choose from
MOST_POINTS = 60  # of a curve
NOT_STARTED = "not started"
# A metric of a single class ends in the number of that class.
OF_CLASS = re.compile(r"/(?:count|label_accuracy|intra_(?:frechet|coverage|spread))_(\d{1,6})$")
Columns = dict[str, tuple[np.ndarray, np.ndarray]]


class Row(NamedTuple):
    """A row of rows.json with the content of its folder; status is None if there is no folder."""

    id: str
    number: int  # its index in rows.json
    setting: int
    values: dict[str, Any]
    config: dict[str, Any]
    status: str
    summary: dict[str, Any]
    folder: Path
    grid: Path | None
    thumbnail: str | None


class Sweep(NamedTuple):
    """Everything that the page needs, unformatted."""

    facts: dict[str, Any]  # rows.json
    table: dict[str, Any]  # table.json
    rows: list[Row]
    columns: list[Columns]  # of each row, its curves
    metrics: list[str]  # to choose from

    @property
    def summarised(self) -> list[str]:
        """The metrics in the table: those that a row has ended with."""
        return [name for name in self.metrics if name in self.table["metrics"]]


def gather(folder: Path, table: dict[str, Any]) -> Sweep:
    """Reads the folders of a sweep's rows."""
    facts = results.read_sweep(folder)
    return gather_rows(facts, table, [folder / "rows" / row["id"] for row in facts["rows"]])


def gather_rows(facts: dict[str, Any], table: dict[str, Any], folders: Sequence[Path]) -> Sweep:
    """Reads the rows' folders."""
    of_row = {id: i for i, setting in enumerate(table["settings"]) for id in setting["rows"]}
    grids = [last_grid(path) for path in folders]
    rows = []
    for row, path, grid, small in zip(
        facts["rows"], folders, grids, thumbnails(grids), strict=True
    ):
        summary = results.read_summary(path)
        status = summary["status"] if summary else "unfinished" if path.exists() else NOT_STARTED
        config = flatten(row["config"])  # has the leaves that only other rows set
        values = {leaf: row["values"].get(leaf, config.get(leaf)) for leaf in facts["varied"]}
        where = (of_row[row["id"]], values, row["config"])
        rows.append(Row(row["id"], row["index"], *where, status, summary or {}, path, grid, small))
    columns = [_read_curves(path / "metrics.jsonl") for path in folders]
    names = [*table["metrics"], *(name for each in columns for name in each)]
    metrics = metrics_to_show(names, table["deciding"])
    return Sweep(facts, table, rows, [_only(each, metrics) for each in columns], metrics)


def metrics_to_show(names: Sequence[str], deciding: str | None = None) -> list[str]:
    """What decides, then known metrics, losses, other evaluations, the rest; at most MOST_METRICS.

    Metrics of real data and of single classes come last of all.
    """
    told = [n for n in names if not OF_CLASS.search(n) and not n.endswith("_real")]
    order = [deciding] if deciding else []
    order += [*best.by_importance(names), *best.by_importance(names, "test")]
    order += [n for n in ("disc_loss", "gen_loss") if n in names]
    order += [n for n in told if n.startswith("eval/")] + told + list(names)
    return list(dict.fromkeys(order))[:MOST_METRICS]


def _read_curves(path: Path) -> Columns:
    """A run's metrics over steps; empty if there is no metrics.jsonl."""
    return read_columns(path) if path.exists() else {}


def _only(columns: Columns, names: Sequence[str]) -> Columns:
    return {name: columns[name] for name in names if name in columns}


def trained_share(sweep: Sweep) -> float:
    """The share in [0, 1] of all rows' steps that is trained, by the last line of each row.

    A row that has ended counts as a whole: one that diverged trains no further.
    """
    whole = [max(1, int(row.config.get("steps") or 1)) for row in sweep.rows]
    trained = 0.0
    for row, columns, steps in zip(sweep.rows, sweep.columns, whole, strict=True):
        last = max((float(x[-1]) for x, _ in columns.values() if len(x)), default=0.0)
        trained += steps if row.summary else min(last, steps)
    return trained / sum(whole) if whole else 1.0
