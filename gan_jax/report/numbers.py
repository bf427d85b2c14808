"""The numbers of a run as compact tables: evaluations by part, classes, training and diagnosis."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_jax.report.explain import explain
from gan_jax.report.gather import OF_CLASS
from gan_jax.report.markup import Html, cell, join, section, table, tag
from gan_jax.report.parts import empty, metric_name, number_cell, quiet
from gan_jax.training.linelog import read_lines

PARTS = {"eval": "eval", "test": "test", "real": "real data"}
Cells = dict[str, dict[str, str]]  # row -> column -> the metric that stands there


def numbers_section(summary: dict[str, Any] | None, path: Path, classes: Sequence[str]) -> Html:
    """The last value of each metric."""
    if summary is None:
        found, says = latest(path), "The run has not ended: these are its latest numbers."
    else:
        found, says = summary["metrics"], "At the end of the run."
    names = sorted(set(found) - {"nonfinite"})
    if not names:
        return section("numbers", "Numbers", empty("No numbers yet."))
    of_classes = [name for name in names if OF_CLASS.search(name)]
    evaluated = [n for n in names if n.startswith(("eval/", "test/")) and n not in of_classes]
    rest = [name for name in names if name not in of_classes and name not in evaluated]
    return section(
        "numbers",
        "Numbers",
        quiet(says),
        _table("Evaluation", _by_part(evaluated), found, list(PARTS), PARTS),
        _table("Of each class", _by_class(of_classes), found, classes=classes),
        _table("Training and diagnosis", {name: {"value": name} for name in rest}, found),
    )


def _by_part(names: Sequence[str]) -> Cells:
    """eval/x, test/x and the metric of real data, side by side."""
    cells: Cells = {}
    for name in names:
        part, _, word = name.partition("/")
        base = word.removesuffix("_real")
        column = part if base == word else "real" if part == "eval" else None
        if column:
            cells.setdefault(base, {})[column] = name
        elif f"eval/{word}" not in names:
            cells.setdefault(base, {})["real"] = name
    return cells


def _by_class(names: Sequence[str]) -> Cells:
    """A row for each class; a column for each metric of single classes."""
    cells: Cells = {}
    for name in sorted(names, key=lambda name: int(name.rpartition("_")[2])):
        stem, _, number = name.rpartition("_")
        cells.setdefault(number, {})[stem] = name
    return cells


def _table(
    title: str,
    cells: Cells,
    found: Mapping[str, Any],
    order: Sequence[str] = (),
    titles: Mapping[str, str] = {},
    classes: Sequence[str] = (),
) -> Html | None:
    """A row for each name, with its explanation if there is one."""
    if not cells:
        return None
    odd = found.get("nonfinite") or {}
    columns = [*order, *sorted({c for each in cells.values() for c in each} - {*order})]
    columns = [c for c in columns if any(c in each for each in cells.values())]
    says = {row: explain(next(iter(each.values()))) for row, each in cells.items()}
    by_class = title == "Of each class"
    told = any(says.values()) and not by_class
    heads = ["class" if by_class else "", *(titles.get(c, c) for c in columns)]
    body = []
    for row, each in cells.items():
        name = _class_cell(row, classes) if by_class else cell(metric_name(row))
        values = [
            number_cell(found.get(each.get(c, "")), odd.get(each.get(c, ""))) for c in columns
        ]
        body.append([name, *values, *([cell(says[row], kind="wrap says")] if told else [])])
    heads += ["what it says"] if told else []
    whole = table(heads, body, title, set(heads[1 : 1 + len(columns)]), class_="narrow")
    return join((tag("h3", title), whole))


def _class_cell(number: str, classes: Sequence[str]) -> Html:
    name = class_name(number, classes)
    return cell(join((number, tag("small", f" {name}") if name else None)))


def class_name(number: str, classes: Sequence[str]) -> str:
    """The name of the class of that number, or nothing."""
    is_one = number.isdecimal() and int(number) < len(classes)
    return classes[int(number)] if is_one else ""


def latest(path: Path) -> dict[str, Any]:
    """The newest value of each metric, in the form of a summary's."""
    found: dict[str, Any] = {}
    odd: dict[str, str] = {}
    for line in read_lines(path) if path.exists() else ():
        found |= {name: value for name, value in line.items() if name != "step"}
        odd |= line.get("nonfinite", {})
    return found | {"nonfinite": odd}
