"""Rows on this machine. Each cohort has a worker process, so that one that is killed, hangs or runs
out of memory takes no other with it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from gan_jax.host import stop
from gan_jax.host.errors import ConfigError, DataCorruptError, PreemptedError, WorkdirBusyError
from gan_jax.host.files import make_folder, open_file, read_json, writing
from gan_jax.host.locks import holding
from gan_jax.host.versions import cores
from gan_jax.sweeps import launch
from gan_jax.sweeps.launch.bar import Bar
from gan_jax.sweeps.launch.worker import UNFIT

POLL_SECONDS = 0.2
LOOK_SECONDS = 1.0  # between two looks; a longer gap counts as this much at most
GRACE_SECONDS = 600.0  # to save after a stop: a dispatch of slow networks takes minutes
REFRESH_SECONDS = 45.0  # between two reports on a sweep under way


class _Clock:
    """Seconds in which this process was awake. Workers sleep with it: that is no silence."""

    def __init__(self) -> None:
        self.seconds, self._looked = 0.0, time.monotonic()

    def tick(self) -> float:
        """Advances the clock; called at every look."""
        now = time.monotonic()
        self.seconds += min(now - self._looked, LOOK_SECONDS)
        self._looked = now
        return self.seconds


class _Worker:
    """One cohort under way."""

    def __init__(self, workdir: Path, cohort: dict[str, Any], devices: int, now: float = 0.0):
        self.workdir, self.cohort = workdir, cohort
        self.folder = workdir / "cohorts" / cohort["id"]
        with writing(self.folder):
            make_folder(self.folder)
            handle = open_file(self.folder / "log.txt", os.O_WRONLY | os.O_APPEND)
        self.heard, self.said = now, self._said()
        self.has_how = (self.folder / "how.json").exists()
        command = [sys.executable, "-P", "-m", "gan_jax.sweeps.launch.worker"]
        with os.fdopen(handle, "ab") as log:
            self.process = subprocess.Popen(
                [*command, str(workdir), cohort["id"], str(devices)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the launcher, which asks its workers
            )

    def done(self) -> int:
        """Row-steps that are done, as far as the worker has reported."""
        try:
            said = read_json(self.folder / "progress.json", {"step": int, "rows": int})
            return said["step"] * said["rows"]
        except (OSError, DataCorruptError):
            return 0

    def has_chosen(self) -> bool:
        """True once, as soon as how.json exists."""
        before, self.has_how = self.has_how, (self.folder / "how.json").exists()
        return self.has_how and not before

    def silent_seconds(self, now: float) -> float:
        """Seconds since it started, or since a change of its heartbeat or its log was last seen."""
        if (said := self._said()) != self.said:
            self.heard, self.said = now, said
        return now - self.heard

    def _said(self) -> list[tuple[int, int]]:
        files = [self.folder / name for name in ("progress.json", "log.txt")]
        found = [file.stat() for file in files if file.exists()]
        return [(stat.st_mtime_ns, stat.st_size) for stat in found]

    def reason(self, code: int) -> str:
        """Why it ended with that code: its last words, or the signal."""
        lines = (self.folder / "log.txt").read_text(errors="replace").splitlines()
        if code < 0:
            name = signal.Signals(-code).name
            hint = " (out of memory?)" if name == "SIGKILL" else ""
            return f"killed by {name}{hint}"
        if code == stop.PREEMPTED:
            return "its worker was stopped from outside"
        words = [line.strip() for line in lines if line.strip()]
        return (words[-1] if words else f"ended with {code}").removeprefix("gan-jax: ")[:500]

    def end(self, number: int) -> None:
        self.process.send_signal(number)

    def close(self) -> None:
        """Closes the pipe that tells the worker that its launcher lives."""
        if self.process.stdin:
            self.process.stdin.close()


def run(
    workdir: Path,
    said: dict[str, Any],
    ids: Collection[str],
    workers: int = 1,
    hang_seconds: float = 3600.0,
    again: Collection[str] = (),
    refresh: Callable[[], None] = lambda: None,
) -> None:
    """Calls tend with the folder locked; failed rows in `again` are tried again."""
    with holding(workdir):
        launch.forgive(workdir, again)
        launch.note_how(workdir)  # an earlier start may have been killed before it did this
        tend(workdir, said, ids, workers, hang_seconds, lambda: launch.note_how(workdir), refresh)


def tend(
    workdir: Path,
    said: dict[str, Any],
    ids: Collection[str],
    workers: int,
    hang_seconds: float,
    note: Callable[[], None] = lambda: None,
    refresh: Callable[[], None] = lambda: None,
) -> None:
    """Trains the cohorts of these ids until all their rows have ended.

    `workers` cohorts at a time share the machine's cores. A worker that is silent for hang_seconds
    is killed, and its rows have failed. note is called at each new how.json, refresh regularly.
    Raises PreemptedError after a stop, and at the end WorkdirBusyError if another process has some
    of the rows.
    """
    waiting = launch.pending(workdir, said, ids)
    devices = max(1, cores() // workers)
    running: list[_Worker] = []
    busy: list[str] = []
    total = sum(len(c["rows"]) for c in waiting)
    clock, refreshed = _Clock(), -REFRESH_SECONDS
    try:
        with Bar(said, waiting) as bar:
            while waiting or running:
                while waiting and len(running) < workers and not stop.requested():
                    running.append(_Worker(workdir, waiting.pop(0), devices, clock.seconds))
                    stop.keep_work()
                time.sleep(POLL_SECONDS)
                now = clock.tick()
                bar.update(sum(worker.done() for worker in running))
                if now - refreshed >= REFRESH_SECONDS:
                    refreshed = now
                    refresh()
                if sum(worker.has_chosen() for worker in running):  # any() would not ask all
                    note()
                for worker in list(running):
                    if _is_over(worker, hang_seconds, now):
                        running.remove(worker)
                        worker.close()
                        bar.ended(worker.cohort)
                        if worker.process.returncode == WorkdirBusyError.code:
                            busy.append(worker.cohort["id"])
                if stop.requested():
                    saved = _stop(running, clock)
                    raise PreemptedError(
                        f"stopped, {saved} in {workdir}: run the same command again to go on "
                        f"({total} rows were to do)"
                    )
    finally:
        for worker in running:
            worker.end(signal.SIGKILL)
            worker.close()
    if busy:
        raise WorkdirBusyError(
            f"another process trains rows of {len(busy)} cohorts in {workdir} ({busy[0]}): run the "
            "same command again when it has ended"
        )


def _is_over(worker: _Worker, hang_seconds: float, now: float) -> bool:
    code = worker.process.poll()
    if code is None:
        if worker.silent_seconds(now) < hang_seconds:
            return False
        worker.end(signal.SIGKILL)
        worker.process.wait()
        launch.fail(worker.workdir, worker.cohort, f"said nothing for {hang_seconds:g} s: ended")
        return True
    if code == UNFIT:
        raise ConfigError(worker.reason(code))
    stopped = code in (stop.PREEMPTED, -signal.SIGTERM) and _stop_requested_soon()
    if code not in (0, WorkdirBusyError.code) and not stopped:
        launch.fail(worker.workdir, worker.cohort, worker.reason(code))
    return True


def _stop_requested_soon() -> bool:
    """Waits briefly: a scheduler signals all processes of a job, and a worker may answer first."""
    for _ in range(5):
        if stop.requested():
            return True
        time.sleep(POLL_SECONDS)
    return False


def _stop(running: list[_Worker], clock: _Clock) -> str:
    """Asks the workers to save, waits for them, and says whether they did."""
    for worker in running:
        worker.end(signal.SIGTERM)
    until = clock.tick() + GRACE_SECONDS
    while any(worker.process.poll() is None for worker in running) and clock.tick() < until:
        time.sleep(POLL_SECONDS)
    late = [worker for worker in running if worker.process.poll() is None]
    for worker in late:
        worker.end(signal.SIGKILL)
        worker.process.wait()
    if not late:
        return "saved"
    return (
        f"but {len(late)} of {len(running)} cohorts did not save within {GRACE_SECONDS:g} s and go "
        "on from the last checkpoint"
    )
