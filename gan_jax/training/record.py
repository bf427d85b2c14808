"""What a run leaves in its folder as it goes: lines, evaluations, pictures, how it ended."""

import functools
import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn, Protocol

import numpy as np

from gan_jax.dynamics.guard import GUARD, leaf_name
from gan_jax.evaluate import make_evaluate, make_picture
from gan_jax.evaluate.diagnostics import NOT_FINITE, Diagnosis, Finding, facts
from gan_jax.games import Setup
from gan_jax.host.errors import PreemptedError
from gan_jax.objectives import estimates_ratio, meaningless
from gan_jax.place import fetch
from gan_jax.training import curves as plots
from gan_jax.training import linelog
from gan_jax.training.checkpoint import Checkpoints
from gan_jax.training.experiment import state_like
from gan_jax.training.folder import RunDir
from gan_jax.training.loop import schedule_of
from gan_jax.training.outcome import Result, finite_parts, raise_diverged
from gan_jax.types import State

Numbers = dict[str, Any]
log = logging.getLogger(__name__)


class Evaluation(NamedTuple):
    """The numbers and the picture that are made of a state on schedule."""

    evaluate: Callable[[State], Numbers]
    test: Callable[[State], Numbers]  # the same on separate draws, at the end
    picture: Callable[[State], np.ndarray | None]


def make_evaluations() -> Callable[[Setup], Evaluation]:
    """f(setup) -> evaluators and picture, shared by the rows of a cohort, whose numbers differ.

    Rows may have different objectives: all that estimate a ratio share one, all others another.
    """
    made: dict[bool, Evaluation] = {}

    def evaluation_of(setup: Setup) -> Evaluation:
        kind = estimates_ratio(setup.config.objective)
        if kind not in made:
            test = make_evaluate(setup, part="test")
            made[kind] = Evaluation(make_evaluate(setup), test, make_picture(setup))
        return made[kind]

    return evaluation_of


class Pace(Protocol):
    """Is told of each line, and knows how fast the run goes."""

    def rate(self, step: int) -> float:
        """Steps a second."""

    def update(self, step: int, metrics: Numbers) -> None:
        """Notes that a dispatch is done."""


class Record:
    """The recorder of one run: what it leaves in its folder as it goes."""

    def __init__(
        self,
        setup: Setup,
        run: RunDir,
        saved: Checkpoints,
        evaluation: Evaluation,
        progress: Pace,
    ):
        self.setup, self.config, self.run, self.saved = setup, setup.config, run, saved
        self.evaluation, self.progress = evaluation, progress
        self.schedule = schedule_of(setup.config)
        self.refusal = ""  # the first refusal, in words
        timing = linelog.read_lines(run.path("timing.jsonl"))
        self.began = time.monotonic() - (timing[-1]["seconds"] if timing else 0.0)
        self.lines = [_decode(line) for line in linelog.read_lines(run.path("metrics.jsonl"))]

    @functools.cached_property
    def diagnosis(self) -> Diagnosis:
        """The diagnosis of the lines so far. Made at the first line, while the device works."""
        diagnosis = Diagnosis(facts(self.config, self.setup.data), self.lines)
        for line in self.lines:  # the state knows which leaf it was
            if line.get("refused"):
                words = f"a gradient was not finite by step {line['step']}"
                diagnosis.tell(Finding(NOT_FINITE, line["step"], words))
        return diagnosis

    def line(self, step: int, metrics: Mapping[str, Any], state: State | None = None) -> None:
        """Writes a line of metrics.jsonl; with a state, also evaluates it and draws its samples.

        Ends the run if the game is lost: see _lost.
        """
        host = fetch(dict(metrics))
        refused, diagnosis = host.pop(GUARD), self.diagnosis
        left_out = meaningless(self.config.objective)
        numbers = {name: v.item() for name, v in host.items() if name not in left_out}
        lost = self._lost(step, numbers, refused, state)
        if state is not None and not lost:
            numbers |= self._evaluate_samples(step, numbers, state)
        if count := sum(int(seen.times) for seen in refused.values()):
            numbers["refused"] = count
        self.lines.append({"step": step, **numbers})
        self.run.write(step, numbers)
        self.run.write_timing(step, time.monotonic() - self.began, self.progress.rate(step))
        self.progress.update(step, numbers)
        for finding in diagnosis.add(self.lines[-1]):
            words = finding.step, finding.label, finding.evidence
            log.warning("%s, step %d: %s: %s", self.run.workdir.name, *words)
        if lost:
            diagnosis.tell(Finding(NOT_FINITE, step, lost))
            self.end("diverged", reason=lost)
            raise_diverged(self.run, step, lost)

    def _lost(self, step: int, numbers: Numbers, refused: Any, state: State | None) -> str:
        """Why the run cannot go on, or "": a number of the game or the state is not finite.

        An update whose gradient was not finite was refused; nonfinite.policy says what follows.
        """
        count = sum(int(seen.times) for seen in refused.values())
        if count:
            told = self.refusal = self.refusal or self._first_refusal(refused)
            known = self.diagnosis.found.get(NOT_FINITE)
            since = known.step if known else step
            self.diagnosis.found[NOT_FINITE] = Finding(NOT_FINITE, since, told)
            if self.config.nonfinite.policy == "stop":
                return told
            if count > self.config.nonfinite.limit:
                return f"{told}, and {count} updates were refused: nonfinite.limit is reached"
        before = self.lines[-1].get("refused", 0) if self.lines else 0
        played = {k: v for k, v in numbers.items() if not k.startswith("watch/")}
        wrong = [k for k, v in played.items() if not math.isfinite(v) and count == before]
        if state is not None:  # a state can be lost at finite losses, and must not be saved
            finite = fetch(finite_parts(state))
            wrong += [part for part, good in finite.items() if not good]
        return f"{', '.join(wrong)} not finite" if wrong else ""

    def _first_refusal(self, refused: Any) -> str:
        times = {name: m.times for m in self.setup.game.moves for name in m.players}
        first = {k: int(seen.first) // times[k] for k, seen in refused.items() if seen.times}
        player = min(first, key=lambda name: first[name])
        params = state_like(self.setup).players[player].params
        leaf = leaf_name(params, int(refused[player].leaf))
        return f"{player}'s gradient of {leaf} was not finite in step {first[player] + 1}"

    def _evaluate_samples(self, step: int, numbers: Numbers, state: State) -> Numbers:
        ends = step == self.config.steps or self.at_equilibrium({"step": step, **numbers})
        if ends or self.schedule.is_due(step, "sample"):
            picture = self.evaluation.picture(state)
            if picture is not None:
                self.run.write_samples(step, picture)
        found = self.evaluation.evaluate(state) if self.schedule.is_due(step, "eval") else {}
        return found | (self.evaluation.test(state) if ends else {})

    def save(self, step: int, state: State) -> None:
        """Saves a checkpoint, which must not outlive its lines."""
        self.saved.save(step, state, [self.run.sync()])

    def leave(self, step: int) -> NoReturn:
        """Ends the run after a stop, once it has been saved."""
        self.saved.wait()
        self.summary("preempted")
        raise PreemptedError(
            f"stopped at step {step} of {self.config.steps}, saved in {self.run.workdir}: "
            "run the same command again to go on"
        )

    def finish(self, step: int, state: State) -> Result:
        """Ends a run that is done."""
        self.save(step, state)
        return self.end("done")

    def at_equilibrium(self, *coming: Numbers) -> bool:
        """Whether the last stop_at_equilibrium evaluations had D near 1/2 on reals and on fakes.

        coming: a line that is not yet among the others.
        """
        needed, band = self.config.stop_at_equilibrium, self.config.equilibrium_band
        if not needed:
            return False
        lines, every = [*self.lines, *coming], self.config.eval_every_steps
        last = [line for line in lines if line["step"] % every == 0][-needed:]
        near = [max(abs(x["d_real"] - 0.5), abs(x["d_fake"] - 0.5)) < band for x in last]
        return len(near) == needed and all(near)

    is_over = at_equilibrium  # a run has no other way to end by itself

    def summary(self, status: str, reason: str = "") -> Result:
        """Writes summary.json: the last line, and how and why the run ended with it."""
        last = dict(self.lines[-1]) if self.lines else {"step": 0}
        step, seconds = last.pop("step"), time.monotonic() - self.began
        findings = sorted(self.diagnosis.found.values(), key=lambda finding: finding.step)
        self.run.write_summary(status, step, last, findings, seconds=seconds, reason=reason)
        return Result(step, last)

    def end(self, status: str, curves: bool = True, reason: str = "") -> Result:
        """Ends the run for good: its last checkpoint, the pictures of all of it, its summary."""
        self.saved.wait()
        self.run.write_progress()
        if curves:
            plots.plot_curves(self.run.path("metrics.jsonl"), self.run.path("curves.png"))
        return self.summary(status, reason)


def _decode(line: Numbers) -> Numbers:
    """A line of metrics.jsonl with its NaN and infinities as numbers again."""
    odd = line.get("nonfinite", {})
    numbers = {name: value for name, value in line.items() if name != "nonfinite"}
    return numbers | {name: float(text) for name, text in odd.items()}
