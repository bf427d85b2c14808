"""Small parts that pages share: pills, cells, sortable heads, filters, one view for each metric."""

import math
import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_jax.report.markup import Html, cell, join, link, scrolling, tag
from gan_jax.sweeps.best import known
from gan_jax.sweeps.typeset import number, show
from gan_jax.training.results import inside

KINDS = {"done": "good", "diverged": "warn", "failed": "bad"}


def pill(status: str) -> Html:
    return tag("span", status, class_=f"pill {KINDS.get(status, 'quiet')}")


def labels(summary: Mapping[str, Any]) -> Html:
    """The labels of what diagnostics found; the evidence shows under the pointer."""
    told = {finding["label"]: in_words(finding) for finding in summary.get("findings", [])}
    names = summary.get("labels", [])
    return join(tag("span", name, class_="label", title=told.get(name)) for name in names)


def in_words(finding: Mapping[str, Any]) -> str:
    return f"{finding['label']}, step {finding['step']}: {finding['evidence']}"


def log_link(row_folder: str, log: Any) -> Html | str | None:
    """The log of a row, as a link where its path stays inside the page's folder.

    A cohort's log is ../../cohorts/ID/log.txt from its rows.
    """
    if not log:
        return None
    path = posixpath.normpath(posixpath.join(row_folder, str(log)))
    return link(path, "log") if inside(path) else f"log: {log}"


def metric_name(name: str) -> Html:
    """A metric's name, with its part in small letters before it."""
    part, slash, rest = name.rpartition("/")
    return join((tag("small", part + slash), rest)) if slash else join((name,))


def number_cell(value: Any, odd: Any = None, places: int | None = None, **more: Any) -> Html:
    """A number to sort by, with `places` decimals, or a text; names what was not finite."""
    if isinstance(value, str):
        return cell(value, **more)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return cell(odd or "-", kind="num quiet", **more)
    return cell(number(value, places), repr(value), "num", **more)


def decimals(values: Iterable[Any]) -> int | None:
    """The decimals a column needs to show four digits of its largest number, so that all align.

    None if the numbers differ too much in size for that.
    """
    found = [abs(v) for v in values if isinstance(v, int | float) and v]
    if all(float(v).is_integer() for v in found):
        return 0 if max(found, default=0) < 1e9 else None
    if max(found) >= 1e6 or max(found) < 1e-3:
        return None
    return max(0, 3 - math.floor(math.log10(max(found))))


def relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def shown(metrics: Sequence[str], make: Callable[[str], Any]) -> list[Html]:
    """One part for each metric, of which the page shows the chosen one."""
    return [
        tag("div", make(name), data_metric=name, hidden=i > 0) for i, name in enumerate(metrics)
    ]


def axis_of(name: str) -> str:
    """The name of a metric with its unit."""
    unit = unit_of(name)
    return f"{name} ({unit})" if unit else name


def unit_of(name: str) -> str:
    """What a metric counts, or an empty text."""
    row = known(name)
    return row.unit if row else ""


def value_cell(value: Any) -> Html:
    """A config's value; a number is right-aligned and sorted as a number."""
    if numeric([value]):
        return cell(show(value), repr(value), "value num")
    return cell(show(value), kind="value")


def header(name: str, numeric: bool = True, **attributes: Any) -> Html:
    """A column's head: a button that sorts by it."""
    button = tag("button", metric_name(name), type="button")
    kind = "right" if numeric else None
    return tag(
        "th", button, scope="col", data_name=name, aria_sort="none", class_=kind, **attributes
    )


def numeric(values: Iterable[Any]) -> bool:
    """Whether all values of a leaf are numbers."""
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def filters(name: str, count: int, statuses: Sequence[str], more: Html | None = None) -> Html:
    """The controls that narrow a table down, and the number of rows left."""
    hint = "words, or setting=3" if name == "rows" else "words, or penalty.weight=1"
    words = tag("input", type="search", placeholder=hint, autocomplete="off", spellcheck="false")
    parts = [tag("label", "Filter ", words)]
    if len(statuses) > 2:
        options = [tag("option", status or "all", value=status) for status in statuses]
        parts.append(tag("label", "Status ", tag("select", *options, autocomplete="off")))
    parts.append(tag("output", f"{count} of {count}"))
    return tag("div", *parts, more, class_="filters", data_for=name)


def sortable(heads: Iterable[Html], body: Iterable[Html], label: str) -> Html:
    """A table whose heads sort its rows, in a box that scrolls."""
    top = tag("thead", tag("tr", *heads))
    whole = tag("table", top, tag("tbody", *body), class_="sortable")
    return scrolling(whole, label, "scroll tall")


def quiet(says: str) -> Html:
    return tag("p", says, class_="quiet")


def empty(says: str) -> Html:
    return tag("p", says, class_="empty")
