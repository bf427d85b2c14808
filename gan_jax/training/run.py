"""A single run in its folder: starts a new one, or goes on with the one that is there."""

import os
import sys
from pathlib import Path

import jax

from gan_jax.data import Arrays
from gan_jax.games import Setup
from gan_jax.host import stop
from gan_jax.host.errors import UserError
from gan_jax.host.versions import made_with
from gan_jax.place import hosts, place_of
from gan_jax.training import loop
from gan_jax.training.checkpoint import Checkpoints
from gan_jax.training.experiment import state_like
from gan_jax.training.folder import RunDir
from gan_jax.training.init_from import Start, first_state
from gan_jax.training.outcome import Result, ended
from gan_jax.training.program import make_program
from gan_jax.training.progress import Progress, first_words
from gan_jax.training.record import Record, make_evaluations
from gan_jax.training.together import Together, empty, facts_of
from gan_jax.types import State


def train(
    setup: Setup, workdir: str | Path, command: str = "", start: Start | None = None
) -> Result:
    """Trains a checked setup in a workdir, or goes on with the run there, unless it is done.

    command: what the run's page gives as its origin, beside versions and hardware. start: what a
    new run takes from another's checkpoint. If several processes train one run, each calls this,
    and process 0 alone touches the workdir: see place/hosts.py.

    Raises DivergedError and PreemptedError after saving; otherwise the errors of data, writer and
    checkpoint, if possible before any long work. A run that diverged would diverge again, so it is
    not repeated: the same error is raised at once.
    """
    if not hosts.writes():
        return _keep_up(setup)
    is_new = not os.path.exists(Path(workdir) / "config.json")  # also where the name is too long
    if is_new:
        place_of(setup.config)  # raises before anything is written
    with RunDir(workdir, setup.config) as run:
        finished = ended(run)
        hosts.first(finished is not None)
        if finished:
            return finished
        try:
            arrays = _examples(setup)
        except UserError:
            if is_new:  # nothing has run yet: a corrected config may start here
                run.path("config.json").unlink()
            raise
        return _lead(setup, run, arrays, command, start)


def _lead(
    setup: Setup, run: RunDir, arrays: Arrays | None, command: str, start: Start | None
) -> Result:
    """Runs process 0, which has the folder: from its newest checkpoint to the end."""
    config = setup.config
    with Checkpoints(run.checkpoints_dir, config.keep_checkpoints, of=[config]) as saved:
        found = saved.restore(state_like(setup), lines=lambda at: [run.lines_until(at)])
        step, state = found or (0, None)
        run.start(step or None)
        classes = {"classes": setup.data.spec.names} if setup.data.spec.names else {}
        run.write_json("made_with.json", made_with(command) | classes)
        print(first_words(setup, state_like(setup), place_of(config), step), file=sys.stderr)
        with Progress(step, config.steps) as progress:
            record = Record(setup, run, saved, make_evaluations()(setup), progress)
            stop.leave_with(lambda: record.summary("preempted"))
            if state is None:
                state = first_state(setup, run, start)
            try:
                return _train(setup, arrays, record, state)
            except Exception as error:
                if not isinstance(error, UserError):
                    hosts.give_way()
                    record.summary("failed")
                raise


def _keep_up(setup: Setup) -> Result:
    """Runs each of the other processes, which compute but record nothing."""
    if hosts.first(None):
        return Result(setup.config.steps, {}, was_done=True)
    arrays = _examples(setup)
    like = jax.tree.map(empty, state_like(setup))
    return _train(setup, arrays, None, like)


def _examples(setup: Setup) -> Arrays | None:
    """The examples: process 0 decodes them, the others read its cache, and all must agree."""
    arrays = hosts.in_turn(setup.examples)
    if hosts.count() > 1:
        hosts.check_same(facts_of(setup, arrays))
    return arrays


def _train(setup: Setup, arrays: Arrays | None, record: Record | None, state: State) -> Result:
    """Runs one host loop in each process, over the devices of all."""
    place = place_of(setup.config)
    state = place.replicate(hosts.broadcast(state))
    program = make_program(setup, arrays, place)
    recorder: loop.Recorder
    if hosts.count() == 1:
        assert record
        recorder = record
    else:
        recorder = Together(record, setup.config.stop_at_equilibrium > 0)
    result: Result = loop.train(program, recorder, state)
    return result
