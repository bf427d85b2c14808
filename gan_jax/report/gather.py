"""What the page of a sweep shows, as numbers: its rows, the metrics to choose from, the curves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.evaluate.pictures.grid import spread
from gan_jax.report import charts
from gan_jax.report.charts import Line
from gan_jax.report.parts import numeric
from gan_jax.report.pictures import last_grid, thumbnails
from gan_jax.sweeps import statistics
from gan_jax.training import results
from gan_jax.training.curves import read_columns

MOST_METRICS = 10  # to choose from
MOST_POINTS = 60  # of a curve
MOST_PANELS = 24
Columns = dict[str, tuple[np.ndarray, np.ndarray]]


class Row(NamedTuple):
    """A row of rows.json with what its folder holds; status is None where there is no folder."""

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
    """Everything the page needs, and nothing of it formatted."""

    facts: dict[str, Any]  # rows.json
    table: dict[str, Any]  # table.json
    rows: list[Row]
    metrics: list[str]


def gather(folder: Path, table: dict[str, Any]) -> Sweep:
    """Reads the rows' folders but for their curves."""
    facts = results.read_sweep(folder)
    of_row = {id: i for i, setting in enumerate(table["settings"]) for id in setting["rows"]}
    folders = [folder / "rows" / row["id"] for row in facts["rows"]]
    grids = [last_grid(path) for path in folders]
    rows = []
    for row, path, grid, small in zip(
        facts["rows"], folders, grids, thumbnails(grids), strict=True
    ):
        summary = results.read_summary(path)
        status = summary["status"] if summary else "unfinished" if path.exists() else "not started"
        values = {leaf: row["values"].get(leaf) for leaf in facts["varied"]}
        where = (of_row[row["id"]], values, row["config"])
        rows.append(Row(row["id"], row["index"], *where, status, summary or {}, path, grid, small))
    return Sweep(facts, table, rows, metrics_to_show(table))


def metrics_to_show(table: dict[str, Any]) -> list[str]:
    """What decides comes first, then the known, then the rest; at most MOST_METRICS."""
    names = table["metrics"]
    order = [*statistics.by_importance(names), *statistics.by_importance(names, "test")]
    order += [n for n in names if n.startswith(("eval/", "test/"))] + names
    return list(dict.fromkeys(order))[:MOST_METRICS]


def read_curves(sweep: Sweep) -> list[Columns]:
    """Of each row, the metrics to show over steps; nothing where there is no metrics.jsonl."""
    found: list[Columns] = []
    for row in sweep.rows:
        path = row.folder / "metrics.jsonl"
        columns = read_columns(path) if path.exists() else {}
        found.append({name: columns[name] for name in sweep.metrics if name in columns})
    return found


class Layout(NamedTuple):
    """Which leaf colours the lines, and the settings of each panel."""

    leaf: str | None
    colours: dict[str, str]  # the leaf's values as text -> class of page.css
    panels: dict[str, list[int]]


def layout(table: dict[str, Any], show: Any) -> Layout:
    """Lines of one leaf share a panel, the other leaves make panels; numbers prefer to be lines."""
    settings, by = table["settings"], table["by"]
    values = {leaf: _distinct([s["values"][leaf] for s in settings]) for leaf in by}
    fit = [leaf for leaf in by if 1 < len(values[leaf]) <= charts.SHADES]
    counted = [leaf for leaf in fit if numeric(values[leaf])]
    leaf = (counted or fit or [None])[-1]
    colours = {}
    if leaf is not None:
        kind = "q" if leaf in counted else "c"
        places = spread(charts.SHADES, len(values[leaf])) if kind == "q" else range(charts.COLOURS)
        colours = {show(v): f"{kind}{i}" for v, i in zip(values[leaf], places, strict=False)}
    panels: dict[str, list[int]] = {}
    for i, setting in enumerate(settings):
        others = [name for name in by if name != leaf] if leaf is not None else []
        title = ", ".join(
            show(setting["values"][o]) if len(others) == 1 else f"{o} {show(setting['values'][o])}"
            for o in others
        )
        panels.setdefault(title or "all settings", []).append(i)
    return Layout(leaf, colours, dict(list(panels.items())[:MOST_PANELS]))


def panels(
    sweep: Sweep, columns: list[Columns], name: str, how: Layout, show: Any
) -> dict[str, list[Line]]:
    """The curves of a metric by their panels' titles: of each setting its rows' mean, ± one error.

    Rows that diverged or failed are no part of a mean: each is a thin line that ends in a cross.
    """
    made: dict[str, list[Line]] = {}
    best = sweep.table["best"]
    for title, settings in how.panels.items():
        lines: list[Line] = []
        for i in settings:
            values = sweep.table["settings"][i]["values"]
            colour = how.colours.get(show(values[how.leaf])) if how.leaf else None
            plain = "c0" if len(settings) == 1 or (best and best["setting"] == i) else "other"
            own = [
                (row.status, cols[name])
                for row, cols in zip(sweep.rows, columns, strict=True)
                if row.setting == i and name in cols
            ]
            lines += _lines(own, colour or plain)
        if lines:
            made[title] = lines
    return made


def _lines(rows: Sequence[tuple[str, tuple[np.ndarray, np.ndarray]]], colour: str) -> list[Line]:
    lost = [curve for status, curve in rows if status in ("diverged", "failed")]
    kept = [curve for status, curve in rows if status not in ("diverged", "failed")]
    lines = []
    for steps, values in lost:
        x, y = _thin(*(each[np.isfinite(values)] for each in (steps, values)))
        lines += [Line(colour, x, y, broken=True)] if len(x) else []
    mean = mean_curve(kept)
    return [*lines, Line(colour, mean[0], mean[1], mean[2], mean[3])] if mean else lines


def mean_curve(curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, ...] | None:
    """steps, mean, mean - SE, mean + SE over the curves that have a finite number at a step."""
    if not curves:
        return None
    x = np.concatenate([steps for steps, _ in curves])
    y = np.concatenate([values for _, values in curves])
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    if not x.size:
        return None
    steps, place = np.unique(x, return_inverse=True)
    n = np.bincount(place)
    mean = np.bincount(place, y) / n
    variance = np.bincount(place, (y - mean[place]) ** 2) / np.maximum(n - 1, 1)
    error = np.sqrt(variance / n)  # 0 where there is one
    return _thin(steps, mean, mean - error, mean + error)


def _thin(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    if not arrays[0].size:
        return arrays
    kept = spread(len(arrays[0]), MOST_POINTS)
    return tuple(array[kept] for array in arrays)


def _distinct(values: list[Any]) -> list[Any]:
    """Each value once; numbers in their order, the others as they came."""
    found = [v for i, v in enumerate(values) if v not in values[:i]]
    return sorted(found) if numeric(found) else found
