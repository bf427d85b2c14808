"""What flags of a sweep say to its launcher, checked before it goes into a command or a file."""

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gan_jax.config.values import choose
from gan_jax.host.errors import ConfigError


class Option(NamedTuple):
    """A launcher's own option: what its value looks like. Without a default it has to be given."""

    pattern: str
    expected: str
    default: str | None = None


NAME = Option("[a-z]([-a-z0-9]{0,30}[a-z0-9])?", "up to 32 of a-z, 0-9 and -, a letter first")


def check(args: argparse.Namespace) -> None:
    """ConfigError where flags of a sweep do not fit each other."""
    for problem in _problems(args):
        raise ConfigError(problem)


def _problems(args: argparse.Namespace) -> Iterator[str]:
    writes = args.launcher in ("jobset", "tpu_vm")
    if args.workers is not None and args.workers < 1:
        yield f"--workers is {args.workers}: expected at least 1"
    if args.chunk is not None and args.chunk < 1:
        yield f"--chunk is {args.chunk}: expected at least 1"
    if not args.hang_seconds > 0:
        yield f"--hang_seconds is {args.hang_seconds:g}: expected a number above 0"
    if writes and not args.out:
        yield f"--launcher {args.launcher} writes a file: expected --out FILE"
    if args.out and not writes:
        yield "--out: expected --launcher jobset or tpu_vm with it, which write a file"
    if args.option and args.launcher == "local":
        yield "--option: expected another --launcher than local with it"
    if args.share and args.launcher != "local":
        yield f"--share: expected no --launcher {args.launcher}, which spreads rows itself"


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
