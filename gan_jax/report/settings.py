"""The settings of a sweep, one a line: errors, intervals, every seed, the gap to the leader."""

from collections.abc import Container
from typing import Any

from gan_jax.report import charts
from gan_jax.report.gather import NOT_STARTED, Sweep
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
from gan_jax.sweeps.typeset import (
    interval,
    of_fewer,
    percent,
    plus_minus,
    setting_in_words,
)


def settings_section(sweep: Sweep) -> Html:
    """The table of the settings that were run; shows the columns of one metric at a time."""
    made = sweep.table
    if not made["settings"]:
        return section("settings", "Settings", empty("This sweep has no rows."))
    begun = {row.setting for row in sweep.rows if row.status != NOT_STARTED}
    scales = {name: _scale(made, name) for name in sweep.summarised}
    heads = [
        header("setting"),
        *(
            header(leaf, numeric(s["values"][leaf] for s in made["settings"]))
            for leaf in made["by"]
        ),
        header("done"),
        header("failed", title="diverged or failed, of those that ended"),
        *(head for name in sweep.summarised for head in _heads(sweep, name, scales[name])),
    ]
    places = {name: _places(made, name) for name in sweep.summarised}
    body = [
        _line(sweep, i, setting, scales, places)
        for i, setting in enumerate(made["settings"])
        if i in begun
    ]
    says = (
        "Over seeds: mean ± standard error, median, 95 % bootstrap interval of the mean "
        "(2,000 draws), all over the rows that are done. Last, how much more the leader has over "
        "the same seeds, with the interval that decides if they are told apart."
    )
    above = quiet(says), filters("settings", len(body), [])
    shown = [*above, sortable(heads, body, "Settings")] if body else []
    return section("settings", "Settings", *shown, _not_run(made, begun))


def _not_run(made: dict[str, Any], begun: Container[int]) -> Html | None:
    """The settings of which no row has started, in a folded list."""
    rest = [s["values"] for i, s in enumerate(made["settings"]) if i not in begun]
    if not rest:
        return None
    one = len(rest) == 1
    words = f"{len(rest)} setting{'' if one else 's'} {'has' if one else 'have'} not been run"
    listed = tag("ul", *(tag("li", setting_in_words(values)) for values in rest))
    return tag("details", tag("summary", words), listed, class_="not-run")


def _places(made: dict[str, Any], name: str) -> int | None:
    """The decimals of a metric's columns, so that their digits align."""
    found = [setting["metrics"][name] for setting in made["settings"]]
    return decimals(each[k] for each in found for k in ("median", "low", "high"))


def _scale(made: dict[str, Any], name: str) -> tuple[float, float]:
    each = [v for s in made["settings"] for v in s["metrics"][name]["each"] if v is not None]
    return charts.span(each)


def _heads(sweep: Sweep, name: str, scale: tuple[float, float]) -> list[Html]:
    shown: dict[str, Any] = {"data_metric": name, "hidden": name != sweep.metrics[0]}
    strip = join((tag("span", "each seed"), charts.strip_scale(scale)))
    heads = [
        header(name, **shown),
        header("median", **shown),
        header("95 % interval", **shown),
        tag("th", strip, scope="col", **shown),
    ]
    return heads + ([header("leader - this", **shown)] if name in sweep.table["leads"] else [])


def _line(
    sweep: Sweep,
    i: int,
    setting: dict[str, Any],
    scales: dict[str, Any],
    places: dict[str, int | None],
) -> Html:
    made = sweep.table
    rate, mark = setting["failure_rate"], _mark(made["best"], i)
    name = tag("a", f"{i}", href="#rows", data_filter=f"setting={i}", title="show its rows")
    cells = [
        cell(join((name, mark)), i, "num"),
        *(value_cell(setting["values"][leaf]) for leaf in made["by"]),
        cell(f"{setting['done']}/{setting['seeds']}", setting["done"], "num"),
        cell(percent(rate), rate, f"num{' warn' if rate else ''}"),
    ]
    for metric in sweep.summarised:
        found = setting["metrics"][metric]
        shown: dict[str, Any] = {"data_metric": metric, "hidden": metric != sweep.metrics[0]}
        words = plus_minus(found) + of_fewer(found, setting["done"])
        cells += [
            cell(words, found["mean"], "num strong", **shown),
            number_cell(found["median"], None, places[metric], **shown),
            cell(interval(found, places[metric]), found["low"], "num", **shown),
            cell(charts.strip(found, scales[metric]), kind="seeds", **shown),
        ]
        if metric in made["leads"]:
            cells.append(_behind(made["leads"][metric], i, shown))
    best = made["best"] and made["best"]["setting"] == i and is_best(made["best"])
    return tag("tr", *cells, class_="best" if best else None)


def is_best(lead: dict[str, Any]) -> bool:
    """Whether there are other settings and the leader can be told apart from each of them."""
    return bool(lead["intervals"]) and not lead["tied"]


def _mark(lead: dict[str, Any] | None, i: int) -> Html | None:
    """A mark: best, leader of a tie, or tied with the leader."""
    if lead is None or not lead["intervals"]:
        return None
    if lead["setting"] == i:
        word = "best" if is_best(lead) else "leads"
        return tag("span", word, class_=f"pill {'good' if is_best(lead) else 'quiet'}")
    return tag("span", "tied", class_="pill quiet") if i in lead["tied"] else None


def _behind(lead: dict[str, Any] | None, i: int, shown: dict[str, Any]) -> Html:
    """How much more the leader has, with the interval that decides whether they are told apart."""
    found = (
        next((each for each in lead["intervals"] if each["setting"] == i), None) if lead else None
    )
    if lead and lead["setting"] == i:
        return cell("the leader", 0, "num quiet", **shown)
    if found is None or found["mean"] is None:
        return cell("-", kind="num quiet", **shown)
    told = "not told apart" if lead and i in lead["tied"] else "told apart"
    words = f"{found['mean']:.3g}"
    several = found["low"] is not None
    words += f" ({found['low']:.3g} to {found['high']:.3g})" if several else " (one seed)"
    kind = "num quiet" if told == "not told apart" else "num"
    return cell(words, found["mean"], kind, title=f"{told}, {found['n']} seeds", **shown)
