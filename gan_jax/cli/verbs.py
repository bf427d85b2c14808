"""What each verb of the command line does and prints. Slow imports are inside functions."""

import argparse
import logging
from pathlib import Path

from gan_jax.cli.refusals import EVALUATED, EVALUATED_WORDS, OVERRIDE, refuse
from gan_jax.cli.sweeping import sweep

log = logging.getLogger(__name__)


def train(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Trains alone, as one of several processes of a run, or through a launcher."""
    if args.launcher != "local" or args.option or args.out:
        _launch(args, overrides)
        return
    if args.hosts is None:
        from gan_jax.cli.training import train as run

        run(args, overrides)
        return
    from gan_jax.place import hosts

    if args.config is None:
        refuse("--hosts: expected --config NAME|FILE[:ARG] with it, which each host reads")
    with hosts.joined(args.hosts):  # before any use of jax
        from gan_jax.cli.training import train as run
        from gan_jax.host import environment

        environment.check_devices()
        run(args, {"devices": "0"} | overrides)


def _launch(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Submits one run over several hosts, or writes the file that trains it there."""
    from gan_jax.cli.training import launch

    for flag in ("hosts", "init_from"):
        if getattr(args, flag) is not None:
            refuse(f"--{flag}: expected no --launcher with it")
    print(launch(args, overrides))


def plan(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Prints what a run, or a sweep, would cost on TPUs that are not attached."""
    from gan_jax.plan import run

    file = Path(args.json) if args.json else None
    run(args.config, overrides, args.sweep, args.topology, file, args.price)


def sample(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Writes samples of a run's checkpoint."""
    from gan_jax.training.sample import write_samples

    if args.num is not None and args.num < 1:
        refuse(f"--num is {args.num}: expected at least 1")
    if not 0 <= args.seed < 2**32:
        refuse(f"--seed is {args.seed}: expected an integer in [0, 2^32)")
    how = (args.num, args.seed, args.step, args.interpolate, args.label, args.inputs)
    print(write_samples(args.workdir, args.out, *how))


def export(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Writes a run's generator as one program, and says how to call it."""
    from gan_jax.training.export import export_generator

    print(export_generator(args.workdir, args.out, args.step))


def evaluate(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Prints the metrics of a run's checkpoint, one a line."""
    from gan_jax.evaluate import OF_LABELS, chosen, make_evaluate
    from gan_jax.training.sample import load_run

    asked = [] if args.metrics is None else args.metrics.split(",")
    evaluators = chosen(asked)
    for key in overrides:
        if not EVALUATED.fullmatch(key):
            refuse(f"{OVERRIDE}{key}: evaluate takes {EVALUATED_WORDS} only")
    setup, step, state = load_run(args.workdir, args.step, overrides)
    for name, make in evaluators.items():
        if make(setup) is None:
            unconditional = name in OF_LABELS and not setup.game.sampler.classes
            what = "a run without labels" if unconditional else f"data {setup.data.name!r}"
            refuse(f"metric {name!r} does not apply to {what}")
    print(f"step {step}")
    if names := setup.data.spec.names:
        print("classes: " + ", ".join(f"{i} is {name}" for i, name in enumerate(names)))
    for name, value in make_evaluate(setup, asked)(state).items():
        shown = f"{value:.6g}" if isinstance(value, float) else value
        print(f"{name.removeprefix('eval/')} {shown}")


def reproduce(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Measures a table and prints it beside the published numbers."""
    from gan_jax.report import write as write_report
    from gan_jax.reproduce import reproduce as measure

    asked = (args.seeds, args.steps, args.precision, args.recorded)
    print(measure(args.name, args.workdir, args.quick, *asked))
    print(f"look at {write_report(args.workdir)}")


def report(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Writes report.html of a run, a sweep, a table, or of several runs side by side."""
    from gan_jax.report import write, write_comparison

    one, *more = args.workdir
    print(f"look at {write_comparison(args.workdir) if more else write(one)}")


def data(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Prepares a data set from files on this machine."""
    from gan_jax.data.support.prepare import prepare

    print(prepare(args.name, args.source, args.data_dir))


def listing(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Prints names, each with the first line of its docstring."""
    from gan_jax.cli.listing import entries

    rows = entries(args.what)
    width = max(map(len, rows))
    for name, says in rows.items():
        print(f"{name:{width}}  {says}")


def bench(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Measures and prints; with --json also writes the numbers."""
    from gan_jax.bench import run

    run(args.names, args.against, Path(args.json) if args.json else None)


VERBS = {
    "train": train,
    "sweep": sweep,
    "plan": plan,
    "sample": sample,
    "export": export,
    "evaluate": evaluate,
    "report": report,
    "reproduce": reproduce,
    "data": data,
    "list": listing,
    "bench": bench,
}
