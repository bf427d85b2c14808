"""What `train` does once it is clear which processes train, and what it prints at the end."""

import argparse
import logging
from pathlib import Path

from gan_jax.cli.beginnings import command_of, setup_of, start_of
from gan_jax.config.checks import doubts
from gan_jax.games import Setup
from gan_jax.metrics import features
from gan_jax.place import hosts
from gan_jax.training import run
from gan_jax.training.outcome import Result
from gan_jax.training.progress import last_words
from gan_jax.training.results import as_begun

log = logging.getLogger(__name__)


def train(args: argparse.Namespace, overrides: dict[str, str]) -> None:
    """Trains; process 0 says what came out."""
    if args.config is not None:
        hosts.check_same({f"config.{leaf}": value for leaf, value in overrides.items()})
        overrides = hosts.first(as_begun(args.workdir, overrides) if hosts.writes() else None)
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
    """What came out, and the files to look at."""
    steps = setup.config.steps
    early = "" if result.step == steps else f" of {steps}: D stays near 1/2"
    grids = sorted(folder.glob("samples/step_*.png"))[-1:]
    files = [*grids, folder / "samples/progress.gif", folder / "curves.png"]
    return [
        f"{'already ' if result.was_done else ''}done at step {result.step}{early}",
        *last_words(result.metrics, setup.data.spec.names),
        "look at " + ", ".join(str(file) for file in files if file.exists()),
    ]
