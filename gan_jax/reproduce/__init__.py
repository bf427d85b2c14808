"""Published tables: one file each, with settings, protocol, published numbers, ours beside them.

A table is a file with run(quick) -> list of rows; here is what writes them down.
"""

import importlib
import inspect
import json
import pkgutil
import time
from pathlib import Path
from typing import Any

from gan_jax.bench.versions import hardware, versions
from gan_jax.config import choose
from gan_jax.records import write_atomically
from gan_jax.writer import writing


def names() -> list[str]:
    """Every table: the files of this folder."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__))


def describe(name: str) -> str:
    """The first line of a table's docstring."""
    module = importlib.import_module(f"{__name__}.{name}")
    return (inspect.getdoc(module) or "").partition("\n")[0]


def reproduce(name: str, workdir: str | Path, quick: bool) -> str:
    """Measures a table and writes table.json and table.md; returns the latter's text."""
    module = importlib.import_module(f"{__name__}.{choose('table', name, names())}")
    folder = Path(workdir)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    rows = module.run(quick)
    command = f"gan-jax reproduce {name} --workdir {workdir}" + (" --quick" if quick else "")
    table = {
        "name": name,
        "command": command,
        "versions": versions(),
        "hardware": hardware(),
        "seconds": time.monotonic() - start,
        "rows": rows,
    }
    text = to_markdown(table)
    with writing(folder):
        write_atomically(folder / "table.json", (json.dumps(table, indent=2) + "\n").encode())
        write_atomically(folder / "table.md", text.encode())
    return text


def to_markdown(table: dict[str, Any]) -> str:
    """The rows, published beside measured."""
    lines = ["| row | published | measured | seeds | verdict |", "|---|---|---|---|---|"]
    for row in table["rows"]:
        published = _plus_minus(row["published"], row["published_error"])
        measured = _plus_minus(row["measured"], row["standard_error"])
        lines.append(
            f"| {row['name']} | {published} | {measured} | {row['seeds']} | {row['verdict']} |"
        )
    lines += ["", f"`{table['command']}`: {table['seconds']:.0f} s on {table['hardware']}."]
    return "\n".join(lines) + "\n"


def _plus_minus(value: float | None, error: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" + ("" if error is None else f" +- {error:.2g}")
