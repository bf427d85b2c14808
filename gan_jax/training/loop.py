"""The only host loop: dispatch, write down, evaluate, save, stop.

A single run, the rows of a sweep that train as one program, and the seeds of a published table
differ only in the program that is dispatched and in the recorder that its numbers go to. The host
is one dispatch behind: it writes down the numbers of the last one while the device works on the
next.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn, Protocol

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax.host import stop
from gan_jax.types import Array, Hypers, Metrics, PyTree, State


class Schedule(NamedTuple):
    """The intervals of what a run does: eval, sample and checkpoint are multiples of log."""

    steps: int  # of the whole run
    log: int  # also the steps of one dispatch
    eval: int
    sample: int
    checkpoint: int
    diagnose: int  # 0: never

    def dispatch(self, step: int) -> int:
        """How many steps to dispatch: up to a multiple of log, between which a run may resume."""
        return min(self.log - step % self.log, self.steps - step)

    def is_due(self, step: int, *names: str) -> bool:
        """Whether one of the named (evaluation, pictures and checkpoint by default) is due."""
        names = names or ("eval", "sample", "checkpoint")
        return step == self.steps or any(step % getattr(self, name) == 0 for name in names)

    def is_watched(self, step: int) -> bool:
        """Whether the line at this step has signals: every `diagnose` steps, rounded up to a line.

        The last line has them, too.
        """
        lines = math.ceil(self.diagnose / self.log)
        return lines > 0 and (step % (lines * self.log) == 0 or step == self.steps)


def schedule_of(config: ConfigDict) -> Schedule:
    """A config's schedule."""
    names = Schedule._fields[1:]
    return Schedule(config.steps, *(config[f"{name}_every_steps"] for name in names))


def asked() -> bool:
    """Whether this process has been asked to stop."""
    return stop.requested()


class Program(NamedTuple):
    """What is dispatched: a run, or the rows of a cohort along a leading axis of everything."""

    schedule: Schedule
    many: Callable[..., tuple[State, Metrics]]  # (state, examples, order, h, steps); see steps.py
    source: Callable[[Array, Any], tuple[PyTree, Array]]  # (key, step) -> (examples, order)
    signals: Callable[[State, Hypers], Metrics]
    h: Hypers
    stopping: Callable[[], bool] = asked  # by this process or another; called once a dispatch


class Recorder(Protocol):
    """Takes the metrics and the state of each dispatch, and decides what to keep of them."""

    def is_over(self) -> bool:
        """Whether training is over before the last step."""

    def line(self, step: int, metrics: Metrics, state: State | None) -> None:
        """Takes the metrics of a dispatch, and the state if it is to be evaluated."""

    def save(self, step: int, state: State) -> None:
        """A checkpoint."""

    def leave(self, step: int) -> NoReturn:
        """Raises PreemptedError, once the state has been saved."""

    def finish(self, step: int, state: State) -> Any:
        """Saves and writes what is left at the end, and returns the result."""


def train(program: Program, recorder: Recorder, state: State) -> Any:
    """Dispatches until the last step, a stop, or until the recorder says that training is over.

    The state is donated. Returns what the recorder's finish returns.
    """
    schedule, step = program.schedule, int(np.ravel(state.step)[0])
    key = jnp.copy(state.key)  # the state's own is donated
    waiting: tuple[int, Metrics] | None = None
    while step < schedule.steps and not recorder.is_over():
        count = np.int32(schedule.dispatch(step))
        source = program.source(key, np.int32(step))
        state, metrics = program.many(state, *source, program.h, count)
        step += int(count)
        if schedule.is_watched(step):
            metrics |= program.signals(state, program.h)
        stop.keep_work()  # from here on a signal only asks to stop
        if waiting:
            recorder.line(*waiting, None)
        waiting = (step, metrics)
        if schedule.is_due(step):
            recorder.line(step, metrics, state)
            waiting = None
        stopping = program.stopping()  # asked once: a signal may come between two questions
        if stopping and waiting:
            recorder.line(step, metrics, state)
            waiting = None
        if step < schedule.steps and (stopping or schedule.is_due(step, "checkpoint")):
            recorder.save(step, state)
        if step < schedule.steps and stopping:
            recorder.leave(step)
    return recorder.finish(step, state)
