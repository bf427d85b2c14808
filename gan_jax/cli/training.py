"""The verb `train` once it is clear which processes train, and what it prints at the end."""

import argparse
import logging
import os
import shlex
from pathlib import Path

from gan_jax.cli.beginnings import command_of, setup_of, start_of
from gan_jax.cli.refusals import OVERRIDE, refuse
from gan_jax.config.checks import doubts
from gan_jax.config.file import split_arg
from gan_jax.games import Setup
from gan_jax.host.errors import UserError
from gan_jax.host.files import write_named
from gan_jax.metrics import features
from gan_jax.place import hosts
from gan_jax.sweeps.launch import jobset, options, over_hosts, tpu_vm
from gan_jax.training import run
from gan_jax.training.experiment import load_setup
from gan_jax.training.outcome import Result
from gan_jax.training.progress import last_words
from gan_jax.training.results import as_begun
from gan_jax.training.together import OWN

log = logging.getLogger(__name__)


def train(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Trains; process 0 prints the results."""
    if args.config is not None:
        said = {f"config.{leaf}": value for leaf, value in overrides.items() if leaf not in OWN}
        hosts.check_same(said)
        own = {leaf: value for leaf, value in overrides.items() if leaf in OWN}
        begun = as_begun(args.workdir, overrides) if hosts.writes() else None
        overrides = hosts.first(begun) | own
    setup = setup_of(args, overrides)
    features.check(setup.config)
    if not hosts.writes():
        run.train(setup, args.workdir)
        return
    for doubt in doubts(setup.config):
        log.warning("%s", doubt)
    start = start_of(args, setup)
    result = run.train(setup, args.workdir, command_of(args, overrides, start), start)
    for line in _end_in_words(setup, result, Path(args.workdir)):
        print(line)


def _end_in_words(setup: Setup, result: Result, folder: Path) -> list[str]:
    """The results in words, and the files to look at."""
    steps = setup.config.steps
    early = "" if result.step == steps else f" of {steps}: D stays near 1/2"
    grids = sorted(folder.glob("samples/step_*.png"))[-1:]
    files = [*_report(folder), *grids, folder / "samples/progress.gif", folder / "curves.png"]
    return [
        f"{'already ' if result.was_done else ''}done at step {result.step}{early}",
        *last_words(result.metrics, setup.data.spec.names),
        "look at " + ", ".join(str(file) for file in files if file.exists()),
    ]


def _report(folder: Path) -> list[Path]:
    """Writes the run's report; if that fails, it only warns, since the run itself is done."""
    from gan_jax.report import write

    try:
        return [write(folder)]
    except (OSError, UserError) as error:
        log.warning("the report is not written: %s", error)
        return []


def launch(args: argparse.Namespace, overrides: dict[str, str]) -> str:
    """Checks a run here and has hosts elsewhere train it; returns a line that says how."""
    options.check_launcher(args)
    if args.config is None:
        refuse("--launcher: expected --config NAME|FILE[:ARG] with it")
    load_setup(args.config, overrides)
    file, arg = split_arg(args.config)
    config = f"{file}:{arg}" if arg else str(file)
    words = tuple(f"{OVERRIDE}{key}={value}" for key, value in overrides.items())
    run_there, given = over_hosts.Run(config, args.workdir, words), options.parse(args.option)
    if args.launcher == "slurm":
        return over_hosts.slurm_submit(run_there, given)
    make, start = {
        "jobset": (over_hosts.jobset_text, jobset.START),
        "tpu_vm": (over_hosts.tpu_vm_text, tpu_vm.START),
    }[args.launcher]
    write_named("--out", Path(args.out), os.fsencode(make(run_there, given)))
    return f"{start} {shlex.quote(args.out)} trains it"
