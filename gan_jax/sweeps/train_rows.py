"""A cohort in its folder: many rows in one program, each with a run directory of its own.

The cohort's folder holds checkpoints of all its rows together, and how.json: how the rows are run.
"""

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import jax
from ml_collections import ConfigDict

from gan_jax.host.errors import DivergedError, PreemptedError
from gan_jax.host.files import make_folder, write_json, writing
from gan_jax.host.locks import hold
from gan_jax.place import fetch
from gan_jax.sweeps.cohort import Members, init_rows, make_cohort, make_members, row
from gan_jax.sweeps.tune import choose_how
from gan_jax.training import loop
from gan_jax.training.checkpoint import Checkpoints
from gan_jax.training.folder import RunDir
from gan_jax.training.linelog import Lines
from gan_jax.training.outcome import ended
from gan_jax.training.record import Numbers, Record, make_evaluations
from gan_jax.types import Metrics, State

HEARTBEAT = "progress.json"  # in the cohort's folder: the current step, for whoever watches


class _Pace:
    """The rate of the whole cohort, for its rows' timing; a heartbeat for the launcher."""

    def __init__(self, folder: Path, step: int, steps: int, rows: int):
        self.file, self.first, self.steps, self.rows = folder / HEARTBEAT, step, steps, rows
        self.began = time.monotonic()

    def rate(self, step: int) -> float:
        return (step - self.first) / max(time.monotonic() - self.began, 1e-9)

    def update(self, step: int, metrics: Numbers) -> None:
        """Does nothing: beat is called once for all rows."""

    def beat(self, step: int) -> None:
        said = {"step": step, "steps": self.steps, "rows": self.rows, "rate": self.rate(step)}
        write_json(self.file, said)


def train_rows(
    configs: Sequence[ConfigDict], workdirs: Sequence[Path], folder: Path, chunk: int = 0
) -> None:
    """Trains a cohort's rows, or resumes them; rows that have ended stay as they are.

    chunk: how many rows at a time, instead of the fastest choice. A row that diverges ends there
    with its summary, and the others go on. Raises PreemptedError after a stop, once saved, and
    WorkdirBusyError if another process trains the cohort or one of its rows.
    """
    with writing(folder):
        make_folder(folder)
    members, m = make_members(configs), len(configs)
    config, arrays = members.setup.config, members.setup.examples()
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, hold(folder))  # only one process may write checkpoints
        saved = stack.enter_context(Checkpoints(folder / "checkpoints", 1, of=configs))
        runs = _open(stack, configs, workdirs)
        if not runs:
            return
        like = jax.eval_shape(lambda: init_rows(members)[0])
        found = saved.restore(
            like, lines=lambda at: _of_all(m, {i: run.lines_until(at) for i, run in runs.items()})
        )
        step, states = found or (0, None)
        pace = _Pace(folder, step, config.steps, m)
        records = _start(stack, members, runs, step, pace)
        if states is None:
            states = init_rows(members)[0]
        how = choose_how(folder / "how.json", members, states, arrays, chunk)
        program = make_cohort(members, arrays, how.chunk, how.place())
        loop.train(program, _Rows(configs, records, saved, pace), states)


def _open(
    stack: contextlib.ExitStack,
    configs: Sequence[ConfigDict],
    workdirs: Sequence[Path],
) -> dict[int, RunDir]:
    """The folder of each row that has not ended, keyed by its place in the cohort."""
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
    members: Members,
    runs: dict[int, RunDir],
    step: int,
    pace: _Pace,
) -> dict[int, Record]:
    """A record for each of these rows, to go on after that step."""
    evaluation_of, records = make_evaluations(), {}
    for index, run in runs.items():
        config = members.configs[index]
        mine = members.setup._replace(config=config)
        run.start(step or None, events=False)
        saved = stack.enter_context(
            Checkpoints(run.checkpoints_dir, config.keep_checkpoints, of=[config])
        )
        records[index] = Record(mine, run, saved, evaluation_of(mine), pace)
    return records


def _of_all(m: int, lines: dict[int, Lines | None]) -> list[Lines | None]:
    """The lines of each of m rows, None for one that has ended."""
    return [lines.get(index) for index in range(m)]


def _has_ended(run: RunDir) -> bool:
    try:
        return ended(run) is not None
    except DivergedError:
        return True


class _Rows:
    """The recorder of a cohort: a Record for each row that has not ended, keyed by its place."""

    def __init__(
        self,
        configs: Sequence[ConfigDict],
        records: dict[int, Record],
        saved: Checkpoints,
        pace: _Pace,
    ):
        self.configs, self.records, self.saved, self.pace = configs, records, saved, pace

    def is_over(self) -> bool:
        return not self.records

    def line(self, step: int, metrics: Metrics, states: State | None) -> None:
        """Writes a line for each row; a row that diverged is recorded as such, then left out."""
        host, looked_at = fetch((metrics, states and states.replace(key=None)))
        for index in list(self.records):
            numbers, state = row(host, index), None
            if states is not None:
                state = row(looked_at, index).replace(key=states.key[index])
            try:
                self.records[index].line(step, numbers, state)
            except DivergedError:
                self.records.pop(index).run.replay_events()
        self.pace.beat(step)

    def save(self, step: int, states: State) -> None:
        """Saves a checkpoint of all rows, which must not outlive their lines."""
        lines = {index: record.run.sync() for index, record in self.records.items()}
        self.saved.save(step, states, _of_all(len(self.configs), lines))

    def leave(self, step: int) -> NoReturn:
        self.saved.wait()
        raise PreemptedError(f"stopped at step {step} of {self.configs[0].steps} and saved")

    def finish(self, step: int, states: State) -> None:
        for index, record in self.records.items():
            record.save(step, row(states, index))
            record.run.replay_events()
            record.end("done", curves=False)
