"""The command line: turns words into a verb, and a mistake into one line and an exit code."""

import argparse
import logging
import sys
from collections.abc import Sequence

from gan_jax.cli.flags import OVERRIDABLE, make_parser
from gan_jax.cli.refusals import OVERRIDE, check_words, refuse, without_jax
from gan_jax.cli.verbs import VERBS
from gan_jax.host import environment, output, stop
from gan_jax.host.errors import UserError

COMPUTE = ("train", "sample", "export", "evaluate", "reproduce", "bench")
ONLY_PRINT = ("list", "plan", "evaluate", "bench")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a verb; a UserError becomes one line on stderr and its exit code."""
    if argv is None:  # called as the program, not from Python, whose caller owns the streams
        output.guard()
        stop.install()  # before the slow imports: a signal during start-up ends with 75
    logging.basicConfig(format="gan-jax: %(message)s", level=logging.WARNING)
    try:
        _run(list(sys.argv[1:] if argv is None else argv))
    except Exception as error:
        code, message = _in_words(error)
        print(f"gan-jax: {message}", file=sys.stderr)
        return code
    return 0


def _run(argv: list[str]) -> None:
    args, overrides = parse(argv)
    estimates, only_prints = getattr(args, "estimate", False), getattr(args, "dry_run", False)
    if args.verb in (*COMPUTE, "sweep", "plan"):
        environment.settle()
    joins = getattr(args, "hosts", None) is not None  # joining has to come before any use of jax
    if (args.verb in COMPUTE and not joins) or estimates:  # a sweep leaves devices to its workers
        environment.check_devices()
    VERBS[args.verb](args, overrides)
    if args.verb in ONLY_PRINT or only_prints or estimates:
        output.check()


def _in_words(error: Exception) -> tuple[int, str]:
    """The exit code and line of a mistake that its user can mend; other errors are raised again."""
    if isinstance(error, UserError):
        return error.code, str(error)
    try:
        import jax  # noqa: F401
    except (ImportError, ValueError) as broken:
        return _in_words(without_jax(broken))
    raise error


def parse(argv: list[str]) -> tuple[argparse.Namespace, dict[str, str]]:
    """The verb's arguments, and {'gen.lr': '1e-4'} from --config.gen.lr=1e-4."""
    overrides, rest = {}, []
    words = iter(argv)
    for word in words:
        if not word.startswith(OVERRIDE):
            rest.append(word)
            continue
        key, given, value = word.removeprefix(OVERRIDE).partition("=")
        following = value if given else next(words, "--")
        if not given and following.startswith("--"):
            refuse(f"{word}: expected {word}=VALUE")
        overrides[key] = following
    parser, flags = make_parser()
    check_words(rest, flags, OVERRIDABLE)
    args = parser.parse_args(rest)
    if overrides and args.verb not in OVERRIDABLE:
        able = f"{', '.join(OVERRIDABLE[:-1])} and {OVERRIDABLE[-1]}"
        refuse(f"--config.{next(iter(overrides))}: only {able} take overrides")
    return args, overrides
