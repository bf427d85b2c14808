"""The page of a sweep: the verdict, curves, samples, settings, every row, what went wrong."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_jax.report import charts, explore, facts, gather
from gan_jax.report.film import film
from gan_jax.report.gather import NOT_STARTED, Row, Sweep
from gan_jax.report.lessons import section_of
from gan_jax.report.markup import Html, cell, page, section, table, tag
from gan_jax.report.parts import axis_of, empty, numeric, quiet, shown
from gan_jax.report.rows import failures_section, rows_section
from gan_jax.report.settings import settings_section
from gan_jax.sweeps.typeset import lead_in_words, percent, setting_in_words, show

PARTS = {
    "curves": "Curves",
    "samples": "Samples",
    "settings": "Settings",
    "against": "Against each value",
    "objective": "Objective",
    "rows": "Rows",
    "failures": "Failures",
    "config": "Config",
    "made-with": "Made with",
}


def sweep_page(folder: Path, made: dict[str, Any]) -> str:
    """The page as text, from the folder and its table."""
    sweep = gather.gather(folder, made)
    lessons = section_of([row.config for row in sweep.rows])
    return page(
        f"{sweep.facts['name']} - gan_jax",
        _head(sweep),
        facts.navigation({i: title for i, title in PARTS.items() if lessons or i != "objective"}),
        tag(
            "main",
            verdict(sweep),
            explore.curves_section(sweep, explore.default_key(sweep)),
            samples_section(sweep, _names(sweep)),
            settings_section(sweep),
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
    config = sweep.facts.get("config")
    source = tag("p", "Config: ", tag("code", config), class_="says") if config else None
    more = [source, _progress(sweep, count)]
    return facts.head("sweep", sweep.facts["name"], says, sweep.facts["command"], more)


def _progress(sweep: Sweep, count: Mapping[str, int]) -> Html | None:
    """How far a sweep is, if it has not ended."""
    going_on = count["unfinished"] + count[NOT_STARTED]
    if not going_on:
        return None
    share = min(0.99, gather.trained_share(sweep))
    words = (
        f"{percent(share)} of all steps are trained; {len(sweep.rows) - going_on} of "
        f"{len(sweep.rows)} rows have ended. While the sweep runs, this file is written anew every "
        "minute: reload the page to see more."
    )
    bar = tag("progress", value=f"{share:.3f}", max=1, aria_label="share of all steps")
    return tag("p", bar, words, class_="progress")


def verdict(sweep: Sweep, names: Sequence[str] | None = None) -> Html | None:
    """The metric that the whole page shows, and what it says about the settings.

    names: what the settings are called, by default their values.
    """
    if not sweep.metrics:
        return None
    options = [tag("option", name, value=name) for name in sweep.metrics]
    chooser = tag("select", *options, id="metric", autocomplete="off")
    return tag(
        "div",
        tag("label", "Metric ", chooser),
        *shown(sweep.metrics, lambda name: _told(sweep.table, name, names)),
        class_="verdict",
    )


def _told(made: dict[str, Any], name: str, names: Sequence[str] | None) -> Html:
    lead = made["leads"].get(name)
    if lead is None:
        return quiet(
            "It names no best setting: no row has ended with it yet, or more of it is "
            "neither better nor worse."
        )
    line = lead_in_words(made, lead, names)
    if not lead["intervals"]:
        return tag("p", line, class_="tie")
    together = f" for all {lead['pairs']} pairs of settings together" * (lead["pairs"] > 1)
    how = (
        "Two settings are told apart where the paired interval of their difference leaves out 0: "
        f"over the seeds that both have, at 95 %{together} (Student's t"
        f"{', Bonferroni' * (lead['pairs'] > 1)})."
    )
    kind = "tie" if lead["tied"] else "best"
    return tag("div", tag("p", line[:1].upper() + line[1:], class_=kind), quiet(how))


def samples_section(sweep: Sweep, names: Sequence[str]) -> Html:
    """The pictures of each setting's first seed, then of the other seeds, as many as fit."""
    order: list[int] = []
    for depth in range(len(sweep.rows)):
        seen: Counter[int] = Counter()
        for i, row in enumerate(sweep.rows):
            seen[row.setting] += 1
            if seen[row.setting] == depth + 1:
                order.append(i)
        if len(order) == len(sweep.rows):
            break
    found = film({names[i]: sweep.rows[i].folder for i in order})
    return section("samples", "Samples", found or empty("No samples yet."))


def _names(sweep: Sweep) -> list[str]:
    return [
        setting_in_words(row.values) if row.values else f"row {row.number}" for row in sweep.rows
    ]


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
