"""The page of a reproduced table: its rows as reproduce wrote them, and its picture."""

from pathlib import Path
from typing import Any

from gan_jax.host.files import read_object
from gan_jax.report import facts
from gan_jax.report.markup import Html, cell, join, page, section, table, tag
from gan_jax.report.parts import empty, numeric, value_cell
from gan_jax.report.pictures import thumbnail
from gan_jax.sweeps.typeset import duration, note_numbers, number, of_fewer, plus_minus, show

PARTS = {"table": "Table", "made-with": "Made with"}
# Columns that are shown as one, with their error; "each" and "history" are too long for a cell.
ERRORS = {"published": "published_error", "measured": "standard_error"}
HIDDEN = {"each", "history", "made", "points", *ERRORS.values()}


def table_page(folder: Path) -> str:
    """The page as text. Raises ConfigError if table.json was not written by reproduce."""
    made = read_object(folder / "table.json", "a --workdir that reproduce has written")
    rows = made.get("rows")
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    name = str(made.get("name", "table"))
    says = [duration(made["seconds"])] if isinstance(made.get("seconds"), float) else []
    says += ["stopped before its end: more rows are to be trained"] if made.get("stopped") else []
    command = str(made["command"]) if made.get("command") else None
    return page(
        f"{name} - gan_jax",
        facts.head("reproduced table", name, says, command),
        facts.navigation(PARTS),
        tag(
            "main",
            section("table", "Table", _rows(rows)),
            _picture(folder, str(made.get("credit", ""))),
            facts.made_with(made.get("versions"), made.get("hardware")),
            _recorded(rows),
        ),
    )


def _recorded(rows: list[dict[str, Any]]) -> Html:
    """What made the rows that were taken from a recorded file."""
    taken: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        if isinstance(row.get("made"), dict):
            who = tuple(str(row["made"].get(fact)) for fact in ("command", "hardware"))
            taken.setdefault(who, []).append(str(row.get("method")))
    return join(
        tag("p", f"Recorded before, by {command} on {hardware}: {'; '.join(dict.fromkeys(names))}.")
        for (command, hardware), names in taken.items()
    )


def _rows(rows: list[dict[str, Any]]) -> Html:
    if not rows:
        return empty("This table has no rows.")
    there = dict.fromkeys(n for row in rows for n in row)
    hidden = HIDDEN | ({"method"} if "name" in there else set())  # a name has its method
    names = [n for n in there if n not in hidden]
    notes = list(dict.fromkeys(note for row in rows for note in _notes(row)))
    numbered = [
        row | {"differs": note_numbers(_notes(row), notes) or row.get("differs")} for row in rows
    ]
    body = [[_cell(row, name) for name in names] for row in numbered]
    found = {n: [row[n] for row in rows if row.get(n) is not None] for n in names}
    right = {n.replace("_", " ") for n in names if n in ERRORS or (found[n] and numeric(found[n]))}
    shown = table([name.replace("_", " ") for name in names], body, "Table", right)
    if not notes:
        return shown
    listed = tag("ol", *(tag("li", note) for note in notes))
    return join([shown, tag("p", "What differs, by its number:"), listed])


def _notes(row: dict[str, Any]) -> list[str]:
    """What differs in a row: too long for a cell, and mostly the same in all rows."""
    differs = row.get("differs")
    return [note for note in differs if isinstance(note, str)] if isinstance(differs, list) else []


def _of_fewer(row: dict[str, Any], name: str) -> str:
    """The number of seeds that a mean is over, if some have no number."""
    each, seeds = row.get("each"), row.get("seeds")
    if name != "measured" or not isinstance(each, list) or not isinstance(seeds, int):
        return ""
    return of_fewer({"each": each}, seeds)


def _cell(row: dict[str, Any], name: str) -> Html:
    value = row.get(name)
    if name in ERRORS:
        found = {"mean": value, "standard_error": row.get(ERRORS[name])}
        plain = all(v is None or isinstance(v, int | float) for v in found.values())
        shown = plus_minus(found) + _of_fewer(row, name) if plain else str(value)
        return cell(shown, kind="num") if plain else cell(shown)
    if name.startswith("eigenvalues") and isinstance(value, list):
        return cell(", ".join(_complex(each) for each in value), kind="figures")
    if isinstance(value, list) and value:
        words = [number(each) if isinstance(each, float) else show(each) for each in value]
        return cell(join(tag("div", word) for word in words), kind="wrap")
    if isinstance(value, float):
        return cell(number(value), kind="num")
    if name in {"name", "verdict"} and isinstance(value, str):
        return cell(value, kind="wrap")
    return cell("-") if value in (None, []) else value_cell(value)


def _complex(pair: Any) -> str:
    """[re, im] as a + bi."""
    try:
        re, im = (float(part) for part in pair)
    except (TypeError, ValueError):
        return str(pair)
    return f"{re:.4f}" if im == 0 else f"{re:.4f} {'-' if im < 0 else '+'} {abs(im):.4f}i"


def _picture(folder: Path, credit: str) -> Html | None:
    path = folder / "picture.png"
    source = thumbnail(path, 1600) if path.exists() else None
    if source is None:
        return None
    picture = tag("img", src=source, alt="the table as a picture", class_="grid wide")
    said = tag("p", credit, class_="quiet") if credit else None
    return section("picture", "Picture", picture, said)
