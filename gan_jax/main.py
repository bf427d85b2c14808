"""The command line: the only file with flags. `gan-jax VERB --help` tells each verb's."""

from gan_jax import stop

stop.install()  # before the slow imports: a signal during start-up ends with 75

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from gan_jax import __version__
from gan_jax.types import ConfigError, UserError

OVERRIDE = "--config."


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a verb; a UserError becomes one line on stderr and its exit code."""
    logging.basicConfig(format="gan-jax: %(message)s", level=logging.WARNING)
    try:
        args, overrides = parse(list(sys.argv[1:] if argv is None else argv))
        _use_compilation_cache()
        VERBS[args.verb](args, overrides)
    except UserError as error:
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
        following = value if given else next(words, None)
        if following is None:
            raise ConfigError(f"{word}: expected {word}=VALUE")
        overrides[key] = following
    return _parser().parse_args(rest), overrides


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message} (see {self.prog} --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="gan-jax", description="A laboratory for GAN objectives.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"gan-jax {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=_Parser)

    def verb(name: str, says: str) -> Callable[..., argparse.Action]:
        return verbs.add_parser(name, help=says, description=says, allow_abbrev=False).add_argument

    add = verb("train", "Train one config in a workdir, or go on with what is there.")
    add("--config", required=True, metavar="FILE[:ARG]", help="a Python file with get_config()")
    add("--workdir", required=True, help="where the run directory is, or will be")
    add = verb("sample", "Write samples of a trained run.")
    add("--workdir", required=True)
    add("--out", required=True, metavar="FILE.png|.gif|.npz")
    add("--num", type=int, default=64, help="how many samples, or frames of a GIF (64)")
    add("--seed", type=int, default=0)
    add("--step", type=int, help="the checkpoint (the newest)")
    add("--interpolate", action="store_true", help="walk between latents")
    add = verb("evaluate", "Evaluate a trained run's newest checkpoint, or that of --step.")
    add("--workdir", required=True)
    add("--metrics", help="names of `gan-jax list metrics`, with commas between (all that apply)")
    add("--step", type=int)
    add = verb("data", "Prepare a data set from files on this machine.")
    add("action", choices=["prepare"])
    add("name", help="mnist or fashion_mnist")
    add("--from", dest="source", required=True, metavar="DIR", help="holds the four IDX files")
    add("--data_dir", help="the TFDS folder to write to ($TFDS_DATA_DIR, then TFDS's usual one)")
    add = verb("list", "List what a config can name.")
    add("what", choices=LISTS)
    add = verb("bench", "Measure speed.")
    add("names", nargs="*", metavar="NAME", help="which benchmarks (all)")
    add("--against", choices=["pytorch"], help="side by side with it, as a ratio")
    add("--json", type=Path, metavar="FILE")
    return parser


def _use_compilation_cache() -> None:
    """Compiled programs are kept, so the second start of a config is quick."""
    root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(root).expanduser() / "gan_jax" / "compiled"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")


def train(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Trains, then names the files to look at."""
    from gan_jax.experiment import load_config
    from gan_jax.train import train as run

    config = load_config(args.config, overrides)
    result = run(config, args.workdir)
    print(f"done at step {result.step}: {_in_words(result.metrics)}")
    print("look at:")
    for name in ("samples/progress.gif", "curves.png", "summary.json"):
        if (Path(args.workdir) / name).exists():
            print(f"  {Path(args.workdir) / name}")


def _in_words(metrics: dict) -> str:
    shown = {k: v for k, v in metrics.items() if not k.startswith("eval/count_")}
    return ", ".join(f"{k.removeprefix('eval/')} {v:.4g}" for k, v in shown.items())


def sample(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Writes samples of a run's checkpoint."""
    from gan_jax.sample import write_samples

    _refuse(overrides)
    if args.num < 1:
        raise ConfigError(f"--num is {args.num}: expected at least 1")
    print(write_samples(args.workdir, args.out, args.num, args.seed, args.step, args.interpolate))


def evaluate(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Prints the metrics of a run's checkpoint, one a line."""
    from gan_jax.evaluate import EVALUATORS, make_evaluate
    from gan_jax.sample import load_run

    _refuse(overrides)
    config, step, state = load_run(args.workdir, args.step)
    values = make_evaluate(config, args.metrics.split(",") if args.metrics else EVALUATORS)(state)
    print(f"step {step}")
    for name, value in values.items():
        print(f"{name.removeprefix('eval/')} {value:.6g}")


def data(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Prepares a TFDS data set from IDX files."""
    from gan_jax.data.prepare import prepare

    _refuse(overrides)
    print(prepare(args.name, args.source, args.data_dir))


def listing(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Prints names, each with the first line of its docstring."""
    from gan_jax.listing import entries

    _refuse(overrides)
    rows = entries(args.what)
    width = max((len(name) for name in rows), default=0)
    for name, says in rows.items():
        print(f"{name:{width}}  {says}")


def bench(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Measures and prints; with --json also writes the numbers."""
    from gan_jax.bench import run

    _refuse(overrides)
    run(args.names, args.against, args.json)


def _refuse(overrides: dict[str, str]) -> None:
    if overrides:
        raise ConfigError(f"--config.{next(iter(overrides))}: only train takes overrides")


VERBS = {
    "train": train,
    "sample": sample,
    "evaluate": evaluate,
    "data": data,
    "list": listing,
    "bench": bench,
}
LISTS = ("objectives", "penalties", "dynamics", "nets", "data", "metrics", "experiments", "tables")

if __name__ == "__main__":
    sys.exit(main())
