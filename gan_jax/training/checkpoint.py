"""Save, verify, restore, fall back: a thin layer over Orbax.

Orbax alone reads damaged bytes back as if nothing were wrong, casts dtypes silently and never falls
back to an older step. So a step is written under another name, with a manifest of its leaves and
the checksums of its files, and only then renamed to its number: it exists with all that proves it,
or not at all. Its layout is that of Orbax's CheckpointManager, which can read it too.
"""

import contextlib
import logging
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ml_collections import ConfigDict

from gan_jax.host.errors import CannotWriteError, NoCheckpointError
from gan_jax.host.files import discard
from gan_jax.training import manifest, orbax_files, owner
from gan_jax.training.linelog import Lines
from gan_jax.training.manifest import DamagedStep, StrangeStep
from gan_jax.training.owner import LostLines
from gan_jax.types import PyTree


class Checkpoints(contextlib.AbstractContextManager["Checkpoints"]):
    """The checkpoints of one run. One object per folder and process; use it in `with`.

    A writer (the default) creates the folder and removes what a killed save left behind. There may
    be only one, so it must hold the workdir's lock. With read_only=True nothing on disk is touched,
    and a writer may be at work meanwhile. `of` is the config of the states, or the configs of a
    cohort's rows; a checkpoint that was saved for other configs is not restored. `warn` gets one
    line for each step that is passed over.
    """

    def __init__(
        self,
        folder: str | Path,
        keep: int = 2,
        *,
        of: Sequence[ConfigDict] = (),
        read_only: bool = False,
        warn: Callable[[str], None] | None = None,
    ):
        self.folder = Path(folder).absolute()
        self.keep = keep
        self._owner = owner.Owner(of)
        self.read_only = read_only
        self.warn = warn or logging.getLogger(__name__).warning
        self._good: set[int] = set()  # steps that this process wrote or read back
        self._pending: Future | None = None
        orbax_files.refuse_patterns(self.folder)
        orbax_files.quiet_orbax()
        if not read_only:
            orbax_files.clear(self.folder)
            self._pool = ThreadPoolExecutor(1, "checkpoint")

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

    def save(self, step: int, state: PyTree, lines: Sequence[Lines | None] = ()) -> None:
        """Copies `state` to the host and returns; a thread hashes it, writes it and reads it back.

        The buffers of `state` may be donated right after. Waits for the previous save; its failure
        is raised here, as CannotWriteError. A good step that exists is left as it is. `lines` says
        what each row's metrics.jsonl holds now, None for a row that has ended.
        """
        if self.read_only:
            raise ValueError(f"the checkpoints in {self.folder} were opened with read_only=True")
        step = int(step)
        self.wait()
        if self._is_good(step, lines):
            return
        leaves = manifest.to_host(state)
        facts = {"step": step, "lines": [each and list(each) for each in lines]}
        facts |= self._owner.facts
        self._pending = self._pool.submit(self._write, step, leaves, facts)

    def wait(self) -> None:
        """Returns when nothing is being written; raises CannotWriteError if the save failed."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def restore(
        self,
        like: PyTree,
        step: int | None = None,
        lines: Callable[[int], Sequence[Lines | None]] | None = None,
    ) -> tuple[int, PyTree] | None:
        """The newest step that can be read and verified, and its state; None if there is no step.

        `like` is the result of jax.eval_shape on the function that makes the state; with None the
        state is {path: array}, as stored. Damaged steps are reported and passed over; once an older
        one has been read they are removed, so that the run can save them again. With `step`, only
        that one is tried. Raises NoCheckpointError if there are steps but none can be used.

        `lines` tells what each metrics.jsonl holds up to a step. A step that was saved with other
        lines is passed over but kept: the run trains again from an older step and writes the lost
        lines anew, if need be from the beginning, for which None is returned too.
        """
        self.wait()
        if step is not None:
            return int(step), self._restore_only(like, int(step))
        passed: dict[int, DamagedStep] = {}
        # listed anew each time: a writer may be replacing steps while this process reads them
        while left := [number for number in self.steps() if number not in passed]:
            try:
                state = self._load(like, left[-1], lines)
            except DamagedStep as damage:
                passed[left[-1]] = damage
                if not isinstance(damage, LostLines):
                    self.warn(f"checkpoint {left[-1]} in {self.folder} is passed over: {damage}")
            else:
                self._warn_of_lost_lines(passed, f"on from step {left[-1]}")
                self._remove([n for n, why in passed.items() if not isinstance(why, StrangeStep)])
                return left[-1], state
        if not passed or self._warn_of_lost_lines(passed, "from the beginning"):
            return None
        newest = max(passed)
        raise NoCheckpointError(
            f"no checkpoint in {self.folder} can be used, out of {len(passed)}; {newest}: "
            f"{passed[newest]}: put a copy back or choose another --workdir"
        )

    def close(self) -> None:
        """Waits for the save under way and lets go of the folder."""
        if self.read_only:
            return
        try:
            self.wait()
        finally:
            self._pool.shutdown()

    def _warn_of_lost_lines(self, passed: dict[int, DamagedStep], whence: str) -> bool:
        lost = max((n for n, why in passed.items() if isinstance(why, LostLines)), default=None)
        if lost is not None:
            self.warn(
                f"lines were lost since checkpoint {lost} in {self.folder}: {passed[lost]}; "
                f"training goes {whence} again and writes them anew"
            )
        return lost is not None

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

    def _load(
        self,
        like: PyTree,
        step: int,
        lines: Callable[[int], Sequence[Lines | None]] | None = None,
    ) -> PyTree:
        described, arrays = self._read(step)
        with manifest.damage():
            state = manifest.to_state(described, arrays, like)
            if lines is not None:
                owner.check_lines(described, lines(step))
        self._good.add(step)
        return state

    def _read(self, step: int, folder: Path | None = None) -> tuple[dict, dict]:
        described, arrays = manifest.read(folder or self.folder / str(step))
        with manifest.damage():
            self._owner.check(described, arrays, step)
        return described, arrays

    def _is_good(self, step: int, lines: Sequence[Lines | None]) -> bool:
        if step not in self.steps() or step in self._good:
            return step in self.steps()
        try:
            described, _ = self._read(step)
            owner.check_lines(described, lines)
        except DamagedStep as damage:
            self.warn(f"checkpoint {step} in {self.folder} is written again: {damage}")
            self._remove([step])
            return False
        self._good.add(step)
        return True

    def _remove(self, steps: list[int]) -> None:
        if self.read_only or not steps:
            return
        for step in steps:
            with contextlib.suppress(OSError):
                discard(self.folder / str(step))

    def _write(self, step: int, leaves: dict[str, manifest.Leaf], facts: dict) -> None:
        beside = self.folder / f"{step}.saving"
        try:
            manifest.write(beside, leaves, facts)
            manifest.seal(beside)
            self._read(step, beside)  # if it cannot be read back, it replaces nothing
            beside.rename(self.folder / str(step))
        except Exception as error:  # a full disk comes as OSError, ValueError, RuntimeError, ...
            orbax_files.clear(self.folder)
            raise CannotWriteError(
                f"cannot write checkpoint {step} in {self.folder}: {manifest.one_line(error)}: "
                "make room or choose another --workdir"
            ) from error
        self._good.add(step)
        # lost lines being trained again, later steps are there too: they stay until reached
        self._remove(superseded([n for n in self.steps() if n <= step], self.keep))


def superseded(steps: list[int], keep: int) -> list[int]:
    """Which of the steps, oldest first, may go after a save: all but the latest `keep`.

    To keep the best as well, spare it here.
    """
    return steps[:-keep]
