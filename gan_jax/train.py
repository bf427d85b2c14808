"""The host loop: data -> steps -> write -> evaluate -> checkpoint, and on again from where it was."""

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax import plots, records, stop
from gan_jax.checkpoint import Checkpoints
from gan_jax.data import pipeline
from gan_jax.evaluate import make_evaluate, make_picture
from gan_jax.progress import Progress
from gan_jax.steps import init_state, make_train_many
from gan_jax.types import DivergedError, GanState, PreemptedError
from gan_jax.writer import RunDir

Numbers = dict[str, Any]


class Result(NamedTuple):
    """How a run ended: its last step and the numbers of its last line."""

    step: int
    metrics: Numbers


def train(config: ConfigDict, workdir: str | Path) -> Result:
    """Trains a checked config in a workdir, or goes on with what is there, unless it is done.

    Raises DivergedError and PreemptedError after what there is was saved; else the errors of data,
    writer and checkpoint, before any long work where they can be known.
    """
    arrays = pipeline.load_examples(config)
    with RunDir(workdir, config) as run:
        ended = _finished(run)
        if ended:
            return ended
        with Checkpoints(run.checkpoints_dir, config.keep_checkpoints) as saved:
            state = init_state(config, jax.random.key(config.seed))
            found = saved.restore(jax.eval_shape(lambda: state))
            run.start(found[0] if found else None)
            source = pipeline.make_source(config, arrays)
            return _loop(config, run, saved, source, found[1] if found else state)


def _finished(run: RunDir) -> Result | None:
    path = run.path("summary.json")
    summary = json.loads(path.read_text()) if path.exists() else {}
    if summary.get("status") != "done":
        return None
    return Result(summary["step"], summary["metrics"])


def _loop(
    config: ConfigDict, run: RunDir, saved: Checkpoints, source: Callable, state: GanState
) -> Result:
    """Dispatches until the end, a stop, or a divergence; the host is one dispatch behind."""
    many = jax.jit(make_train_many(config), donate_argnums=0)
    key, hypers = jnp.copy(state.key), config_lib.hypers(config)  # the state's own key is donated
    step, waiting = int(state.step), None
    stop.keep_state()
    with Progress(step, config.steps) as progress:
        record = _Record(config, run, progress)
        while step < config.steps and not record.at_equilibrium():
            count = min(config.log_every_steps, config.steps - step)
            state, metrics = many(state, *source(key, np.int32(step)), hypers, np.int32(count))
            step += count
            if waiting:  # the numbers of the dispatch before, while this one runs
                record.line(*waiting)
            waiting = (step, metrics)
            if _due(config, step) or stop.requested():
                record.line(*waiting, record.look(step, state))
                waiting = None
                if stop.requested() or _due(config, step, "checkpoint"):
                    run.sync()  # a checkpoint must not outlive its lines
                    saved.save(step, state)
            if stop.requested() and step < config.steps:
                saved.wait()
                record.summary("preempted")
                raise PreemptedError(
                    f"stopped at step {step} of {config.steps}, saved in {run.workdir}: "
                    "run the same command again to go on"
                )
        if step not in saved.steps():
            saved.save(step, state)
        saved.wait()
        return record.finish()


def _due(config: ConfigDict, step: int, *names: str) -> bool:
    """Whether one of the named schedules (all of them by default) is due at this step."""
    names = names or ("eval", "sample", "checkpoint")
    return step == config.steps or any(step % config[f"{n}_every_steps"] == 0 for n in names)


class _Record:
    """What a run leaves in its folder as it goes."""

    def __init__(self, config: ConfigDict, run: RunDir, progress: Progress):
        self.config, self.run, self.progress = config, run, progress
        self.evaluate, self.picture = make_evaluate(config), make_picture(config)
        timing = records.read_lines(run.path("timing.jsonl"))
        self.began = time.monotonic() - (timing[-1]["seconds"] if timing else 0.0)
        self.lines = records.read_lines(run.path("metrics.jsonl"))

    def look(self, step: int, state: GanState) -> Numbers:
        """Evaluates and draws what is due at this step."""
        if _due(self.config, step, "sample"):
            picture = self.picture(state)
            if picture is not None:
                self.run.write_samples(step, picture)
        return self.evaluate(state) if _due(self.config, step, "eval") else {}

    def line(self, step: int, metrics: Mapping[str, Any], looked: Numbers | None = None) -> None:
        """One line of metrics.jsonl; ends the run where a number of it is not finite."""
        numbers = {k: v.item() for k, v in jax.device_get(dict(metrics)).items()} | (looked or {})
        self.lines.append({"step": step, **numbers})
        self.run.write(step, numbers)
        self.run.write_timing(step, time.monotonic() - self.began, self.progress.rate(step))
        self.progress.update(step, numbers)
        wrong = [name for name, value in numbers.items() if not math.isfinite(value)]
        if wrong:
            self.summary("diverged")
            raise DivergedError(
                f"diverged by step {step}: {', '.join(wrong)} not finite. The last good checkpoint "
                f"is in {self.run.checkpoints_dir}; a lower gen.lr or disc.lr may help"
            )

    def at_equilibrium(self) -> bool:
        """Whether the last stop_at_equilibrium evaluations had D near 1/2 on reals and on fakes."""
        needed, band = self.config.stop_at_equilibrium, self.config.equilibrium_band
        last = [x for x in self.lines if x["step"] % self.config.eval_every_steps == 0][-needed:]
        near = [max(abs(x["d_real"] - 0.5), abs(x["d_fake"] - 0.5)) < band for x in last]
        return 0 < needed == len(near) and all(near)

    def summary(self, status: str) -> Result:
        """summary.json and the pictures of the whole run."""
        last = dict(self.lines[-1])
        step, seconds = last.pop("step"), time.monotonic() - self.began
        self.run.write_progress()
        self.run.write_summary(status, step, last, seconds=seconds)
        return Result(step, last)

    def finish(self) -> Result:
        """The end of a run that is done."""
        plots.plot_curves(self.run.path("metrics.jsonl"), self.run.path("curves.png"))
        return self.summary("done")
