"""Leaves of a config by dotted path, their values from text, and the lookup that lists choices."""

import ast
import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ml_collections import ConfigDict

from gan_jax.types import ConfigError

MANY_CHOICES = 60  # above that, an error lists only the nearest


def choose(kind: str, name: str, choices: Iterable[str], hint: str = "") -> str:
    """Returns name if it is one of the choices; else a ConfigError lists them, nearest first."""
    names = sorted(choices)
    if name in names:
        return name
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.5)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(names if len(names) <= MANY_CHOICES else near or names)
    raise ConfigError(f"{kind} {name!r} is unknown: choose from {listed}{hint}.{meant}")


def attempt(check: Callable[..., Any], *args: Any) -> list[str]:
    """The message of the ConfigError that a check raises, as a list; empty when it passes."""
    try:
        check(*args)
    except ConfigError as error:
        return [str(error)]
    return []


def leaf(config: ConfigDict, path: str) -> Any:
    """The value or section at a dotted path."""
    node = config
    for word in path.split("."):
        node = node[word]
    return node


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{'gen.lr': 2e-4, ...}: every leaf by its dotted path, tuples where JSON had lists."""
    flat: dict[str, Any] = {}
    for key in config:
        value, path = config[key], f"{prefix}{key}"
        if isinstance(value, Mapping | ConfigDict):
            flat |= flatten(value, f"{path}.")
        else:
            flat[path] = tuple(value) if isinstance(value, list) else value
    return flat


def typed(path: str, text: str, kind: type) -> Any:
    if kind is str:
        return text
    value = literal({"true": "True", "false": "False"}.get(text, text))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise ConfigError(f"{path} is {text!r}: expected {kind.__name__}")


def literal(text: str) -> Any:
    """Numbers, booleans, tuples; 'nan' and 'inf' as floats; anything else stays the text it is."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = float(text) if text.lower() in ("nan", "inf", "-inf") else text
    return tuple(value) if isinstance(value, list) else value
