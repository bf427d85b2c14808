"""Finds the run that `gan-jax train` trains: that of a config file, or the one in the workdir."""

import argparse
import logging
import shlex
from pathlib import Path

from gan_jax.cli.refusals import OVERRIDE, refuse
from gan_jax.config import keeps_average
from gan_jax.games import Setup
from gan_jax.training.experiment import load_begun, load_setup
from gan_jax.training.init_from import Start, has_begun, origin, prepare
from gan_jax.training.results import read_made_with

log = logging.getLogger(__name__)


def setup_of(args: argparse.Namespace, overrides: dict[str, str]) -> Setup:
    """The setup of --config; without it, that of the run in --workdir."""
    if args.config is not None:
        return load_setup(args.config, overrides)
    if not (Path(args.workdir) / "config.json").exists():
        refuse(
            f"no run in {args.workdir!r} to go on with: expected --config NAME|FILE[:ARG] for a "
            "new one"
        )
    return load_begun(args.workdir, overrides)


def start_of(args: argparse.Namespace, setup: Setup) -> Start | None:
    """What a new run takes from the run that --init_from names; prints what fits."""
    if args.init_from is None:
        if args.init_optimizer:
            refuse("--init_optimizer: expected --init_from DIR[:STEP] with it")
        if setup.game.taken and not has_begun(Path(args.workdir)):
            refuse(
                f"game {setup.config.game!r} takes {', '.join(setup.game.taken)} from a run that "
                "trained it before: expected --init_from DIR of that run"
            )
        return None
    start = prepare(setup, args.workdir, args.init_from, args.init_optimizer)
    if start is None:
        return None
    print(start.says(), flush=True)
    if keeps_average(setup.config) and setup.config.ema.warmup:
        log.warning(
            "ema.warmup is on, and has the average forget %s within ten steps: "
            "--config.ema.warmup=False keeps it",
            start.workdir,
        )
    return start


def command_of(args: argparse.Namespace, overrides: dict[str, str], start: Start | None) -> str:
    """The command that makes the same run again, for the run's page."""
    words = [f"{OVERRIDE}{key}={value}" for key, value in overrides.items()]
    if args.config is None:
        before = read_made_with(Path(args.workdir)).get("command")
        return shlex.join([*shlex.split(before or "gan-jax train --workdir DIR"), *words])
    source = f"{start.workdir}:{start.step}" if start else origin(args.workdir)
    words += ["--init_from", source] if source else []
    words += ["--init_optimizer"] if source and args.init_optimizer else []
    return shlex.join(["gan-jax", "train", "--config", args.config, "--workdir", "DIR", *words])
