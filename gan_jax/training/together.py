"""A run's recorder where several processes train it: process 0 records, the others keep up."""

import contextlib
from typing import Any, NoReturn

import jax

from gan_jax.host.errors import PreemptedError
from gan_jax.place import hosts, nearby
from gan_jax.training.loop import Recorder
from gan_jax.training.outcome import Result
from gan_jax.types import Metrics, State


class Together:
    """The recorder of one of several processes: recorder is None but in process 0.

    What takes long, a compile before the first line, an evaluation, a save, is announced, so that
    the others wait for it.
    """

    def __init__(self, recorder: Recorder | None, may_end: bool):
        self.recorder, self.may_end = recorder, may_end
        self.compiling = contextlib.ExitStack()
        hosts.tick()
        self.compiling.enter_context(hosts.announced())

    def is_over(self) -> bool:
        """Process 0 has seen the lines: the others ask it, where a run can end before its steps."""
        return self.may_end and hosts.first(self.recorder is not None and self.recorder.is_over())

    def line(self, step: int, metrics: Metrics, state: State | None) -> None:
        jax.block_until_ready(metrics)
        self.compiling.close()
        hosts.tick()
        if self.recorder is None:
            return
        with hosts.announced() if state is not None else contextlib.nullcontext():
            self.recorder.line(step, nearby(metrics), nearby(state))

    def save(self, step: int, state: State) -> None:
        if self.recorder is not None:
            with hosts.announced():
                self.recorder.save(step, nearby(state))

    def leave(self, step: int) -> NoReturn:
        if self.recorder is None:
            raise PreemptedError(f"stopped at step {step}, as process 0 was or another")
        with hosts.announced():
            self.recorder.leave(step)
        raise AssertionError("a recorder's leave raises")

    def finish(self, step: int, state: State) -> Any:
        if self.recorder is None:
            return Result(step, {})
        with hosts.announced():
            return self.recorder.finish(step, nearby(state))
