"""Leaves of a config by dotted path, which values they take, and the lookup that lists choices."""

import ast
import difflib
import functools
import math
import re
from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict
from ml_collections.config_dict import FieldReference

from gan_jax.host.errors import ConfigError

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


def put(config: ConfigDict, path: str, value: Any) -> Any:
    """Sets a leaf to a value of any type; leaves that refer to it follow. Returns the value."""
    section, _, key = path.rpartition(".")
    owner = leaf(config, section) if section else config
    if key in owner and owner.get_type(key) is type(value):
        owner[key] = value
    else:
        with owner.ignore_type():
            owner[key] = value
    return value


class _Op(NamedTuple):
    """What a reference applies to its value: fn(value, *args), with references followed."""

    fn: Callable[..., Any]
    args: tuple[Any, ...]


def following(config: ConfigDict, path: str, made: Callable[[Any], Any], like: Any) -> Any:
    """A reference that computes made(the leaf at that path) at each read, until a value is set."""
    section, _, key = path.rpartition(".")
    other = leaf(config, section).get_ref(key)
    return FieldReference(like, op=_Op(functools.partial(_second, made), (other,)))


def _second(made: Callable[[Any], Any], _: Any, value: Any) -> Any:
    return made(value)


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


def read(config: Mapping[str, Any]) -> dict[str, Any]:
    """flatten. ConfigError if a reference cannot be computed."""
    try:
        return flatten(config)
    except Exception as error:  # an operation on references may raise anything
        raise ConfigError(f"the config cannot be read: {type(error).__name__}: {error}") from error


def fitting(path: str, value: Any, kinds: tuple[type, ...] = (), said: Any = None) -> Any:
    """The value of a leaf as plain Python, of one of the kinds; an int does for a float.

    Without kinds, any finite plain value is accepted. Raises ConfigError otherwise, which quotes
    `said`, what the user wrote.
    """
    expected = _in_words(kinds) if kinds else "a number, a string, a boolean, None or a tuple"
    try:
        made = plain(value)
        if type(made) is int and float in kinds:
            made = float(made)
        if kinds and type(made) not in kinds:
            raise TypeError(expected)
    except (TypeError, ValueError, RecursionError) as error:
        shown = _shown(value if said is None else said)
        hint = f", such as ({shown},)" if kinds == (tuple,) and isinstance(value, str | int) else ""
        raise ConfigError(f"{path} is {shown}: expected {expected}{hint}") from error
    if not kinds and not all(math.isfinite(v) for v in _items(made) if isinstance(v, float)):
        raise ConfigError(f"{path} is {_shown(made)}: expected a finite number")
    return made


def plain(value: Any) -> Any:
    """A plain number, string, boolean, None or tuple of these, also from a NumPy or JAX value.

    A float32 becomes its shortest decimal: 0.001, not 0.0010000000474974513. Raises TypeError or
    ValueError for anything else, including integers of more than 64 bits.
    """
    if isinstance(value, FieldReference):
        return plain(value.get())
    if isinstance(value, list | tuple):
        return tuple(plain(each) for each in value)
    if hasattr(value, "dtype"):
        return _from_array(np.asarray(value))
    if isinstance(value, int) and value.bit_length() > 64:
        raise ValueError("an integer of more than 64 bits")
    for kind in (bool, int, float, str):
        if isinstance(value, kind):  # also a member of an enum
            return str.__str__(value) if kind is str else kind(value)
    if value is None:
        return None
    raise TypeError(f"a {type(value).__name__} cannot be the value of a leaf")


def _from_array(array: np.ndarray) -> Any:
    if array.ndim:
        return tuple(_from_array(np.asarray(each)) for each in array)
    if array.dtype.kind in "biuUO" or array.dtype == np.float64:
        return plain(array.item())
    return float(str(array[()]))


def _items(value: Any) -> Iterable[Any]:
    return [v for each in value for v in _items(each)] if isinstance(value, tuple) else [value]


@functools.cache
def _in_words(kinds: tuple[type, ...]) -> str:
    return " or ".join("None" if kind is NoneType else kind.__name__ for kind in kinds)


def _shown(value: Any) -> str:
    """A value as an error quotes it: its text if that is short, else a description."""
    if isinstance(value, int) and value.bit_length() > 64:
        return "an integer of more than 64 bits"
    if not isinstance(value, str | int | float | tuple | list | Mapping | NoneType):
        return f"a {type(value).__name__}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def literal(text: str) -> Any:
    """Numbers, booleans, tuples; 'nan' and 'inf' as floats; anything else stays the text it is.

    1e3 is an integer, as people mean it to be; where a float is expected, it is accepted.
    """
    if re.fullmatch(r"[+-]?\d+(\.\d+)?[eE]\+?\d+", text):
        number = float(text)
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    try:
        value = ast.literal_eval({"true": "True", "false": "False"}.get(text, text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        value = float(text) if text.lower() in ("nan", "inf", "-inf") else text
    return tuple(value) if isinstance(value, list) else value
