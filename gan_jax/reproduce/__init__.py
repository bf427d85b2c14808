"""Published tables, one file each, with settings, protocol, published numbers and our own.

A table is a file with run(work) -> rows, yielded as they are measured; optionally COLUMNS,
{title: row -> text}, and picture(work, rows) -> uint8 [h, w, 3] or None. A table that trains has
the sizes RECORDED and QUICK, and BEGINS_ANEW if it cannot reuse earlier rows. This file writes the
rows.
"""

import json
import re
import shlex
import time
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.config import choose
from gan_jax.config.choices import Choices
from gan_jax.config.declaration import PRECISIONS
from gan_jax.evaluate.pictures.grid import png_bytes
from gan_jax.host import stop
from gan_jax.host.errors import ConfigError
from gan_jax.host.files import read_json, read_object, write_atomically, writing
from gan_jax.host.locks import holding
from gan_jax.host.versions import made_with
from gan_jax.reproduce import training
from gan_jax.reproduce.methods import Methods
from gan_jax.reproduce.work import BESIDE, Columns, Work
from gan_jax.sweeps.typeset import duration, note_numbers, pipes

STOPPED = "stopped"  # in a table that lacks rows
HELPERS = {
    "dirac_game",
    "goodfellow2014_protocol",
    "goodfellow2014_recipe",
    "methods",
    "modes",
    "planted_runs",
    "training",
    "work",
}
FILES = Choices(__name__, "table", HELPERS)
names, describe = FILES.names, FILES.describe


def make_work(
    name: str, workdir: str | Path, quick: bool, recorded: str | None = None, **asked: Any
) -> Work:
    """The Work of a table: Size's fields, where None means the table's own value.

    recorded: a table.json whose rows replace training with the same settings. ConfigError for
    arguments that the table does not take.
    """
    module, given = FILES.module(name), _given(asked)
    for flag, value in (given | _given({"recorded": recorded})).items():
        if not hasattr(module, "RECORDED"):
            raise ConfigError(f"--{flag} is {value}: table {name} trains nothing that takes {flag}")
        if flag == "recorded" and getattr(module, "BEGINS_ANEW", False):
            raise ConfigError(f"--recorded is {value}: table {name} trains all its rows anew")
        if flag == "precision":
            choose("--precision", value, PRECISIONS)
        elif flag != "recorded" and value < 1:
            raise ConfigError(f"--{flag} is {value}: expected at least 1")
    if not hasattr(module, "RECORDED"):
        return Work(Path(workdir), quick)
    size = (module.QUICK if quick else module.RECORDED)._replace(**given)
    return Work(Path(workdir), quick, size, Methods(quick, name, recorded))


def reproduce(
    name: str,
    workdir: str | Path,
    quick: bool,
    seeds: int | None = None,
    steps: int | None = None,
    precision: str | None = None,
    recorded: str | None = None,
) -> str:
    """Measures a table; writes table.json, table.md, maybe picture.png. Returns table.md's text.

    PreemptedError after a stop was saved: the same call continues. Rows measured before a stop or
    an error are written, unless the folder already has a table with more rows.
    """
    asked = {"seeds": seeds, "steps": steps, "precision": precision}
    work = make_work(name, workdir, quick, recorded, **asked)
    _refuse_what_is_no_table(name, work.folder)
    with holding(work.folder):
        file = {"recorded": "FILE"} if recorded else {}
        return _measure(name, work, _command(name, quick, _given(asked) | file))


def _refuse_what_is_no_table(name: str, folder: Path) -> None:
    """ConfigError if the folder has a sweep, a run or another table: file names would clash."""
    there = next((f for f in ("rows.json", "config.json") if (folder / f).exists()), "")
    if not there and (folder / "table.json").exists():
        found = read_object(folder / "table.json", "another --workdir").get("name")
        there = "" if found == name else f"table.json, of {found}"
    if there:
        raise ConfigError(f"{folder} has a {there}: choose another --workdir for table {name}")


def _given(asked: dict[str, Any]) -> dict[str, Any]:
    return {flag: value for flag, value in asked.items() if value is not None}


def _command(name: str, quick: bool, given: dict[str, Any]) -> str:
    words = ["gan-jax", "reproduce", name, "--workdir", "DIR"] + ["--quick"] * quick
    return shlex.join(words + [w for k, v in given.items() for w in (f"--{k}", str(v))])


def _measure(name: str, work: Work, command: str) -> str:
    module = FILES.module(name)
    start = time.monotonic() - training.seconds(work.folder)  # earlier calls included
    rows: list[dict[str, Any]] = []

    def table() -> dict[str, Any]:
        seconds = time.monotonic() - start
        facts = {"name": name, **made_with(command), "seconds": seconds}
        methods = {"methods": work.methods.settings} if work.methods.settings else {}
        credit = {"credit": module.CREDIT} if hasattr(module, "CREDIT") else {}
        return facts | credit | methods | {"rows": rows}

    def leave() -> None:
        if rows and not lacks_rows_of(rows, work.folder / "table.json"):
            _write(work.folder, table() | {STOPPED: True})

    stop.leave_with(leave)  # a stop keeps earlier rows, even during a compile
    try:
        for row in module.run(work):
            rows.append(row)
    except Exception:
        leave()
        raise
    finally:
        stop.leave_with(lambda: None)
    drawn = getattr(module, "picture", lambda work, rows: None)(work, rows)
    return _write(work.folder, table(), drawn)


def lacks_rows_of(rows: list[dict[str, Any]], file: Path) -> bool:
    """Whether a table.json exists that has more rows, which a stop must not overwrite."""
    return file.exists() and len(read_json(file, {"rows": [dict]})["rows"]) > len(rows)


def _write(folder: Path, table: dict[str, Any], drawn: np.ndarray | None = None) -> str:
    text = to_markdown(table)
    with writing(folder):
        write_atomically(folder / "table.json", (dumps(table) + "\n").encode())
        write_atomically(folder / "table.md", text.encode())
        if drawn is not None:
            write_atomically(folder / "picture.png", png_bytes(drawn))
        elif STOPPED not in table:
            (folder / "picture.png").unlink(missing_ok=True)  # it shows other rows
    return text


def dumps(table: dict[str, Any]) -> str:
    """JSON with each innermost list on one line; strings must not contain newlines."""
    text = json.dumps(table, indent=2)
    innermost, between = re.compile(r"\[\n\s*([^][{}]*?)\s*\]"), re.compile(r"\n\s*")
    return innermost.sub(lambda found: f"[{between.sub(' ', found[1])}]", text)


def to_markdown(table: dict[str, Any], brief: bool = False) -> str:
    """The rows in the table's own COLUMNS, or published beside measured, with notes.

    brief: shortened by the table's own shorten(rows) -> (rows, columns).
    """
    module, rows = FILES.module(table["name"]), table["rows"]
    columns: Columns = getattr(module, "COLUMNS", BESIDE)
    if brief:
        rows, columns = module.shorten(rows)
    notes = list(dict.fromkeys(note for row in rows for note in row.get("differs", ())))
    if notes:
        columns = columns | {"differs": lambda row: note_numbers(row["differs"], notes) or "-"}
    lines = pipes(list(columns), [[text(row) for text in columns.values()] for row in rows])
    if notes:
        lines += ["", "Differs: " + "; ".join(f"({i}) {n}" for i, n in enumerate(notes, 1)) + "."]
    if STOPPED in table:
        lines += ["", "Stopped before its end: rows that are not above were not trained yet."]
    lines += ["", table["credit"]] if table.get("credit") else []
    lines += ["", _made(table)]
    taken = [row["made"] for row in table["rows"] if "made" in row]
    for made in {json.dumps(made): made for made in taken}.values():
        lines += ["", f"Rows recorded before: {_made(made)}"]
    return "\n".join(lines) + "\n"


def _made(made: dict[str, Any]) -> str:
    return f"`{made['command']}`: {duration(made['seconds'])} on {made['hardware']}."
