"""Sections of arguments, such as dynamics.args, which a function declares in its signature.

An integer default there makes an argument static, that is, compiled in. All others are traced,
whether they are written as 1 or as 1.0.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from gan_jax.config.values import choose
from gan_jax.host.errors import ConfigError


def numbers_of(taker: Callable[..., Any] | None) -> Mapping[str, float]:
    """The keyword arguments of a function that are numbers, with their defaults."""
    known = inspect.signature(taker).parameters if taker else {}
    return {k: p.default for k, p in known.items() if type(p.default) in (int, float)}


def static_arguments(
    path: str, taker: Callable[..., Any], given: Mapping[str, Any]
) -> dict[str, int]:
    """The static arguments of a section. ConfigError if one of them does not fit."""
    takes = numbers_of(taker)
    for key, value in given.items():
        kind = type(takes[choose(path, key, takes)])
        if type(value) not in (int, kind) or value < 0:
            expected = f"{kind.__name__} of at least 0, such as {takes[key]!r}"
            raise ConfigError(f"{path}.{key} is {value!r}: expected {expected}")
    return {key: value for key, value in given.items() if type(takes[key]) is int}
