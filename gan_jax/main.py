"""The command line: the only file with flags. `gan-jax VERB --help` tells each verb's."""

import argparse
import contextlib
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from gan_jax import __version__, stop

OVERRIDE = "--config."
LISTS = ("objectives", "penalties", "dynamics", "nets", "data", "metrics", "experiments", "tables")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a verb; a UserError becomes one line on stderr and its exit code."""
    if argv is None:  # the program, not a caller in Python, which keeps its own signals
        stop.install()  # before the slow imports: a signal during start-up ends with 75
    args, overrides = None, {}
    logging.basicConfig(format="gan-jax: %(message)s", level=logging.WARNING)
    from gan_jax.types import UserError

    try:
        args, overrides = parse(list(sys.argv[1:] if argv is None else argv))
        _use_compilation_cache()
        VERBS[args.verb](args, overrides)
        sys.stdout.flush()
    except UserError as error:
        print(f"gan-jax: {error}", file=sys.stderr)
        return error.code
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
