"""The settings of a sweep, a line each: errors, intervals, every seed, the paired difference."""

from typing import Any

from gan_jax.report import charts
from gan_jax.report.gather import Sweep
from gan_jax.report.markup import Html, cell, join, section, tag
from gan_jax.report.parts import (
    decimals,
    empty,
    filters,
    header,
    number_cell,
    numeric,
    quiet,
    sortable,
    value_cell,
)
from gan_jax.sweeps.typeset import interval, of_fewer, percent, plus_minus


def settings_section(sweep: Sweep) -> Html:
    """The table of settings; the columns of one metric are shown at a time."""
    made = sweep.table
    if not made["settings"]:
        return section("settings", "Settings", empty("This sweep has no rows."))
    scales = {name: _scale(made, name) for name in sweep.metrics}
    heads = [
        header("setting"),
        *(
            header(leaf, numeric(s["values"][leaf] for s in made["settings"]))
            for leaf in made["by"]
        ),
        header("done"),
        header("failed", title="diverged or failed, of those that ended"),
        *(
            head
            for i, name in enumerate(sweep.metrics)
            for head in _heads(made, name, scales[name], hidden=i > 0)
        ),
    ]
    places = {name: _places(made, name) for name in sweep.metrics}
    paired = {(pair["metric"], pair["setting"]): pair for pair in made["paired"]}
    body = [
        _line(sweep, i, setting, scales, places, paired)
        for i, setting in enumerate(made["settings"])
    ]
    says = (
        "Over seeds: mean ± standard error, median, 95 % bootstrap interval of the mean "
        "(2,000 draws). Means are over the rows that are done. "
    )
    if made["best"]:
        says += "The difference is to the best setting (marked), over the same seeds."
    above = quiet(says), filters("settings", len(body), [])
    return section("settings", "Settings", *above, sortable(heads, body, "Settings"))


def _places(made: dict[str, Any], name: str) -> int | None:
    """Decimals of the columns of a metric, so that their digits align."""
    found = [setting["metrics"][name] for setting in made["settings"]]
    return decimals(each[k] for each in found for k in ("median", "low", "high"))


def _scale(made: dict[str, Any], name: str) -> tuple[float, float]:
    each = [v for s in made["settings"] for v in s["metrics"][name]["each"] if v is not None]
    return charts.span(each)


def _heads(made: dict[str, Any], name: str, scale: tuple[float, float], hidden: bool) -> list[Html]:
    shown: dict[str, Any] = {"data_metric": name, "hidden": hidden}
    strip = join((tag("span", "each seed"), charts.strip_scale(scale)))
    heads = [
        header(name, **shown),
        header("median", **shown),
        header("95 % interval", **shown),
        tag("th", strip, scope="col", **shown),
    ]
    return heads + ([header("difference", **shown)] if _is_paired(made, name) else [])


def _is_paired(made: dict[str, Any], name: str) -> bool:
    return any(pair["metric"] == name for pair in made["paired"])


def _line(
    sweep: Sweep,
    i: int,
    setting: dict[str, Any],
    scales: dict[str, Any],
    places: dict[str, int | None],
    paired: dict[Any, Any],
) -> Html:
    made = sweep.table
    best = made["best"] is not None and made["best"]["setting"] == i
    of_all = f"{setting['done']}/{setting['seeds']}"
    name = tag("a", f"{i}", href="#rows", data_filter=f"setting={i}", title="show its rows")
    rate = setting["failure_rate"]
    cells = [
        cell(join((name, tag("span", "best", class_="pill good") if best else None)), i, "num"),
        *(value_cell(setting["values"][leaf]) for leaf in made["by"]),
        cell(of_all, setting["done"], "num"),
        cell(percent(rate), rate, f"num{' warn' if rate else ''}"),
    ]
    for metric in sweep.metrics:
        found = setting["metrics"][metric]
        shown: dict[str, Any] = {"data_metric": metric, "hidden": metric != sweep.metrics[0]}
        cells += [
            cell(
                plus_minus(found) + of_fewer(found, setting["done"]),
                found["mean"],
                "num strong",
                **shown,
            ),
            number_cell(found["median"], None, places[metric], **shown),
            cell(interval(found, places[metric]), found["low"], "num", **shown),
            cell(charts.strip(found, scales[metric]), kind="seeds", **shown),
        ]
        if _is_paired(made, metric):
            cells.append(_difference(paired.get((metric, i)), shown))
    return tag("tr", *cells, class_="best" if best else None)


def _difference(pair: dict[str, Any] | None, shown: dict[str, Any]) -> Html:
    if pair is None:
        return cell("reference", 0, "num quiet", **shown)
    found = {"mean": pair["mean_difference"], "standard_error": pair["standard_error"]}
    return cell(plus_minus(found), found["mean"], "num", title=f"n = {pair['n']}", **shown)
