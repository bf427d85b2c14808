"""The host loop: data -> steps -> write -> evaluate -> checkpoint; on again from where it was."""

import functools
import os
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax import stop
from gan_jax.checkpoint import Checkpoints
from gan_jax.data import pipeline
from gan_jax.experiment import state_like
from gan_jax.mesh import devices_of, jit_run, placed
from gan_jax.progress import Progress
from gan_jax.record import Record, Result, due, due_signals, ended, make_look
from gan_jax.signals import Shown, make_shown, make_signals
from gan_jax.steps import init_state
from gan_jax.types import PreemptedError, State, UserError
from gan_jax.versions import made_with
from gan_jax.writer import RunDir


def train(config: ConfigDict, workdir: str | Path, command: str = "") -> Result:
    """Trains a checked config in a workdir, or goes on with what is there, unless it is done.

    command is what the run's page says of its origin, beside versions and hardware.

    Raises DivergedError and PreemptedError after what there is was saved; else the errors of data,
    writer and checkpoint, before any long work where they can be known. A run that diverged would
    diverge again: it is not repeated, and raises the same error at once.
    """
    is_new = not os.path.exists(Path(workdir) / "config.json")  # also where the name is too long
    if is_new:
        devices_of(config)  # said before anything is written
    with RunDir(workdir, config) as run:
        finished = ended(run)
        if finished:
            return finished
        put = functools.partial(placed, devices=devices_of(config))
        try:
            arrays = pipeline.load_examples(config)
        except UserError:
            if is_new:  # nothing has run: mended, perhaps with another data.dir, it may
                run.path("config.json").unlink()
            raise
        with Checkpoints(run.checkpoints_dir, config.keep_checkpoints, of=[config]) as saved:
            found = saved.restore(state_like(config), lines=lambda at: [run.lines_until(at)])
            step, state = found or (0, None)
            run.start(step or None)
            run.write_json("made_with.json", made_with(command))
            with Progress(step, config.steps) as progress:
                record = Record(config, run, saved, make_look(config), progress)
                stop.leave_with(lambda: record.summary("preempted"))
                if state is None:
                    state = init_state(config, jax.random.key(config.seed))
                try:
                    shown = make_shown(config, arrays)
                    source = pipeline.make_source(config, arrays, put)
                    return _loop(config, record, source, put(state), shown)
                except Exception as error:
                    if not isinstance(error, UserError):
                        record.summary("failed")
                    raise


def _loop(
    config: ConfigDict, record: Record, source: Callable, state: State, shown: Shown
) -> Result:
    """Dispatches until the end, a stop, or a divergence; the host is one dispatch behind."""
    devices = devices_of(config)
    many, signals = jit_run(config, devices), jax.jit(make_signals(config))
    hypers = placed(config_lib.hypers(config), devices)
    key = jnp.copy(state.key)  # the state's own is donated
    step, waiting = int(state.step), None
    while step < config.steps and not record.at_equilibrium():
        # To the next multiple: schedules are of multiples, and a run may start beside them
        line = config.log_every_steps - step % config.log_every_steps
        count = min(line, config.steps - step)
        state, metrics = many(state, *source(key, np.int32(step)), hypers, np.int32(count))
        step += count
        if due_signals(config, step):
            metrics |= signals(state, hypers, shown)
        stop.keep_work()
        if waiting:  # the numbers of the dispatch before, while this one runs
            record.line(*waiting)
        waiting = (step, metrics)
        if due(config, step):
            record.line(step, metrics, state)
            waiting = None
        stopping = stop.requested()  # asked once: a signal may come between two questions
        if stopping and waiting:
            record.line(step, metrics, state)
            waiting = None
        if stopping or due(config, step, "checkpoint"):
            record.save(step, state)
        if stopping and step < config.steps:
            record.saved.wait()
            record.summary("preempted")
            raise PreemptedError(
                f"stopped at step {step} of {config.steps}, saved in {record.run.workdir}: "
                "run the same command again to go on"
            )
    record.save(step, state)
    return record.finish("done")
