"""Refuses words of the command line, without importing JAX if that can be helped."""

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

from gan_jax.host.errors import ConfigError

OVERRIDE = "--config."
# The leaves that evaluate takes, and the same in words.
EVALUATED = re.compile(r"eval_samples|ema\.standing_batches|features\..*")
EVALUATED_WORDS = "eval_samples, ema.standing_batches and features.*"


def choose(kind: str, name: str, choices: Any, hint: str = "") -> str:
    """The name if it is one of the choices; else a ConfigError lists them."""
    if name in choices:  # spares the slow import
        return name
    try:
        from gan_jax import config
    except (ImportError, ValueError) as broken:  # argparse would take it for a bad argument
        raise without_jax(broken) from broken

    return config.choose(kind, name, choices, hint)


def without_jax(broken: Exception) -> ConfigError:
    """The error for a missing JAX, or for a variable JAX_... with a value unknown to JAX."""
    return ConfigError(f"JAX cannot be imported: {broken}")


def refuse(message: str) -> NoReturn:
    """Raises a ConfigError, which is one line about the command line and exit code 78."""
    raise ConfigError(message)


def check_words(
    words: Sequence[str], flags: Mapping[str, list[str]], overridable: Collection[str]
) -> None:
    """Checks the verb and the names of flags before argparse complains of what is missing instead.

    flags: those of each verb. overridable: the verbs that take leaves of the config.
    """
    verb = words[0] if words else refuse(f"expected a verb: choose from {', '.join(flags)}")
    if verb.startswith("-"):
        choose("flag", verb, ["--help", "-h", "--version"])
        return
    choose("verb", verb, flags)
    hint = ", and --config.KEY=VALUE for a leaf of the config" if verb in overridable else ""
    for word, after in itertools.zip_longest(words[1:], words[2:], fillvalue=""):
        name, is_given, value = word.partition("=")
        if not name.startswith("-") or re.match(r"-\.?\d", name) or name in flags[verb]:
            continue
        if verb in overridable:
            _suggest_leaf(verb, name, value if is_given else after)
        choose(f"flag of {verb}", name, flags[verb], hint)


def _suggest_leaf(verb: str, flag: str, value: str) -> None:
    """Refuses a flag that is the name of a leaf, and says how to set that leaf."""
    from gan_jax.config.leaves import LEAVES

    path = flag.lstrip("-").replace("-", "_")
    if path in LEAVES and (verb != "evaluate" or EVALUATED.fullmatch(path)):
        refuse(f"flag of {verb} {flag!r} is unknown: expected {OVERRIDE}{path}={value or 'VALUE'}")
