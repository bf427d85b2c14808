"""The host loop: data -> steps -> write -> evaluate -> checkpoint; on again from where it was."""

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax import plots, records, stop
from gan_jax.checkpoint import Checkpoints
from gan_jax.data import pipeline
from gan_jax.evaluate import make_evaluate, make_picture
from gan_jax.experiment import state_like
from gan_jax.progress import Progress
from gan_jax.steps import init_state, jit_loop, make_train_many
from gan_jax.types import DivergedError, GanState, PreemptedError, UserError
from gan_jax.writer import RunDir

Numbers = dict[str, Any]


class Result(NamedTuple):
    """How a run ended: its last step and the numbers of its last line."""

    step: int
    metrics: Numbers
    was_done: bool = False  # by an earlier process: this one did nothing


def train(config: ConfigDict, workdir: str | Path) -> Result:
    """Trains a checked config in a workdir, or goes on with what is there, unless it is done.

    Raises DivergedError and PreemptedError after what there is was saved; else the errors of data,
    writer and checkpoint, before any long work where they can be known. A run that diverged would
    diverge again: it is not repeated, and raises the same error at once.
    """
    is_new = not (Path(workdir) / "config.json").exists()
    with RunDir(workdir, config) as run:
        ended = _ended(run)
        if ended:
            return ended
        try:
            arrays = pipeline.load_examples(config)
        except UserError:
            if is_new:  # nothing has run: mended, perhaps with another data.dir, it may
                run.path("config.json").unlink()
            raise
        with Checkpoints(run.checkpoints_dir, config.keep_checkpoints) as saved:
            step, state = saved.restore(state_like(config)) or (0, None)
            run.start(step or None)
            with Progress(step, config.steps) as progress:
                record = _Record(config, run, saved, progress)
                stop.leave_with(lambda: record.summary("preempted"))
                if state is None:
                    state = init_state(config, jax.random.key(config.seed))
                try:
                    return _loop(config, record, pipeline.make_source(config, arrays), state)
                except Exception as error:
                    if not isinstance(error, UserError):
                        record.summary("failed")
                    raise


def _ended(run: RunDir) -> Result | None:
    """What an earlier process came to, if that is final."""
    path = run.path("summary.json")
    summary = json.loads(path.read_text()) if path.exists() else {}
    if summary.get("status") == "diverged":
        _raise_diverged(run, summary["step"], list(summary["metrics"].get("nonfinite", {})))
    if summary.get("status") != "done":
        return None
    return Result(summary["step"], summary["metrics"], was_done=True)


def _raise_diverged(run: RunDir, step: int, wrong: list[str]) -> NoReturn:
    kept = sorted(int(path.name) for path in run.checkpoints_dir.glob("*") if path.name.isdigit())
    good = f"the last good checkpoint is of step {kept[-1]}" if kept else "no checkpoint was good"
    raise DivergedError(
        f"diverged by step {step}: {', '.join(wrong) or 'the weights'} not finite; {good}. "
        "Try a lower gen.lr or disc.lr in another --workdir"
    )


def _loop(config: ConfigDict, record: "_Record", source: Callable, state: GanState) -> Result:
    """Dispatches until the end, a stop, or a divergence; the host is one dispatch behind."""
    many = jit_loop(make_train_many(config))
    key, hypers = jnp.copy(state.key), config_lib.hypers(config)  # the state's own key is donated
    step, waiting = int(state.step), None
    while step < config.steps and not record.at_equilibrium():
        count = min(config.log_every_steps, config.steps - step)
        state, metrics = many(state, *source(key, np.int32(step)), hypers, np.int32(count))
        step += count
        stop.keep_work()
        if waiting:  # the numbers of the dispatch before, while this one runs
            record.line(*waiting)
        waiting = (step, metrics)
        if _due(config, step):
            record.line(step, metrics, state)
            waiting = None
        stopping = stop.requested()  # asked once: a signal may come between two questions
        if stopping and waiting:
            record.line(step, metrics, state)
            waiting = None
        if stopping or _due(config, step, "checkpoint"):
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


def _due(config: ConfigDict, step: int, *names: str) -> bool:
    """Whether one of the named schedules (all of them by default) is due at this step."""
    names = names or ("eval", "sample", "checkpoint")
    return step == config.steps or any(step % config[f"{n}_every_steps"] == 0 for n in names)


@jax.jit
def _finite(state: GanState) -> dict[str, jax.Array]:
    parts = {"gen": state.gen, "disc": state.disc, "the average of gen": state.ema}
    leaves = {name: jax.tree.leaves(part) for name, part in parts.items()}
    return {
        name: jnp.stack([jnp.isfinite(x).all() for x in all_of_it]).all()
        for name, all_of_it in leaves.items()
        if all_of_it
    }


class _Record:
    """What a run leaves in its folder as it goes."""

    def __init__(self, config: ConfigDict, run: RunDir, saved: Checkpoints, progress: Progress):
        self.config, self.run, self.saved, self.progress = config, run, saved, progress
        self.evaluate, self.picture = make_evaluate(config), make_picture(config)
        timing = records.read_lines(run.path("timing.jsonl"))
        self.began = time.monotonic() - (timing[-1]["seconds"] if timing else 0.0)
        self.lines = [_decode(line) for line in records.read_lines(run.path("metrics.jsonl"))]

    def line(self, step: int, metrics: Mapping[str, Any], state: GanState | None = None) -> None:
        """One line of metrics.jsonl; with a state also what is to be evaluated and drawn of it.

        Ends the run where a number of the game, or of the state, is not finite.
        """
        numbers = {k: v.item() for k, v in jax.device_get(dict(metrics)).items()}
        wrong = [name for name, value in numbers.items() if not math.isfinite(value)]
        if state is not None:  # a state can be lost at finite losses, and must not be saved
            finite = jax.device_get(_finite(state))
            wrong += [f"the weights of {name}" for name, good in finite.items() if not good]
            numbers |= {} if wrong else self._look(step, state)
        self.lines.append({"step": step, **numbers})
        self.run.write(step, numbers)
        self.run.write_timing(step, time.monotonic() - self.began, self.progress.rate(step))
        self.progress.update(step, numbers)
        if wrong:
            self.finish("diverged")
            _raise_diverged(self.run, step, wrong)

    def _look(self, step: int, state: GanState) -> Numbers:
        if _due(self.config, step, "sample"):
            picture = self.picture(state)
            if picture is not None:
                self.run.write_samples(step, picture)
        return self.evaluate(state) if _due(self.config, step, "eval") else {}

    def save(self, step: int, state: GanState) -> None:
        """A checkpoint, which must not outlive its lines."""
        self.run.sync()
        self.saved.save(step, state)

    def at_equilibrium(self) -> bool:
        """Whether the last stop_at_equilibrium evaluations had D near 1/2 on reals and on fakes."""
        needed, band = self.config.stop_at_equilibrium, self.config.equilibrium_band
        if not needed:
            return False
        last = [x for x in self.lines if x["step"] % self.config.eval_every_steps == 0][-needed:]
        near = [max(abs(x["d_real"] - 0.5), abs(x["d_fake"] - 0.5)) < band for x in last]
        return len(near) == needed and all(near)

    def summary(self, status: str) -> Result:
        """summary.json: the last line, and how it came to be the last."""
        last = dict(self.lines[-1]) if self.lines else {"step": 0}
        step, seconds = last.pop("step"), time.monotonic() - self.began
        self.run.write_summary(status, step, last, seconds=seconds)
        return Result(step, last)

    def finish(self, status: str) -> Result:
        """The end for good: the last checkpoint on disk, the pictures of the whole run, summary."""
        self.saved.wait()
        self.run.write_progress()
        plots.plot_curves(self.run.path("metrics.jsonl"), self.run.path("curves.png"))
        return self.summary(status)


def _decode(line: Numbers) -> Numbers:
    """A line of metrics.jsonl with its NaN and infinities as numbers again."""
    odd = line.get("nonfinite", {})
    numbers = {name: value for name, value in line.items() if name != "nonfinite"}
    return numbers | {name: float(text) for name, text in odd.items()}
