"""The run directory: what a run writes, in the form other people's scripts read.

    config.json    the resolved config        samples/       step_00001000.png, progress.gif
    metrics.jsonl  one object a line          checkpoints/   see checkpoint.py
    timing.jsonl   the clock, kept apart      events.*       TensorBoard
    summary.json   how the run ended          .lock          held while a process writes here

metrics.jsonl is byte-equal between two runs of one command: it has no clock, its keys are sorted
after "step", and a float32 is written as its shortest decimal. See linelog.py for NaN.
"""

import contextlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from gan_jax.config import as_before
from gan_jax.config.as_json import FORMAT, config_difference, plain_config, read_config
from gan_jax.evaluate.pictures import grid as images
from gan_jax.host.errors import ConfigError, listed
from gan_jax.host.files import make_folder, read_if_whole, write_atomically, write_json, writing
from gan_jax.host.locks import holding
from gan_jax.training import linelog
from gan_jax.training.events import EventLog

SUMMARY = {"status": str, "step": int, "metrics": dict}
STATUSES = ("done", "diverged", "preempted", "failed")


class RunDir(contextlib.AbstractContextManager["RunDir"]):
    """One process's hold on a workdir. Use it in `with`: leaving it flushes, closes and unlocks.

    The order: RunDir(workdir, config), restore a checkpoint, start(its step), then write. Raises
    CannotWriteError, WorkdirBusyError, and ConfigError if the folder holds another config.
    """

    def __init__(self, workdir: str | Path, config: Any = None):
        self.workdir = Path(workdir)
        self._metrics: linelog.LineLog | None = None
        self._timing: linelog.LineLog | None = None
        self._events: EventLog | None = None
        self._config = None if config is None else plain_config(config)
        with contextlib.ExitStack() as stack:
            stack.enter_context(holding(self.workdir))
            for folder in (self.samples_dir, self.checkpoints_dir):
                with writing(folder):
                    make_folder(folder)
            if self._config is not None:
                self._settle_config(self._config)
            self._held = stack.pop_all()

    def __exit__(self, kind, error, trace):
        self.close()

    @property
    def samples_dir(self) -> Path:
        return self.workdir / "samples"

    @property
    def checkpoints_dir(self) -> Path:
        return self.workdir / "checkpoints"

    def start(self, step: int | None, events: bool = True) -> None:
        """Opens the logs to go on after checkpoint `step`, or anew if it is None.

        Without events, which take a thread for each run, replay_events writes TensorBoard's file
        later. Lines, samples and the summary that an earlier process wrote beyond that step are
        removed, since they will be written again; TensorBoard hides such events.
        """
        last = -1 if step is None else int(step)
        with writing(self.workdir):
            self.path("summary.json").unlink(missing_ok=True)
            for path in self.sample_files():
                if _step_of(path) > last:
                    path.unlink()
            self._metrics = linelog.LineLog(self.path("metrics.jsonl"), last)
            self._held.callback(self._metrics.close)
            self._timing = linelog.LineLog(self.path("timing.jsonl"), last)
            self._held.callback(self._timing.close)
        if events:
            self._events = EventLog(self.workdir, last + 1, self._config)
            self._held.callback(self._events.close)

    def replay_events(self) -> None:
        """Writes TensorBoard's file from all lines at once, for a run started without events."""
        with writing(self.workdir):
            for old in self.workdir.glob("events.*"):
                old.unlink()
        log = EventLog(self.workdir, config=self._config)
        for line in linelog.read_lines(self.path("metrics.jsonl")):
            log.scalars(line["step"], {k: v for k, v in line.items() if k != "step"})
        log.close()

    def write(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Writes a line of metrics.jsonl, and the same numbers as events. Steps must increase."""
        self._line(self._metrics, step, metrics)

    def write_timing(self, step: int, seconds: float, steps_per_second: float) -> None:
        """Writes a line of timing.jsonl; seconds since the run's start."""
        values = {"seconds": seconds, "steps_per_second": steps_per_second}
        self._line(self._timing, step, values, prefix="timing/")

    def write_samples(self, step: int, picture_HxWxC: np.ndarray) -> Path:
        """Writes samples/step_00001000.png from a uint8 picture (see images.grid), and an event."""
        png = images.png_bytes(picture_HxWxC)
        path = self.write_bytes(f"samples/step_{int(step):08d}.png", png)
        if self._events is not None:
            height, width = picture_HxWxC.shape[:2]
            self._events.picture(int(step), "samples", png, (height, width))
        return path

    def write_progress(self) -> Path | None:
        """Writes samples/progress.gif from all pictures of the run; None if there are none."""
        files = self.sample_files()
        if not files:
            return None
        labels = [f"step {_step_of(path)}" for path in files]
        return self.write_bytes("samples/progress.gif", images.gif_bytes(files, labels))

    def write_summary(
        self,
        status: str,
        step: int,
        metrics: Mapping[str, Any],
        findings: Sequence[Any] = (),
        seconds: float = 0.0,
        reason: str = "",
    ) -> Path:
        """Writes summary.json: how the run ended. While a run goes on, there is none.

        findings: what diagnostics found, each with label, step, evidence.
        """
        if status not in STATUSES:
            raise ValueError(f"status {status!r} is unknown: choose from {', '.join(STATUSES)}")
        summary = {
            "status": status,
            "step": int(step),
            "metrics": linelog.encode_metrics(metrics),
            "labels": [finding.label for finding in findings],
            "findings": [finding._asdict() for finding in findings],
            "seconds": round(float(seconds), 3),
        }
        return self.write_json("summary.json", summary | ({"reason": reason} if reason else {}))

    def write_json(self, name: str, value: Any) -> Path:
        """Writes a JSON file in the workdir, whole or not at all."""
        path = self.path(name)
        with writing(path):
            write_json(path, value)
        return path

    def write_bytes(self, name: str, data: bytes) -> Path:
        """Writes a file in the workdir, whole or not at all."""
        path = self.path(name)
        with writing(path):
            write_atomically(path, data)
        return path

    def path(self, name: str) -> Path:
        """Where `name` lies in the workdir. Raises ValueError for a name that leads out of it."""
        parts = PurePath(name).parts
        if not parts or PurePath(name).is_absolute() or ".." in parts or "\0" in name:
            raise ValueError(f"{name!r} is not the name of a file inside {self.workdir}")
        return self.workdir / name

    def sample_files(self) -> list[Path]:
        """The run's pictures, in the order of their steps."""
        files = self.samples_dir.glob("step_*.png")
        return sorted((f for f in files if re.fullmatch(r"step_\d+", f.stem)), key=_step_of)

    def sync(self) -> linelog.Lines | None:
        """Forces the lines to the disk. Called before a checkpoint, which must not outlive them.

        Returns what metrics.jsonl then holds, for that checkpoint to record.
        """
        for lines in (self._metrics, self._timing):
            if lines is not None:
                with writing(lines.path):
                    lines.sync()
        return self._metrics.lines() if self._metrics else None

    def lines_until(self, step: int) -> linelog.Lines:
        """What metrics.jsonl holds of the lines that a start at this step would keep."""
        with writing(self.workdir):
            return linelog.lines_until(self.path("metrics.jsonl"), step)

    def summary(self) -> dict[str, Any]:
        """The content of summary.json; {} if missing or damaged: the run's end writes it anew."""
        return read_if_whole(self.path("summary.json"), SUMMARY) or {}

    def close(self) -> None:
        """Flushes and closes everything, then unlocks the workdir. May be called twice."""
        self._metrics = self._timing = self._events = None
        with writing(self.workdir):
            self._held.close()

    def _line(self, lines, step: int, values: Mapping[str, Any], prefix: str = "") -> None:
        if lines is None:
            raise RuntimeError("RunDir.start(step) comes before the first line")
        plain = {name: linelog.plain_value(value, name) for name, value in values.items()}
        with writing(lines.path):
            lines.write(step, plain)
        if self._events is not None:
            self._events.scalars(int(step), {prefix + name: v for name, v in plain.items()})

    def _settle_config(self, config: dict) -> None:
        """Writes config.json. ConfigError if there is one that differs in more than its steps."""
        if self.path("config.json").exists():
            there = read_config(self.workdir)
            if different := config_difference(there, config, plain_config(as_before())):
                raise ConfigError(
                    f"workdir {self.workdir} holds another config: {listed(different, 8)}: "
                    "choose another --workdir, which can start from these weights with "
                    f"--init_from {self.workdir}"
                )
            before = there.get("steps")
            if before == config.get("steps"):
                return
            summary = self.summary()
            if (summary.get("status"), summary.get("step")) == ("done", before):
                path = self.path("summary.json")  # it had only run out of steps
                with writing(path):
                    path.unlink()
        self.write_json("config.json", {"format": FORMAT, **config})


def _step_of(path: Path) -> int:
    return int(path.stem.removeprefix("step_"))
