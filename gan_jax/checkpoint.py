"""Save, verify, restore, fall back: a thin layer over Orbax.

Orbax alone reads damaged bytes back as if nothing were wrong, casts dtypes silently and never falls
back. So a step is saved beside its place, with a manifest of its leaves, sealed with the checksums
of its files, and only then renamed to its number: it is there with all that proves it, or not at
all. Its layout is that of Orbax's CheckpointManager, which can read it too.
"""

import logging
import re
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import jax
from jax.experimental import multihost_utils

from gan_jax import manifest
from gan_jax.manifest import DamagedStep
from gan_jax.types import CannotWriteError, NoCheckpointError, PyTree


class Checkpoints:
    """The checkpoints of one run. One object per folder and process; use it in `with`.

    A writer (the default) creates the folder and clears what a killed save left behind, so there
    may only be one: hold the workdir's lock. With read_only=True nothing on disk is touched, also
    while a writer is at work. `warn` gets one line for every step that is found damaged.
    """

    def __init__(
        self,
        folder: str | Path,
        keep: int = 2,
        *,
        read_only: bool = False,
        warn: Callable[[str], None] | None = None,
    ):
        self.folder = Path(folder).absolute()
        self.keep = keep
        self.read_only = read_only
        self.warn = warn or logging.getLogger(__name__).warning
        self._good: set[int] = set()  # steps this process wrote or read back
        self._pending: Future | None = None
        manifest.quiet_orbax()
        if not read_only:
            _clear(self.folder)
            self._pool = ThreadPoolExecutor(1, "checkpoint")

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind, error, trace):
        try:
            self.close()
        except CannotWriteError as failure:
            if error is None:  # otherwise the first error is the one to raise
                raise
            self.warn(str(failure))

    def steps(self) -> list[int]:
        """The steps on disk, oldest first, whether or not they can be read."""
        if not self.folder.is_dir():
            return []
        names = (path.name for path in self.folder.iterdir() if path.is_dir())
        return sorted(int(name) for name in names if re.fullmatch("0|[1-9][0-9]*", name))

    def save(self, step: int, state: PyTree) -> None:
        """Copies `state` to the host and returns; digests and writes in a thread.

        The buffers of `state` may be donated right after. Waits for the save before, whose failure
        surfaces here as CannotWriteError. A step that exists and is good is left as it is.
        """
        if self.read_only:
            raise ValueError(f"the checkpoints in {self.folder} were opened with read_only=True")
        step = int(step)
        self.wait()
        if self._is_good(step):
            return
        leaves = manifest.to_host(state)
        if jax.process_count() == 1:
            self._pending = self._pool.submit(self._write, step, leaves)
        else:  # the processes wait for each other here: in each of them in the same order
            self._write(step, leaves)

    def wait(self) -> None:
        """Returns when nothing is being written; raises CannotWriteError if the save failed."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def restore(self, like: PyTree, step: int | None = None) -> tuple[int, PyTree] | None:
        """The newest step that can be trusted and its state, or None where there is no step at all.

        `like` is the result of jax.eval_shape on the function that makes the state; leaves with a
        sharding are placed accordingly. Damaged steps are reported and passed over and, once an
        older one was read, removed, so that the run can save them again. With `step` only that
        one will do. Raises NoCheckpointError when there are steps but none can be trusted.
        """
        self.wait()
        if step is not None:
            return int(step), self._restore_only(like, int(step))
        reasons: dict[int, str] = {}
        # listed anew each time: a writer may be replacing steps while this process reads them
        while left := [number for number in self.steps() if number not in reasons]:
            try:
                state = self._load(like, left[-1])
            except DamagedStep as damage:
                reasons[left[-1]] = str(damage)
                self.warn(f"checkpoint {left[-1]} in {self.folder} is passed over: {damage}")
            else:
                self._remove([number for number in reasons if number > left[-1]])
                return left[-1], state
        if not reasons:
            return None
        raise NoCheckpointError(
            f"no checkpoint in {self.folder} can be used, of {len(reasons)}; {max(reasons)}: "
            f"{reasons[max(reasons)]}: put a copy back or choose another --workdir"
        )

    def close(self) -> None:
        """Waits for the save under way and lets go of the folder."""
        if self.read_only:
            return
        try:
            self.wait()
        finally:
            self._pool.shutdown()

    def _restore_only(self, like: PyTree, step: int) -> PyTree:
        try:
            return self._load(like, step)
        except DamagedStep as damage:
            steps = self.steps()
            reason = damage if step in steps else "it is not there"
            raise NoCheckpointError(
                f"checkpoint {step} in {self.folder} cannot be used: {reason}: "
                f"choose from {', '.join(map(str, steps)) or 'none'}"
            ) from damage

    def _load(self, like: PyTree, step: int) -> PyTree:
        described, arrays = manifest.read(self.folder / str(step))
        state = manifest.to_state(described, arrays, like)
        self._good.add(step)
        return state

    def _is_good(self, step: int) -> bool:
        if step not in self.steps() or step in self._good:
            return step in self.steps()
        try:
            manifest.read(self.folder / str(step))
        except DamagedStep as damage:
            self.warn(f"checkpoint {step} in {self.folder} is written again: {damage}")
            self._remove([step])
            return False
        self._good.add(step)
        return True

    def _remove(self, steps: list[int]) -> None:
        if self.read_only or not steps:
            return
        if jax.process_index() == 0:
            for step in steps:
                shutil.rmtree(self.folder / str(step), ignore_errors=True)
        _meet("gan_jax: checkpoints removed")

    def _write(self, step: int, leaves: dict[str, manifest.Leaf]) -> None:
        beside = self.folder / f"{step}.saving"
        try:
            manifest.write(beside, leaves)
            if jax.process_index() == 0:
                manifest.seal(beside)
                beside.rename(self.folder / str(step))
        except Exception as error:  # a full disk comes as OSError, ValueError, RuntimeError, ...
            _clear(self.folder)
            raise CannotWriteError(
                f"cannot write checkpoint {step} in {self.folder}: {manifest.one_line(error)}: "
                "make room or choose another --workdir"
            ) from error
        _meet("gan_jax: checkpoint saved")
        self._good.add(step)
        self._remove(superseded(self.steps(), self.keep))


def superseded(steps: list[int], keep: int) -> list[int]:
    """Which of the steps, oldest first, may go after a save: all but the latest `keep`.

    To keep the best as well, spare it here.
    """
    return steps[:-keep]


def _clear(folder: Path) -> None:
    """Makes the folder and removes what a killed or failed save left in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.saving*") if jax.process_index() == 0 else ():
            shutil.rmtree(path)
    except OSError as error:
        raise CannotWriteError(
            f"cannot write checkpoints to {folder}: {error.strerror}: choose another --workdir"
        ) from error


def _meet(name: str) -> None:
    """All processes of the run wait here for each other."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)
