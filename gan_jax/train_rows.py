"""The host loop of a cohort: many rows in one program, each with a run directory of its own.

The cohort's folder holds checkpoints of all rows as one, and how.json: how the rows are run.
"""

import contextlib
import json
import operator
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax import stop
from gan_jax.checkpoint import Checkpoints
from gan_jax.cohort import (
    init_rows,
    jit_rows,
    make_train_rows,
    objectives_of,
    row,
    rows_hypers,
)
from gan_jax.data import pipeline
from gan_jax.files import make_folder
from gan_jax.linelog import Lines
from gan_jax.locks import hold
from gan_jax.mesh import placed
from gan_jax.record import Numbers, Record, due, due_signals, ended, make_look
from gan_jax.records import write_atomically, writing
from gan_jax.signals import Shown, make_shown, make_signals
from gan_jax.tune import How, choose_how
from gan_jax.types import DivergedError, PreemptedError, PyTree, State
from gan_jax.writer import RunDir

HEARTBEAT = "progress.json"  # in the cohort's folder: the step, for whoever watches


class _Pace:
    """The rate of the whole cohort, for its rows' timing; a heartbeat for the launcher."""

    def __init__(self, folder: Path, step: int, steps: int, rows: int):
        self.file, self.first, self.steps, self.rows = folder / HEARTBEAT, step, steps, rows
        self.began = time.monotonic()

    def rate(self, step: int) -> float:
        return (step - self.first) / max(time.monotonic() - self.began, 1e-9)

    def update(self, step: int, metrics: Numbers) -> None:
        """Nothing: beat is once for all rows."""

    def beat(self, step: int) -> None:
        said = {"step": step, "steps": self.steps, "rows": self.rows, "rate": self.rate(step)}
        write_atomically(self.file, json.dumps(said).encode())


def train_rows(
    configs: Sequence[ConfigDict], workdirs: Sequence[Path], folder: Path, chunk: int = 0
) -> None:
    """Trains a cohort's rows, or goes on where it was; rows that have ended stay as they are.

    chunk: rows at a time, instead of what is fastest.
    A row that diverges ends there, with its summary; the others go on. PreemptedError after a stop
    was saved, WorkdirBusyError where another process trains the cohort or one of its rows.
    """
    with writing(folder):
        make_folder(folder)
    config, m = configs[0], len(configs)
    arrays = pipeline.load_examples(config)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, hold(folder))  # a writer of checkpoints has to be alone
        saved = stack.enter_context(Checkpoints(folder / "checkpoints", 1, of=configs))
        runs = _open(stack, configs, workdirs)
        if not runs:
            return
        like = jax.eval_shape(lambda: init_rows(configs)[0])
        found = saved.restore(
            like, lines=lambda at: _of_all(m, {i: run.lines_until(at) for i, run in runs.items()})
        )
        step, states = found or (0, None)
        pace = _Pace(folder, step, config.steps, m)
        records = _start(stack, configs, runs, step, pace)
        if states is None:
            states = init_rows(configs)[0]
        how = choose_how(folder / "how.json", configs, states, arrays, chunk)
        source = make_source(config, m, arrays, jax.devices()[: how.devices])
        shown = make_shown(config, arrays)
        _loop(configs, records, saved, pace, source, shown, states, how)


def _open(
    stack: contextlib.ExitStack,
    configs: Sequence[ConfigDict],
    workdirs: Sequence[Path],
) -> dict[int, RunDir]:
    """The folder of each row that has not ended, by its place in the cohort."""
    runs = {}
    for index, (config, workdir) in enumerate(zip(configs, workdirs, strict=True)):
        run = stack.enter_context(RunDir(workdir, config))
        if _has_ended(run):
            run.close()
        else:
            runs[index] = run
    return runs


def _start(
    stack: contextlib.ExitStack,
    configs: Sequence[ConfigDict],
    runs: dict[int, RunDir],
    step: int,
    pace: _Pace,
) -> dict[int, Record]:
    """A record for each of these rows, to go on after that step."""
    look, records = make_look(configs[0]), {}
    for index, run in runs.items():
        config = configs[index]
        run.start(step or None, events=False)
        saved = stack.enter_context(
            Checkpoints(run.checkpoints_dir, config.keep_checkpoints, of=[config])
        )
        records[index] = Record(config, run, saved, look, pace)
    return records


def _of_all(m: int, lines: dict[int, Lines | None]) -> list[Lines | None]:
    """The lines of each of m rows, None for one that has ended."""
    return [lines.get(index) for index in range(m)]


def _has_ended(run: RunDir) -> bool:
    try:
        return ended(run) is not None
    except DivergedError:
        return True


def make_source(
    config: ConfigDict, m: int, arrays: Any, devices: Sequence[jax.Device]
) -> Callable[[jax.Array, Any], tuple[PyTree, jax.Array]]:
    """f(keys [M], step) -> (examples for all rows, orders [M, steps, K, B])."""
    if arrays is None:
        nothing = jnp.zeros((m, config.log_every_steps, config.dynamics.k_disc, 0), jnp.int32)
        return lambda keys, step: ((), nothing)
    orders = jax.jit(jax.vmap(pipeline.make_order(config, len(arrays.x)), in_axes=(0, None)))
    examples = placed(tuple(arrays), devices)
    return lambda keys, step: (examples, orders(keys, step))


def _loop(
    configs: Sequence[ConfigDict],
    records: dict[int, Record],
    saved: Checkpoints,
    pace: _Pace,
    source: Callable,
    shown: Shown,
    states: State,
    how: How,
) -> None:
    config, hypers = configs[0], rows_hypers(configs)
    objectives = objectives_of(configs)
    program = make_train_rows(config, objectives, how.chunk)
    signals = jax.jit(jax.vmap(make_signals(config, objectives), in_axes=(0, 0, None)))
    many = jit_rows(program, jax.devices()[: how.devices])
    keys, step = jnp.copy(states.key), int(states.step[0])
    while step < config.steps and records:
        count = min(config.log_every_steps, config.steps - step)
        states, metrics = many(states, *source(keys, np.int32(step)), hypers, np.int32(count))
        step += count
        if due_signals(config, step):
            metrics |= signals(states, hypers, shown)
        stop.keep_work()
        stopping = stop.requested()
        looks = stopping or due(config, step)
        _write(records, step, jax.device_get(metrics), states if looks else None)
        pace.beat(step)
        if (stopping or due(config, step, "checkpoint")) and step < config.steps:
            lines = {index: record.run.sync() for index, record in records.items()}
            saved.save(step, states, _of_all(len(configs), lines))
        if stopping and step < config.steps:
            saved.wait()
            raise PreemptedError(f"stopped at step {step} of {config.steps} and saved")
    for index, record in records.items():
        record.save(step, row(states, index))
        record.run.replay_events()
        record.finish("done", curves=False)


def _write(
    records: dict[int, Record], step: int, metrics: dict[str, np.ndarray], states: State | None
) -> None:
    """A line for each row; one that diverged is written down and leaves the cohort's records."""
    host = None if states is None else jax.device_get(states.replace(key=None))
    for index in list(records):
        numbers = jax.tree.map(operator.itemgetter(index), metrics)
        state = None
        if states is not None:
            state = row(host, index).replace(key=states.key[index])
        try:
            records[index].line(step, numbers, state)
        except DivergedError:
            records.pop(index).run.replay_events()
