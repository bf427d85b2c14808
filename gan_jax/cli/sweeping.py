"""The verb `sweep`: plans, trains or submits, and reports. Slow imports are inside functions."""

import argparse
import logging
import os
import shlex
from collections.abc import Callable
from pathlib import Path

from gan_jax.cli.refusals import OVERRIDE
from gan_jax.host.errors import FailedRowsError, UserError

log = logging.getLogger(__name__)


def sweep(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Plans a sweep, trains what has not ended, here or elsewhere, and writes its results."""
    import jax

    from gan_jax.metrics import features
    from gan_jax.sweeps import launch, rows
    from gan_jax.sweeps.launch import local, options, overview, slurm
    from gan_jax.training.experiment import load_sweep
    from gan_jax.training.results import as_begun

    options.check(args)
    if not args.estimate:  # --estimate measures here; else accelerators are for the workers
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
        launch.forgive(workdir, again)  # without a lock, as hosts share the folder
        local.tend(workdir, said, ids, args.workers or 1, args.hang_seconds)
    else:
        local.run(
            workdir, said, ids, args.workers or 1, args.hang_seconds, again, refresher(workdir)
        )
    _sum_up(args, workdir, mine)


def refresher(workdir: Path) -> Callable[[], None]:
    """A function that rewrites a sweep's report while it runs; if it cannot, it warns once."""
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
    """Writes the file that has hosts elsewhere train the sweep."""
    from gan_jax.host.files import write_named
    from gan_jax.sweeps.launch import jobset, tpu_vm, tpus

    words += ["--rows", args.rows] if args.rows else []
    words += ["--workers", str(args.workers)] if args.workers else []
    words += ["--hang_seconds", f"{args.hang_seconds:g}"]
    words += ["--retry_failed"] if args.retry_failed else []
    launcher = {"jobset": jobset, "tpu_vm": tpu_vm}[args.launcher]
    text = launcher.text(tpus.Sweep(args.config, args.workdir, tuple(words), rows), given)
    write_named("--out", Path(args.out), os.fsencode(text))  # bytes that are not UTF-8 stay
    print(
        f"{launcher.START} {shlex.quote(args.out)} trains it; when all shares have ended, the same "
        "sweep without --launcher, where its folder is seen, writes the table"
    )


def _sum_up(args: argparse.Namespace, workdir: Path, mine: list[str]) -> None:
    """Writes table and report, or says how a share ended; then FailedRowsError if rows failed."""
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
