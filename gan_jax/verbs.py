"""What each verb of the command line does and prints; the slow imports are inside."""

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn


def choose(kind: str, name: str, choices: Any, hint: str = "") -> str:
    """The name if it is one of the choices; else a ConfigError lists them."""
    if name in choices:  # without the slow import
        return name
    from gan_jax import config

    return config.choose(kind, name, choices, hint)


def refuse(message: str) -> NoReturn:
    """One line about the command line, and exit code 78."""
    from gan_jax.types import ConfigError

    raise ConfigError(message)


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


def sweep(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Plans, trains what has not ended, then writes statistics and report."""
    from gan_jax import launch, rows, statistics
    from gan_jax.experiment import load_sweep
    from gan_jax.launch import local, overview
    from gan_jax.report import write as write_report
    from gan_jax.types import FailedRowsError

    if args.launcher == "slurm":
        refuse("--launcher slurm: not in this version; expected local")
    if args.workers < 1:
        refuse(f"--workers is {args.workers}: expected at least 1")
    if not args.hang_seconds > 0:
        refuse(f"--hang_seconds is {args.hang_seconds:g}: expected a number above 0")
    base, name, settings = load_sweep(args.config, overrides, args.sweep)
    everything = rows.resolve(base, settings)
    chosen = overview.chosen(args.rows, everything)
    cohorts = rows.group(chosen)
    rows.check(cohorts)
    if args.dry_run or args.estimate:
        for line in overview.table(cohorts):
            print(line)
        for line in overview.estimate(cohorts) if args.estimate else ():
            print(line, flush=True)
        return
    workdir = Path(args.workdir)
    leaves = "".join(f" --config.{key}={value}" for key, value in overrides.items())
    command = f"gan-jax sweep --config {args.config} --workdir DIR --sweep {name}{leaves}"
    said = launch.begin(workdir, name, args.config, command, everything, cohorts)
    if args.retry_failed:
        launch.forgive(workdir, said)
    local.run(workdir, said, {c.id for c in cohorts}, args.workers, args.hang_seconds)
    launch.note_how(workdir, said)
    print(statistics.to_markdown(statistics.write(workdir)))
    print(f"look at {write_report(workdir)}")
    failed = [row for row in chosen if launch.status(workdir, row.id) in ("failed", None)]
    if failed:
        raise FailedRowsError(
            f"{len(failed)} of {len(chosen)} rows failed: rows/<id>/summary.json says why; "
            "--retry_failed tries them again"
        )


def sample(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Writes samples of a run's checkpoint."""
    from gan_jax.sample import write_samples

    if args.num < 1:
        refuse(f"--num is {args.num}: expected at least 1")
    if not 0 <= args.seed < 2**32:
        refuse(f"--seed is {args.seed}: expected an integer in [0, 2^32)")
    print(write_samples(args.workdir, args.out, args.num, args.seed, args.step, args.interpolate))


def evaluate(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Prints the metrics of a run's checkpoint, one a line."""
    from gan_jax.evaluate import EVALUATORS, SCHEDULED, make_evaluate
    from gan_jax.sample import load_run

    words = [] if args.metrics is None else args.metrics.split(",")
    asked = [choose("metric", word, EVALUATORS) for word in words]
    config, step, state = load_run(args.workdir, args.step)
    for name in asked:
        if EVALUATORS[name](config) is None:
            refuse(f"metric {name!r} does not apply to data {config.data.name!r}")
    print(f"step {step}")
    for name, value in make_evaluate(config, asked or SCHEDULED)(state).items():
        shown = f"{value:.6g}" if isinstance(value, float) else value
        print(f"{name.removeprefix('eval/')} {shown}")


def reproduce(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Measures a table and prints it beside the published numbers."""
    from gan_jax.reproduce import reproduce as measure

    print(measure(args.name, args.workdir, args.quick, args.seeds, args.steps))
    report(args, overrides)


def report(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Writes report.html of a run, a sweep or a table."""
    from gan_jax.report import write

    print(f"look at {write(args.workdir)}")


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
    "sweep": sweep,
    "sample": sample,
    "evaluate": evaluate,
    "report": report,
    "reproduce": reproduce,
    "data": data,
    "list": listing,
    "bench": bench,
}
