"""The page of a sweep: settings with their errors, curves, dots, every row, what went wrong."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_jax.report import charts, facts, gather
from gan_jax.report.gather import Row, Sweep
from gan_jax.report.lessons import section_of
from gan_jax.report.markup import Html, cell, page, section, table, tag
from gan_jax.report.parts import axis_of, empty, numeric, quiet, shown
from gan_jax.report.rows import failures_section, rows_section
from gan_jax.report.settings import settings_section
from gan_jax.sweeps.typeset import best_in_words, show

PARTS = {
    "settings": "Settings",
    "curves": "Curves",
    "against": "Against each value",
    "objective": "Objective",
    "rows": "Rows",
    "failures": "Failures",
    "config": "Config",
    "made-with": "Made with",
}


def sweep_page(folder: Path, made: dict[str, Any]) -> str:
    """The file's text, from the folder and its table."""
    sweep = gather.gather(folder, made)
    lessons = section_of([row.config for row in sweep.rows])
    return page(
        f"{sweep.facts['name']} - gan_jax",
        _head(sweep),
        facts.navigation({i: title for i, title in PARTS.items() if lessons or i != "objective"}),
        tag(
            "main",
            _chooser(sweep.metrics),
            settings_section(sweep),
            _curves(sweep),
            _against(sweep),
            lessons,
            rows_section(sweep, folder),
            failures_section(sweep, folder),
            facts.config_section([row.config for row in sweep.rows] or [{}], sweep.facts["varied"]),
            facts.made_with(
                sweep.facts.get("versions"), sweep.facts.get("hardware"), _cohorts(sweep)
            ),
        ),
    )


def _head(sweep: Sweep) -> Html:
    count = Counter(row.status for row in sweep.rows)
    says = [f"{len(sweep.rows)} rows", f"{len(sweep.table['settings'])} settings"]
    says += [f"{n} {status}" for status, n in count.most_common()]
    best = [
        tag("p", line[:1].upper() + line[1:], class_="best") for line in best_in_words(sweep.table)
    ]
    config = sweep.facts.get("config")
    source = tag("p", "Config: ", tag("code", config), class_="says") if config else None
    return facts.head("sweep", sweep.facts["name"], says, sweep.facts["command"], [source, *best])


def _chooser(metrics: Sequence[str]) -> Html | None:
    """The metric that the tables and charts show."""
    if not metrics:
        return None
    options = [tag("option", name, value=name) for name in metrics]
    return tag(
        "p",
        tag("label", "Metric ", tag("select", *options, id="metric", autocomplete="off")),
        tag("span", "of the settings, curves and dots below", class_="quiet"),
        class_="chooser",
    )


def _curves(sweep: Sweep) -> Html:
    columns = gather.read_curves(sweep)
    how = gather.layout(sweep.table, show)

    def make(name: str) -> Html:
        made = gather.panels(sweep, columns, name, how, show)
        whole = [line for lines in made.values() for line in lines if not line.broken]
        if not any(len(line.x) > 1 for line in whole):
            return empty("No curves: this metric was written at one step or at none.")
        limits = charts.span([v for line in whole for v in (*line.low, *line.high)])  # type: ignore[misc]
        drawn = [charts.curves(*panel, limits, axis_of(name)) for panel in made.items()]
        return tag("div", *drawn, class_="panels")

    key = [tag("span", tag("i", class_=f"key {c}"), v) for v, c in how.colours.items()]
    legend = tag("p", tag("b", how.leaf), *key, class_="legend") if how.leaf else None
    says = (
        "Mean over the seeds, in a band of one standard error to each side. Rows that diverged or "
        "failed are left out of it: thin lines that end in a cross."
    )
    left_out = len(sweep.table["settings"]) - sum(len(s) for s in how.panels.values())
    if left_out:
        says += f" {left_out} more settings are not drawn."
    return section("curves", "Curves", quiet(says), legend, *shown(sweep.metrics, make))


def _against(sweep: Sweep) -> Html:
    done = [row for row in sweep.rows if row.status == "done"]

    def make(name: str) -> Html:
        pairs = [(row, row.summary["metrics"].get(name)) for row in done]
        found = [(r, v) for r, v in pairs if isinstance(v, int | float)]
        if not found:
            return empty("No row has ended with this metric yet.")
        drawn = [_panel(leaf, found, name) for leaf in sweep.facts["varied"]]
        return tag("div", *drawn, class_="panels")

    says = "The last value of each row that is done, against each varied leaf; a bar is the mean."
    return section("against", PARTS["against"], quiet(says), *shown(sweep.metrics, make))


def _panel(leaf: str, found: Sequence[tuple[Row, Any]], name: str) -> Html:
    x = [row.values[leaf] for row, _ in found]
    y = [value for _, value in found]
    limits, axis = charts.span(y), axis_of(name)
    if numeric(x):
        return charts.against_numbers(leaf, x, y, limits, axis)
    words = list(dict.fromkeys(show(v) for v in x))[:40]
    places = [words.index(show(v)) if show(v) in words else -1 for v in x]
    kept = [(p, v) for p, v in zip(places, y, strict=True) if p >= 0]
    return charts.against_words(leaf, words, kept, limits, axis)


def _cohorts(sweep: Sweep) -> Html | None:
    cohorts = [c for c in sweep.facts.get("cohorts") or [] if isinstance(c, dict)]
    if not cohorts:
        return None
    rows = [
        (
            cell(str(len(c.get("rows") or [])), kind="num"),
            *(cell(str(c.get(k, "-"))) for k in ("how", "chunk", "why")),
        )
        for c in cohorts
    ]
    head = ("rows", "how", "chunk", "why")
    return tag(
        "div",
        tag("h3", "Cohorts: rows that trained as one program"),
        table(head, rows, "Cohorts", {"rows"}, class_="narrow"),
    )
