"""The page of one run: how it ended, its numbers, its curves, its last samples, its config."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.config.as_json import read_config
from gan_jax.config.values import flatten
from gan_jax.evaluate.pictures.panels import Panel, panels
from gan_jax.report import charts, facts
from gan_jax.report.explain import explain
from gan_jax.report.film import film
from gan_jax.report.gather import MOST_POINTS
from gan_jax.report.lessons import section_of
from gan_jax.report.markup import Html, join, link, page, section, tag
from gan_jax.report.numbers import class_name, numbers_section
from gan_jax.report.parts import (
    empty,
    in_words,
    labels,
    log_link,
    pill,
    relative,
    unit_of,
)
from gan_jax.report.pictures import last_grid
from gan_jax.sweeps.typeset import number
from gan_jax.training.curves import Columns, read_columns
from gan_jax.training.results import read_made_with, read_summary

PARTS = {
    "samples": "Samples",
    "numbers": "Numbers",
    "curves": "Curves",
    "objective": "Objective",
    "config": "Config",
    "made-with": "Made with",
}


def run_page(folder: Path) -> str:
    """The page as text."""
    config, summary = read_config(folder), read_summary(folder)
    path = folder / "metrics.jsonl"
    columns = read_columns(path) if path.exists() else {}
    lessons, made = section_of([config]), read_made_with(folder)
    names = made["classes"]
    rows = names if flatten(config).get("gen.condition", "none") != "none" else []
    return page(
        f"{folder.resolve().name} - gan_jax",
        _head(folder, config, summary, made.get("command")),
        facts.navigation({i: title for i, title in PARTS.items() if lessons or i != "objective"}),
        tag(
            "main",
            tag(
                "div",
                _samples(folder, config, rows),
                numbers_section(summary, path, names),
                class_="beside",
            ),
            _curves(columns, names),
            lessons,
            facts.config_section([config], []),
            facts.made_with(made.get("versions"), made.get("hardware")),
        ),
    )


def _head(
    folder: Path, config: dict[str, Any], summary: dict[str, Any] | None, command: str | None
) -> Html:
    if summary is None:
        return facts.head("run", folder.resolve().name, [pill("unfinished")], command)
    seconds = summary.get("seconds")
    says: list[Any] = [
        join((pill(summary["status"]), labels(summary))),
        f"step {number(summary.get('step'))} of {number(config.get('steps'))}",
        f"{number(seconds)} s",
        log_link("", summary.get("log")),
    ]
    told = [summary["reason"]] if summary.get("reason") else []
    told += [in_words(finding) for finding in summary["findings"]]
    more = [tag("p", words, class_="reason") for words in told]
    return facts.head("run", folder.resolve().name, [s for s in says if s], command, more)


def _samples(folder: Path, config: dict[str, Any], rows: Sequence[str]) -> Html:
    """The pictures over the steps; rows: the class of each row of a picture."""
    grid, gif = last_grid(folder), folder / "samples" / "progress.gif"
    if grid is None:
        return section("samples", "Samples", empty("No samples yet."))
    files = [link(relative(grid, folder), "the newest grid")]
    files += [link(relative(gif, folder), "progress.gif: how it came about")] * gif.exists()
    words = facts.between(files, Html(" &middot; "))
    if rows:
        words = join((words, f". From the top, as many rows of each class: {', '.join(rows)}."))
    said = tag("p", words, class_="quiet")
    return section("samples", "Samples", film({"": folder}), said, facts.credit([config]))


def _curves(columns: Columns, classes: Sequence[str]) -> Html:
    if not any(len(steps) > 1 for steps, _ in columns.values()):
        return section("curves", "Curves", empty("No curves yet."))
    drawn = [_draw(panel, columns, classes) for panel in panels(columns)]
    return section("curves", "Curves", tag("div", *drawn, class_="panels"))


def _draw(panel: Panel, columns: Columns, classes: Sequence[str]) -> Html:
    lines, key = [], []
    for i, (name, label) in enumerate(list(panel.lines.items())[: charts.COLOURS]):
        x, y = columns[name]
        colour = f"c{i}"
        kept = np.isfinite(y)
        if kept.any():
            lines.append(charts.Line(colour, *_smooth(x[kept], y[kept])))
        words = class_name(label, classes) or label
        key.append(tag("span", tag("i", class_=f"key {colour}"), words))
    if not lines:
        return tag("figure", tag("figcaption", panel.title), empty("No finite number."))
    values = np.concatenate([line.y for line in lines])
    limits = (0.0, 1.0) if panel.is_share else charts.span(values)
    legend = tag("p", *key, class_="legend small") if len(panel.lines) > 1 else None
    drawn = charts.curves(panel.title, lines, limits, unit_of(panel.title), legend)
    says = explain(next(iter(panel.lines))) if len(panel.lines) == 1 else ""
    return tag("div", drawn, tag("p", says, class_="quiet small") if says else None)


def _smooth(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of equal groups of points, if there are more points than can be told apart."""
    groups = min(len(x), 2 * MOST_POINTS)
    edges = np.linspace(0, len(x), groups + 1).astype(int)[:-1]
    size = np.diff([*edges, len(x)])
    return np.add.reduceat(x, edges) / size, np.add.reduceat(y, edges) / size
