"""What --option KEY=VALUE says to a launcher, checked before it goes into a command or a file."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gan_jax.leaves import choose
from gan_jax.types import ConfigError


class Option(NamedTuple):
    """A launcher's own option: what its value looks like. Without a default it has to be given."""

    pattern: str
    expected: str
    default: str | None = None


NAME = Option("[a-z]([-a-z0-9]{0,30}[a-z0-9])?", "up to 32 of a-z, 0-9 and -, a letter first")


def parse(texts: Sequence[str]) -> dict[str, str]:
    """{'partition': 'gpu', 'exclusive': ''} from ['partition=gpu', 'exclusive']."""
    found: dict[str, str] = {}
    for text in texts:
        key, _, value = text.partition("=")
        if not re.fullmatch("[a-z][-a-z0-9]*", key):
            raise ConfigError(f"--option {text!r}: expected KEY=VALUE, the KEY of a-z, 0-9 and -")
        if not value.isprintable():
            raise ConfigError(f"--option {text!r}: a value is one line of printable characters")
        if key in found:
            raise ConfigError(f"--option {key} is given twice")
        found[key] = value
    return found


def settle(launcher: str, given: Mapping[str, str], known: Mapping[str, Option]) -> dict[str, str]:
    """A value for each of the launcher's options. ConfigError says what is wrong or missing."""
    for key in given:
        choose(f"option of {launcher}", key, known)
    values: dict[str, str] = {}
    for key, option in known.items():
        value = given.get(key, option.default)
        if value is None:
            raise ConfigError(f"--launcher {launcher} needs --option {key}=...: {option.expected}")
        if not re.fullmatch(option.pattern, value):
            raise ConfigError(f"--option {key}={value!r}: expected {option.expected}")
        values[key] = value
    return values
