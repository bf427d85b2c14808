"""The command line: the only file with flags. `gan-jax VERB --help` tells each verb's."""

import argparse
import functools
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from gan_jax import __version__, stop

OVERRIDE = "--config."
LISTS = ("objectives", "penalties", "dynamics", "nets", "data", "metrics", "experiments", "tables")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a verb; a UserError becomes one line on stderr and its exit code."""
    if argv is None:  # the program, and not a caller in Python, whose signals are its own
        stop.install()  # before the slow imports: a signal during start-up ends with 75
    logging.basicConfig(format="gan-jax: %(message)s", level=logging.WARNING)
    try:
        args, overrides = parse(list(sys.argv[1:] if argv is None else argv))
        _use_compilation_cache()
        VERBS[args.verb](args, overrides)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        from gan_jax.types import UserError

        if not isinstance(error, UserError):
            raise
        print(f"gan-jax: {error}", file=sys.stderr)
        return error.code
    return 0


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
            _refuse(f"{word}: expected {word}=VALUE")
        overrides[key] = following
    parser, flags = _parser()
    _check_words(rest, flags)
    args = parser.parse_args(rest)
    if overrides and args.verb != "train":
        _refuse(f"--config.{next(iter(overrides))}: only train takes overrides")
    return args, overrides


def _check_words(words: list[str], flags: dict[str, list[str]]) -> None:
    """The verb and the names of flags, before argparse complains of what is missing instead."""
    verb = words[0] if words else _refuse(f"expected a verb: choose from {', '.join(VERBS)}")
    if verb.startswith("-"):
        _choose("flag", verb, ["--help", "-h", "--version"])
        return
    _choose("verb", verb, VERBS)
    hint = ", and --config.KEY=VALUE for a leaf of the config" if verb == "train" else ""
    for word in words[1:]:
        if word.startswith("-") and not re.match(r"-\.?\d", word):
            _choose(f"flag of {verb}", word.partition("=")[0], flags[verb], hint)


def _choose(kind: str, name: str, choices: Any, hint: str = "") -> str:
    if name in choices:  # without the slow import
        return name
    from gan_jax.config import choose

    return choose(kind, name, choices, hint)


def _refuse(message: str) -> NoReturn:
    from gan_jax.types import ConfigError

    raise ConfigError(message)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _refuse(f"{message} (see {self.prog} --help)")


def _folder(text: str) -> str:
    return text if text.strip() else _refuse("--workdir is empty: expected a folder")


def _one_of(kind: str, choices: Sequence[str]) -> dict[str, Any]:
    """A positional argument that names one of the choices."""
    return {"type": functools.partial(_choose, kind, choices=choices), "metavar": "|".join(choices)}


def _parser() -> tuple[argparse.ArgumentParser, dict[str, list[str]]]:
    """The parser, and the names of each verb's flags."""
    parser = _Parser(
        prog="gan-jax", description="A laboratory for GAN objectives.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"gan-jax {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=_Parser)
    flags: dict[str, list[str]] = {}

    def verb(name: str, says: str) -> Callable[..., None]:
        made = verbs.add_parser(name, help=says, description=says, allow_abbrev=False)
        flags[name] = ["--help", "-h"]

        def add(*names: str, **how: Any) -> None:
            made.add_argument(*names, **how)
            flags[name] += [each for each in names if each.startswith("-")]

        return add

    add = verb("train", "Train one config in a workdir, or go on with what is there.")
    add("--config", required=True, metavar="FILE[:ARG]", help="a Python file with get_config()")
    add("--workdir", required=True, type=_folder, help="where the run is, or will be")
    add = verb("sample", "Write samples of a trained run.")
    add("--workdir", required=True, type=_folder)
    add("--out", required=True, metavar="FILE.png|.gif|.npz")
    add("--num", type=int, default=64, help="how many samples, or frames of a GIF (64)")
    add("--seed", type=int, default=0)
    add("--step", type=int, help="the checkpoint (the newest)")
    add("--interpolate", action="store_true", help="walk between latents, back to the first")
    add = verb("evaluate", "Evaluate a trained run's newest checkpoint, or that of --step.")
    add("--workdir", required=True, type=_folder)
    add("--metrics", help="names of `gan-jax list metrics`, with commas between (all that apply)")
    add("--step", type=int)
    add = verb("reproduce", "Measure a published table: `gan-jax list tables` names them.")
    add("name", metavar="NAME")
    add("--workdir", required=True, type=_folder)
    add("--quick", action="store_true", help="a few seeds and rounds, to see that it runs")
    add = verb("data", "Prepare a data set from files on this machine.")
    add("action", **_one_of("action", ["prepare"]))
    add("name", help="mnist or fashion_mnist")
    add("--from", dest="source", required=True, metavar="DIR", help="holds the four IDX files")
    add("--data_dir", help="the TFDS folder to write to ($TFDS_DATA_DIR, then TFDS's usual one)")
    add = verb("list", "List what a config can name.")
    add("what", **_one_of("word", LISTS))
    add = verb("bench", "Measure speed.")
    add("names", nargs="*", metavar="NAME", help="which benchmarks (all)")
    add("--against", **_one_of("--against", ["pytorch"]), help="side by side, as a ratio")
    add("--json", type=Path, metavar="FILE")
    return parser, flags


def _use_compilation_cache() -> None:
    """Compiled programs are kept, so the second start of a config is quick."""
    import jax

    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:  # else the user has said where
        jax.config.update("jax_compilation_cache_dir", str(folder / "gan_jax" / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def train(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Trains, then says what came out and names the files to look at."""
    from gan_jax.experiment import load_config
    from gan_jax.progress import last_words
    from gan_jax.train import train as run

    config = load_config(args.config, overrides)
    result = run(config, args.workdir)
    early = "" if result.step == config.steps else f" of {config.steps}: D stays near 1/2"
    print(f"{'already ' if result.was_done else ''}done at step {result.step}{early}")
    for line in last_words(result.metrics):
        print(line)
    folder = Path(args.workdir)
    grids = sorted(folder.glob("samples/step_*.png"))[-1:]
    files = [*grids, folder / "samples/progress.gif", folder / "curves.png"]
    print("look at " + ", ".join(str(file) for file in files if file.exists()))


def sample(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Writes samples of a run's checkpoint."""
    from gan_jax.sample import write_samples

    if args.num < 1:
        _refuse(f"--num is {args.num}: expected at least 1")
    if not 0 <= args.seed < 2**32:
        _refuse(f"--seed is {args.seed}: expected an integer in [0, 2^32)")
    print(write_samples(args.workdir, args.out, args.num, args.seed, args.step, args.interpolate))


def evaluate(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Prints the metrics of a run's checkpoint, one a line."""
    from gan_jax.evaluate import EVALUATORS, make_evaluate
    from gan_jax.sample import load_run

    words = [] if args.metrics is None else args.metrics.split(",")
    asked = [_choose("metric", word, EVALUATORS) for word in words]
    config, step, state = load_run(args.workdir, args.step)
    for name in asked:
        if EVALUATORS[name](config) is None:
            _refuse(f"metric {name!r} does not apply to data {config.data.name!r}")
    print(f"step {step}")
    for name, value in make_evaluate(config, asked or EVALUATORS)(state).items():
        print(f"{name.removeprefix('eval/')} {value:.6g}")


def reproduce(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Measures a table and prints it beside the published numbers."""
    from gan_jax.reproduce import reproduce as measure

    print(measure(args.name, args.workdir, args.quick))


def data(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Prepares a TFDS data set from IDX files."""
    from gan_jax.data.prepare import prepare

    print(prepare(args.name, args.source, args.data_dir))


def listing(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Prints names, each with the first line of its docstring."""
    from gan_jax.listing import entries

    rows = entries(args.what)
    width = max((len(name) for name in rows), default=0)
    for name, says in rows.items():
        print(f"{name:{width}}  {says}")
    if not rows:
        print(f"no {args.what} here", file=sys.stderr)


def bench(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Measures and prints; with --json also writes the numbers."""
    from gan_jax.bench import run

    run(args.names, args.against, args.json)


VERBS = {
    "train": train,
    "sample": sample,
    "evaluate": evaluate,
    "reproduce": reproduce,
    "data": data,
    "list": listing,
    "bench": bench,
}
