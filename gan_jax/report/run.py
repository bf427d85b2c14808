"""The page of one run: how it ended, its numbers, its curves, its last samples, its config."""

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.config.as_json import read_config
from gan_jax.config.values import flatten
from gan_jax.evaluate.pictures.panels import Panel, panels
from gan_jax.report import charts, facts
from gan_jax.report.gather import MOST_POINTS
from gan_jax.report.lessons import section_of
from gan_jax.report.markup import Html, cell, join, link, page, section, table, tag
from gan_jax.report.parts import (
    empty,
    in_words,
    labels,
    log_link,
    metric_name,
    number_cell,
    pill,
    quiet,
    relative,
    unit_of,
)
from gan_jax.report.pictures import last_grid, thumbnail
from gan_jax.sweeps.typeset import number
from gan_jax.training.curves import Columns, read_columns
from gan_jax.training.linelog import read_lines
from gan_jax.training.results import read_made_with, read_summary

PARTS = {
    "samples": "Samples",
    "numbers": "Numbers",
    "curves": "Curves",
    "objective": "Objective",
    "config": "Config",
    "made-with": "Made with",
}
# A metric of one class ends in its number.
OF_CLASS = re.compile(r"/(?:count|label_accuracy|intra_(?:frechet|coverage|spread))_(\d{1,6})$")
GRID_BYTES = 3_000_000  # a larger picture is shown smaller, and linked


def run_page(folder: Path) -> str:
    """The file's text."""
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
                _numbers(summary, path, names),
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
    """The newest picture; rows: the classes that its rows are of."""
    grid, gif = last_grid(folder), folder / "samples" / "progress.gif"
    if grid is None:
        return section("samples", "Samples", empty("No samples yet."))
    small = grid.stat().st_size <= GRID_BYTES
    whole = base64.b64encode(grid.read_bytes()).decode() if small else ""
    source = f"data:image/png;base64,{whole}" if small else thumbnail(grid, 960)
    step = re.sub(r"\D", "", grid.stem).lstrip("0") or "0"
    picture = tag("img", src=source, alt=f"samples at step {step}", class_="grid")
    files = [link(relative(grid, folder), "this grid")]
    files += [link(relative(gif, folder), "progress.gif: how it came about")] * gif.exists()
    words = join((f"Step {step}: ", facts.between(files, Html(" &middot; "))))
    if rows:
        words = join((words, f". From the top, as many rows of each class: {', '.join(rows)}."))
    said = tag("p", words, class_="quiet")
    return section("samples", "Samples", said, picture, facts.credit([config]))


def _numbers(summary: dict[str, Any] | None, path: Path, classes: Sequence[str]) -> Html:
    """The last value of each metric, the evaluation's first."""
    if summary is None:
        found, says = _latest(path), "The run has not ended: these are its latest numbers."
    else:
        found, says = summary["metrics"], "At the end of the run."
    odd = found.get("nonfinite") or {}
    names = sorted(set(found) - {"nonfinite"}, key=lambda n: ("/" not in n, n))
    if not names:
        return section("numbers", "Numbers", empty("No numbers yet."))
    rows = [(_name_cell(n, classes), number_cell(found.get(n), odd.get(n))) for n in names]
    whole = table(("metric", "value"), rows, "Numbers", {"value"}, class_="narrow")
    return section("numbers", "Numbers", quiet(says), whole)


def _name_cell(metric: str, classes: Sequence[str]) -> Html:
    """A metric's name; one of a class is told with the class's own name."""
    found = OF_CLASS.search(metric)
    name = _class_name(found[1], classes) if found else ""
    return cell(join((metric_name(metric), tag("small", f" {name}") if name else None)))


def _class_name(number: str, classes: Sequence[str]) -> str:
    """The name of the class of that number, or nothing."""
    is_one = number.isdecimal() and int(number) < len(classes)
    return classes[int(number)] if is_one else ""


def _latest(path: Path) -> dict[str, Any]:
    """The newest value of each metric, in the form of a summary's."""
    found: dict[str, Any] = {}
    odd: dict[str, str] = {}
    for line in read_lines(path) if path.exists() else ():
        found |= {name: value for name, value in line.items() if name != "step"}
        odd |= line.get("nonfinite", {})
    return found | {"nonfinite": odd}


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
        words = _class_name(label, classes) or label
        key.append(tag("span", tag("i", class_=f"key {colour}"), words))
    if not lines:
        return tag("figure", tag("figcaption", panel.title), empty("No finite number."))
    values = np.concatenate([line.y for line in lines])
    limits = (0.0, 1.0) if panel.is_share else charts.span(values)
    legend = tag("p", *key, class_="legend small") if len(panel.lines) > 1 else None
    return charts.curves(panel.title, lines, limits, unit_of(panel.title), legend)


def _smooth(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of equal groups of points where there are more than can be told apart."""
    groups = min(len(x), 2 * MOST_POINTS)
    edges = np.linspace(0, len(x), groups + 1).astype(int)[:-1]
    size = np.diff([*edges, len(x)])
    return np.add.reduceat(x, edges) / size, np.add.reduceat(y, edges) / size
