"""Checks the launcher flags of a sweep before they go into a command or a file."""

import argparse
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gan_jax.config.values import choose
from gan_jax.host.errors import ConfigError


class Option(NamedTuple):
    """A launcher's own option: what its value looks like. Without a default it is required."""

    pattern: str
    expected: str
    default: str | None = None


NAME = Option("[a-z]([-a-z0-9]{0,30}[a-z0-9])?", "up to 32 of a-z, 0-9 and -, a letter first")


def check(args: argparse.Namespace) -> None:
    """ConfigError if flags of a sweep do not fit each other."""
    launcher, workers, chunk = args.launcher, args.workers, args.chunk
    _refuse(
        {
            f"--workers is {workers}: expected at least 1": workers is not None and workers < 1,
            f"--chunk is {chunk}: expected at least 1": chunk is not None and chunk < 1,
            f"--hang_seconds is {args.hang_seconds:g}: expected a number above 0": (
                not args.hang_seconds > 0
            ),
            f"--share: expected no --launcher {launcher}, which spreads rows itself": (
                args.share and launcher != "local"
            ),
        }
    )
    check_launcher(args)


def check_launcher(args: argparse.Namespace) -> None:
    """ConfigError if a launcher and its flags do not fit each other."""
    launcher = args.launcher
    writes = launcher in ("jobset", "tpu_vm")
    _refuse(
        {
            f"--launcher {launcher} writes a file: expected --out FILE": writes and not args.out,
            "--out: expected --launcher jobset or tpu_vm with it, which write a file": (
                args.out and not writes
            ),
            "--option: expected another --launcher than local with it": (
                args.option and launcher == "local"
            ),
        }
    )


def _refuse(problems: Mapping[str, object]) -> None:
    for problem, is_there in problems.items():
        if is_there:
            raise ConfigError(problem)


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
