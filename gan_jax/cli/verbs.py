"""What each verb of the command line does and prints; the slow imports are inside."""

import argparse
import logging
import os
import shlex
from collections.abc import Callable
from pathlib import Path

from gan_jax.cli.refusals import EVALUATED, OVERRIDE, refuse
from gan_jax.host.errors import FailedRowsError, UserError

log = logging.getLogger(__name__)


def train(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Trains, alone or as one of a run's processes, or has hosts elsewhere do it."""
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
    with hosts.joined(args.hosts):  # before anything of jax
        from gan_jax.cli.training import train as run
        from gan_jax.host import environment

        environment.check_devices()
        run(args, {"devices": "0"} | overrides)


def _launch(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Submits one run over hosts, or writes the file that has them train it."""
    from gan_jax.cli.training import launch

    for flag in ("hosts", "init_from"):
        if getattr(args, flag) is not None:
            refuse(f"--{flag}: expected no --launcher with it")
    print(launch(args, overrides))


def sweep(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Plans, trains what has not ended, then writes statistics and report; or has it done."""
    import jax

    from gan_jax.metrics import features
    from gan_jax.sweeps import launch, rows
    from gan_jax.sweeps.launch import local, options, overview, slurm
    from gan_jax.training.experiment import load_sweep
    from gan_jax.training.results import as_begun

    options.check(args)
    if not args.estimate:  # which measures here; else accelerators are for the workers alone
        jax.config.update("jax_platforms", "cpu")
    given = options.parse(args.option)
    overrides = as_begun(args.workdir, overrides)
    base, name, settings = load_sweep(args.config, overrides, args.sweep)
    everything = rows.resolve(base, settings)
    chosen = overview.chosen(args.rows, everything)
    shares, share = overview.shares(args.share, chosen)
    cohorts = shares[share]
    rows.check(cohorts)
    features.check(base)
    if args.dry_run or args.estimate:
        for line in overview.table(cohorts):
            print(line)
        for line in overview.estimate(cohorts) if args.estimate else ():
            print(line, flush=True)
        return
    words = ["--sweep", name, *(f"{OVERRIDE}{key}={value}" for key, value in overrides.items())]
    words += ["--chunk", str(args.chunk)] if args.chunk else []
    if args.out:
        _write_launch_file(args, words, len(chosen), given)
        return
    workdir, ids = Path(args.workdir), {c.id for c in cohorts}
    command = shlex.join(["gan-jax", "sweep", "--config", args.config, "--workdir", "DIR", *words])
    every = [cohort for each in shares for cohort in each]
    mine = [row.id for cohort in cohorts for row in cohort.rows]
    again, chunk = mine if args.retry_failed else [], args.chunk or 0
    said = launch.begin(workdir, name, args.config, command, everything, every, chunk, again)
    if args.launcher == "slurm":
        told = slurm.submit(workdir, said, ids, args.workers, args.hang_seconds, given, again)
        if told:
            print(told)
            return
    elif args.share:
        launch.forgive(workdir, again)  # nobody holds the folder: hosts share it
        local.tend(workdir, said, ids, args.workers or 1, args.hang_seconds)
    else:
        local.run(
            workdir, said, ids, args.workers or 1, args.hang_seconds, again, _refresher(workdir)
        )
    _sum_up(args, workdir, mine)


def _refresher(workdir: Path) -> Callable[[], None]:
    """What writes the report of a sweep that goes on; where it cannot, that is said once."""
    from gan_jax.report import write as write_report

    said: list[str] = []

    def refresh() -> None:
        try:
            write_report(workdir)
        except (OSError, UserError) as error:
            if not said:
                log.warning("the report is not written while the sweep goes on: %s", error)
            said.append(str(error))

    return refresh


def _write_launch_file(
    args: argparse.Namespace, words: list[str], rows: int, given: dict[str, str]
) -> None:
    """The file that has hosts elsewhere train the sweep."""
    from gan_jax.host.files import write_named
    from gan_jax.sweeps.launch import jobset, tpu_vm, tpus

    words += ["--rows", args.rows] if args.rows else []
    words += ["--workers", str(args.workers)] if args.workers else []
    words += ["--hang_seconds", f"{args.hang_seconds:g}"]
    words += ["--retry_failed"] if args.retry_failed else []
    launcher = {"jobset": jobset, "tpu_vm": tpu_vm}[args.launcher]
    text = launcher.text(tpus.Sweep(args.config, args.workdir, tuple(words), rows), given)
    write_named("--out", Path(args.out), os.fsencode(text))  # words as they came
    print(
        f"{launcher.START} {shlex.quote(args.out)} trains it; when all shares have ended, the same "
        "sweep without --launcher, where its folder is seen, writes the table"
    )


def _sum_up(args: argparse.Namespace, workdir: Path, mine: list[str]) -> None:
    """The table and the report; of a share only how it ended. FailedRowsError at the end."""
    from gan_jax.report import write as write_report
    from gan_jax.sweeps import launch, statistics

    if args.share:
        print(f"share {args.share} has ended: the same command without --share writes the table")
    else:
        launch.note_how(workdir)
        print(statistics.to_markdown(statistics.write(workdir)))
        print(f"look at {write_report(workdir)}")
    failed = [row_id for row_id in mine if launch.status(workdir, row_id) in ("failed", None)]
    if failed:
        raise FailedRowsError(
            f"{len(failed)} of {len(mine)} rows failed: rows/<id>/summary.json says why; "
            "--retry_failed tries them again"
        )


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
    print(
        write_samples(
            args.workdir, args.out, args.num, args.seed, args.step, args.interpolate, args.label
        )
    )


def export(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Writes a run's generator as one program, and says how it is called."""
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
            refuse(f"{OVERRIDE}{key}: evaluate takes eval_samples and features.* only")
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
    """Prepares a TFDS data set from IDX files."""
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
