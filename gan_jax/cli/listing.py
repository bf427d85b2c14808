"""Lists what a config can name, with the first line of each docstring."""

import ast
import importlib
from pathlib import Path

from gan_jax.config.choices import first_line
from gan_jax.config.file import experiments

# A table of functions by name, or a folder of files with names() and describe(name).
TABLES = {
    "objectives": ("gan_jax.games.play.terms", "OBJECTIVE_TERMS"),
    "penalties": ("gan_jax.games.play.terms", "PENALTY_TERMS"),
    "dynamics": ("gan_jax.dynamics", "DYNAMICS"),
    "metrics": ("gan_jax.evaluate", "EVALUATORS"),
}
FOLDERS = {
    "games": "gan_jax.games",
    "nets": "gan_jax.nets",
    "data": "gan_jax.data",
    "tables": "gan_jax.reproduce",
}


def entries(what: str) -> dict[str, str]:
    """{name: what it is} for a word of main.LISTS. Imports only what that word needs."""
    if what in TABLES:
        module, table = TABLES[what]
        rows = getattr(importlib.import_module(module), table)
        return {name: first_line(each) for name, each in rows.items()}
    if what in FOLDERS:
        folder = importlib.import_module(FOLDERS[what])
        return {name: folder.describe(name) for name in folder.names()}
    return {name: _docstring(file) for name, file in experiments().items()}


def _docstring(file: Path) -> str:
    """The docstring of a file, which is parsed and not run."""
    try:
        return (ast.get_docstring(ast.parse(file.read_bytes())) or "").partition("\n")[0]
    except (OSError, SyntaxError, ValueError):  # a file that is still being written is listed too
        return ""
