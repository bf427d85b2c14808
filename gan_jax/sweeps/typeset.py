"""A sweep's table as text: numbers with their errors, Markdown, LaTeX."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

MOST_NAMED = 5  # of the others in a tie, how many are named
_LATEX = {
    "\\": r"\textbackslash{}",
    **{c: "\\" + c for c in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    "[": "{[}",  # else a row that begins with [ would be an argument of the \\ before it
    "]": "{]}",
}


def to_markdown(table: dict[str, Any], metrics: Sequence[str] | None = None) -> str:
    """The settings, one a line; for each metric the mean with its error, median and interval."""
    head, rows, notes = _cells(table, metrics, _markdown)
    return "\n".join([*pipes(head, rows), "", *(f"{_markdown(note)}  " for note in notes), ""])


def pipes(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown, line by line."""
    lines = [f"| {' | '.join(row)} |" for row in [head, *rows]]
    return [lines[0], "|---" * len(head) + "|", *lines[1:]]


def to_latex(table: dict[str, Any], metrics: Sequence[str] | None = None) -> str:
    r"""The same as a tabular that needs no package; TeX's characters in names are escaped."""
    head, rows, notes = _cells(table, metrics, latex)
    left = len(table["by"])
    lines = [" & ".join(row) + r" \\" for row in [head, *rows]]
    lines.insert(1, r"\hline")
    return "\n".join(
        [
            *(f"% {_one_line(note)}" for note in notes),
            rf"\begin{{tabular}}{{{'l' * left}{'r' * (len(head) - left)}}}",
            *lines,
            r"\end{tabular}",
            "",
        ]
    )


def latex(text: str) -> str:
    """The text such that LaTeX sets each character as it is, on one line."""
    return "".join(_LATEX.get(c, c) for c in _one_line(text))


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", _one_line(text)).replace("&", "&amp;")


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _cells(
    table: dict[str, Any], metrics: Sequence[str] | None, escape: Callable[[str], str]
) -> tuple[list[str], list[list[str]], list[str]]:
    """The head and one row for each setting, escaped; and the notes below, as they are."""
    names = decisive(table) if metrics is None else list(metrics)
    of_each = [title for name in names for title in (name, "median", "95 % interval")]
    head = [*table["by"], "done", "failed", *of_each]
    rows = []
    for setting in table["settings"]:
        row = [show(setting["values"][leaf]) for leaf in table["by"]]
        row += [f"{setting['done']}/{setting['seeds']}", percent(setting["failure_rate"])]
        for name in names:
            found = setting["metrics"].get(name, {})
            row += [
                plus_minus(found) + of_fewer(found, setting["done"]),
                number(found.get("median")),
                interval(found),
            ]
        rows.append([escape(cell) for cell in row])
    notes = [f"{table['name']}: {table['command']}", *best_in_words(table)]
    return [escape(cell) for cell in head], rows, notes


def decisive(table: dict[str, Any]) -> list[str]:
    """The metric that decides and its twin on test/; if none is known, three of eval/."""
    if table["best"] is None:
        return [m for m in table["metrics"] if m.startswith("eval/")][:3]
    names = [table["best"]["chosen_on"], f"test/{table['best']['metric']}"]
    return [name for name in names if name in table["metrics"]]


def best_in_words(table: dict[str, Any]) -> list[str]:
    """One line on the best setting or on the tie; or no line."""
    return [lead_in_words(table, table["best"])] if table["best"] else []


def lead_in_words(
    table: dict[str, Any], lead: dict[str, Any], names: Sequence[str] | None = None
) -> str:
    """Which setting is the best on a metric; or that it leads a tie, and with which others.

    names: what the settings are called, by default their values.
    """
    names = names or [setting_in_words(setting["values"]) for setting in table["settings"]]
    tied = lead["tied"]
    words = [names[i] for i in (lead["setting"], *tied)]
    twin = f"test/{lead['metric']}"
    name = twin if twin in lead["reported"] else next(iter(lead["reported"]))
    reached = f"{name} {plus_minus(lead['reported'][name])}"
    better = {"up": "larger", "down": "smaller"}[lead["direction"]]
    where = f"{lead['chosen_on']} ({better} is better)"
    rivals = len(lead["intervals"])
    if not rivals:
        return f"{words[0]} alone has ended with {where}: {reached}"
    if not tied:
        return f"best on {where}: {words[0]}; {reached}"
    others = "; ".join(words[1 : 1 + MOST_NAMED])
    others += f"; and {len(tied) - MOST_NAMED} more" * (len(tied) > MOST_NAMED)
    if len(tied) == rivals:
        says = "nothing separates the two" if rivals == 1 else f"nothing separates the {rivals + 1}"
        gap = f" ({_gap(lead['intervals'][0])})" if rivals == 1 else ""
        return f"a tie on {where}: {says}{gap}; {words[0]} has {reached}; then {others}"
    behind = rivals - len(tied)
    return (
        f"a tie on {where}: {words[0]} has {reached}, and is not told from {others}; "
        f"{behind} {'others are' if behind > 1 else 'other is'} worse"
    )


def _gap(found: dict[str, Any]) -> str:
    if found["low"] is None:
        return "they share one seed or none"
    return f"by seed they differ by {number(found['mean'])}, 95 % interval {interval(found)}"


def setting_in_words(values: dict[str, Any]) -> str:
    """objective=hinge, penalty.weight=1."""
    return ", ".join(f"{leaf}={show(value)}" for leaf, value in values.items()) or "the only one"


def show(value: Any) -> str:
    """A config's or a table's value as a person writes it."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {show(v)}" for name, v in value.items()) or "-"
    if isinstance(value, list | tuple):
        return f"({', '.join(show(v) for v in value)})"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    words = {"None": "none", "True": "true", "False": "false"}
    return value if isinstance(value, str) else words.get(str(value), str(value))


def plus_minus(found: dict[str, Any]) -> str:
    """mean ± standard error, the error with two digits."""
    mean, error = found.get("mean"), found.get("standard_error")
    if mean is None or error is None:
        return number(mean)
    if not error or not 1e-4 <= abs(error) < 1e5:
        return f"{number(mean)} ± {number(error)}"
    places = max(0, 1 - math.floor(math.log10(error)))
    return f"{mean:.{places}f} ± {error:.{places}f}"


def of_fewer(found: dict[str, Any], rows: int) -> str:
    """Says n if some of the rows have no finite number; n may be given as a value for each row."""
    n = found.get("n", sum(value is not None for value in found.get("each", ())))
    return f" (n = {n})" if 0 < n < rows else ""


def note_numbers(mine: Sequence[str], notes: Sequence[str]) -> str:
    """The numbers of a row's notes among the notes below a table: 1, 3."""
    return ", ".join(str(i) for i, note in enumerate(notes, 1) if note in mine)


def duration(seconds: float) -> str:
    """A duration in words, in a suitable unit."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"


def interval(found: dict[str, Any], places: int | None = None) -> str:
    """The ends of an interval: low to high."""
    if found.get("low") is None or found.get("high") is None:
        return "-"
    return f"{number(found['low'], places)} to {number(found['high'], places)}"


def number(value: Any, places: int | None = None) -> str:
    """Four significant digits, or `places` decimals; a dash if there is no number.

    Counts and seconds with more digits are written whole: step 10000, not 1e+04.
    """
    if value is None:
        return "-"
    if places is None and 1e4 <= abs(value) < (1e15 if float(value).is_integer() else 1e6):
        places = 0
    return f"{value:.4g}" if places is None else f"{value:.{places}f}"


def percent(share: float | None) -> str:
    """A share in whole percents; one above 0 is never shown as 0 %."""
    if share is None:
        return "-"
    return "<1 %" if 0 < share < 0.005 else f"{share:.0%}".replace("%", " %")
