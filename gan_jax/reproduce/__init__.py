"""Published tables: one file each, with settings, protocol, published numbers, ours beside them.

A table is a file with run(quick) -> list of rows, and if it likes COLUMNS, {title: row -> text},
and picture(quick) -> uint8 [h, w, 3] or None; here is what writes them down.
"""

import importlib
import inspect
import json
import pkgutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gan_jax.config import choose
from gan_jax.images import png_bytes
from gan_jax.records import write_atomically
from gan_jax.versions import hardware, versions
from gan_jax.writer import writing

HELPERS = {"dirac_game", "seeds"}


def names() -> list[str]:
    """Every table: the files of this folder."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name not in HELPERS)


def describe(name: str) -> str:
    """The first line of a table's docstring."""
    module = _module(name)
    return (inspect.getdoc(module) or "").partition("\n")[0]


def _module(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{choose('table', name, names())}")


def reproduce(name: str, workdir: str | Path, quick: bool) -> str:
    """Measures a table; writes table.json, table.md, maybe picture.png. Returns table.md's text."""
    module = _module(name)
    folder = Path(workdir)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    rows = module.run(quick)
    command = f"gan-jax reproduce {name} --workdir DIR" + (" --quick" if quick else "")
    table = {
        "name": name,
        "command": command,
        "versions": versions(),
        "hardware": hardware(),
        "seconds": time.monotonic() - start,
        "rows": rows,
    }
    text = to_markdown(table)
    drawn = getattr(module, "picture", lambda quick: None)(quick)
    with writing(folder):
        write_atomically(folder / "table.json", (json.dumps(table, indent=2) + "\n").encode())
        write_atomically(folder / "table.md", text.encode())
        if drawn is not None:
            write_atomically(folder / "picture.png", png_bytes(drawn))
    return text


def to_markdown(table: dict[str, Any]) -> str:
    """The rows in the table's own COLUMNS, or published beside measured."""
    columns: Mapping[str, Callable[[dict[str, Any]], str]]
    columns = getattr(_module(table["name"]), "COLUMNS", PUBLISHED)
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for row in table["rows"]:
        lines.append(f"| {' | '.join(text(row) for text in columns.values())} |")
    lines += ["", f"`{table['command']}`: {table['seconds']:.0f} s on {table['hardware']}."]
    return "\n".join(lines) + "\n"


def _plus_minus(value: float | None, error: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" + ("" if error is None else f" +- {error:.2g}")


PUBLISHED: dict[str, Callable[[dict[str, Any]], str]] = {
    "row": lambda row: row["name"],
    "published": lambda row: _plus_minus(row["published"], row["published_error"]),
    "measured": lambda row: _plus_minus(row["measured"], row["standard_error"]),
    "seeds": lambda row: str(row["seeds"]),
    "verdict": lambda row: row["verdict"],
}
