"""A single run in its folder: a new one, or on again from where it was."""

import os
from pathlib import Path

import jax

from gan_jax.games import Setup
from gan_jax.host import stop
from gan_jax.host.errors import UserError
from gan_jax.host.versions import made_with
from gan_jax.place import place_of
from gan_jax.training import loop
from gan_jax.training.checkpoint import Checkpoints
from gan_jax.training.experiment import state_like
from gan_jax.training.folder import RunDir
from gan_jax.training.outcome import Result, ended
from gan_jax.training.program import make_program
from gan_jax.training.progress import Progress
from gan_jax.training.record import Record, make_evaluations
from gan_jax.training.steps import init_state


def train(setup: Setup, workdir: str | Path, command: str = "") -> Result:
    """Trains a checked setup in a workdir, or goes on with what is there, unless it is done.

    command is what the run's page says of its origin, beside versions and hardware.

    Raises DivergedError and PreemptedError after what there is was saved; else the errors of data,
    writer and checkpoint, before any long work where they can be known. A run that diverged would
    diverge again: it is not repeated, and raises the same error at once.
    """
    config = setup.config
    is_new = not os.path.exists(Path(workdir) / "config.json")  # also where the name is too long
    if is_new:
        place_of(config)  # said before anything is written
    with RunDir(workdir, config) as run:
        finished = ended(run)
        if finished:
            return finished
        try:
            arrays = setup.examples()
        except UserError:
            if is_new:  # nothing has run: mended, perhaps with another data.dir, it may
                run.path("config.json").unlink()
            raise
        with Checkpoints(run.checkpoints_dir, config.keep_checkpoints, of=[config]) as saved:
            found = saved.restore(state_like(setup), lines=lambda at: [run.lines_until(at)])
            step, state = found or (0, None)
            run.start(step or None)
            classes = {"classes": setup.data.spec.names} if setup.data.spec.names else {}
            run.write_json("made_with.json", made_with(command) | classes)
            with Progress(step, config.steps) as progress:
                record = Record(setup, run, saved, make_evaluations()(setup), progress)
                stop.leave_with(lambda: record.summary("preempted"))
                if state is None:
                    state = init_state(setup, jax.random.key(config.seed))
                try:
                    place = place_of(config)
                    program = make_program(setup, arrays, place)
                    return loop.train(program, record, place.replicate(state))
                except Exception as error:
                    if not isinstance(error, UserError):
                        record.summary("failed")
                    raise
