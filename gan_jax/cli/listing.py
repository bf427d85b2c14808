"""What a config can name, with the first line of each docstring."""

import ast
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gan_jax import data, games, nets, reproduce
from gan_jax.config.choices import first_line
from gan_jax.dynamics import DYNAMICS
from gan_jax.evaluate import EVALUATORS
from gan_jax.games.play.terms import OBJECTIVE_TERMS, PENALTY_TERMS


def entries(what: str) -> dict[str, str]:
    """{name: what it is}, for a word of main.LISTS."""
    return LISTED[what]()


def _table(table: Mapping[str, Any]) -> Callable[[], dict[str, str]]:
    return lambda: {name: first_line(each) for name, each in table.items()}


def _experiments() -> dict[str, str]:
    """The files of ./experiments, read and not run."""
    return {str(file): _docstring(file) for file in sorted(Path("experiments").glob("*.py"))}


def _docstring(file: Path) -> str:
    try:
        return (ast.get_docstring(ast.parse(file.read_bytes())) or "").partition("\n")[0]
    except (OSError, SyntaxError, ValueError):  # a file under the pen is listed too
        return ""


LISTED: dict[str, Callable[[], dict[str, str]]] = {
    "games": lambda: {name: games.describe(name) for name in games.names()},
    "objectives": _table(OBJECTIVE_TERMS),
    "penalties": _table(PENALTY_TERMS),
    "dynamics": _table(DYNAMICS),
    "nets": lambda: {name: nets.describe(name) for name in nets.names()},
    "data": lambda: {name: data.describe(name) for name in data.names()},
    "metrics": _table(EVALUATORS),
    "experiments": _experiments,
    "tables": lambda: {name: reproduce.describe(name) for name in reproduce.names()},
}
