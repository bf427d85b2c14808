"""Save, verify, restore, fall back: a thin layer over Orbax.

Orbax makes a step appear whole or not at all (it writes a temporary folder and renames it), but it
reads damaged bytes back as if nothing were wrong and casts dtypes silently. So each step carries a
manifest, written before that rename, and a step is trusted only if it matches bit by bit.
"""

import logging
import re
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import jax
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from orbax.checkpoint.checkpoint_managers import LatestN, PreservationPolicy

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
        self.read_only = read_only
        self.warn = warn or logging.getLogger(__name__).warning
        self._good: set[int] = set()  # steps this process wrote or read back
        self._pending: Future | None = None
        _quiet_orbax()
        if not read_only:
            self._manager = _open_manager(self.folder, preservation(keep))
            self._pool = ThreadPoolExecutor(1, "checkpoint")

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind, error, trace):
        try:
            self.close()
        except CannotWriteError as failure:
            if error is None:
                raise
            self.warn(str(failure))  # the first error is the one to report

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
        else:  # Orbax synchronises the processes, which must come in the same order in each
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
            self._manager.close()

    def _restore_only(self, like: PyTree, step: int) -> PyTree:
        if step not in self.steps():
            there = ", ".join(map(str, self.steps())) or "none"
            raise NoCheckpointError(f"no checkpoint {step} in {self.folder}: choose from {there}")
        try:
            return self._load(like, step)
        except DamagedStep as damage:
            raise NoCheckpointError(
                f"checkpoint {step} in {self.folder} cannot be used: {damage}: choose another step"
            ) from damage

    def _load(self, like: PyTree, step: int) -> PyTree:
        described, arrays = _read_verified(self.folder / str(step))
        state = manifest.to_state(described, arrays, like)
        self._good.add(step)
        return state

    def _is_good(self, step: int) -> bool:
        if step not in self.steps() or step in self._good:
            return step in self.steps()
        try:
            _read_verified(self.folder / str(step))
        except DamagedStep as damage:
            self.warn(f"checkpoint {step} in {self.folder} is written again: {damage}")
            self._remove([step])
            return False
        return True

    def _remove(self, steps: list[int]) -> None:
        if self.read_only or not steps:
            return
        if jax.process_index() == 0:
            for step in steps:
                shutil.rmtree(self.folder / str(step), ignore_errors=True)
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices("damaged checkpoints removed")
        self._manager.reload()

    def _write(self, step: int, leaves: dict[str, manifest.Leaf]) -> None:
        try:
            self._manager.save(step, args=_save_args(leaves), force=True)
            self._manager.wait_until_finished()
            if jax.process_index() == 0:
                manifest.seal(self.folder / str(step))
        except Exception as error:  # a full disk comes as OSError, ValueError, RuntimeError, ...
            for path in self.folder.glob(f"{step}.orbax-checkpoint-tmp*"):
                shutil.rmtree(path, ignore_errors=True)
            raise CannotWriteError(
                f"cannot write checkpoint {step} in {self.folder}: {_one_line(error)}: "
                "make room or choose another --workdir"
            ) from error
        self._good.add(step)


def preservation(keep: int) -> PreservationPolicy:
    """Which steps stay: the latest `keep`.

    To keep the best too: AnyPreservationPolicy([LatestN(keep), BestN(...)]), and best_fn above.
    """
    return LatestN(keep)


def _open_manager(folder: Path, policy: PreservationPolicy) -> ocp.CheckpointManager:
    options = ocp.CheckpointManagerOptions(
        cleanup_tmp_directories=True,
        preservation_policy=policy,
        lightweight_initialize=True,  # otherwise a damaged step's metadata stops the start
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(f".*.{manifest.SEAL}.tmp"):
            leftover.unlink()
        return ocp.CheckpointManager(folder, options=options)
    except OSError as error:
        raise CannotWriteError(
            f"cannot write checkpoints to {folder}: {error.strerror}: choose another --workdir"
        ) from error


def _save_args(leaves: dict[str, manifest.Leaf]) -> ocp.args.Composite:
    return ocp.args.Composite(
        # Orbax refuses arrays of size 0; the manifest describes them fully
        state=ocp.args.StandardSave({k: v.array for k, v in leaves.items() if v.array.size}),
        manifest=ocp.args.JsonSave(manifest.describe(leaves)),
    )


def _read_verified(folder: Path) -> tuple[dict, dict]:
    """The manifest and the arrays of one step, every bit of them as it was saved."""
    try:
        manifest.check_seal(folder)
        described = _read_item(folder, manifest=ocp.args.JsonRestore())
        arrays = _read_item(folder, state=ocp.args.StandardRestore())
        manifest.check_leaves(described, arrays)
    except DamagedStep:
        raise
    except Exception as error:  # damage comes as FileNotFoundError, ValueError, KeyError, ...
        raise DamagedStep(f"it cannot be read ({_one_line(error)})") from error
    return described, arrays


def _read_item(folder: Path, **item):
    """One item of a step; without a target, so that Orbax has nothing to cast to."""
    with ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as reader:
        return reader.restore(folder, args=ocp.args.Composite(**item))[next(iter(item))]


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:157] + "..."


def _quiet_orbax() -> None:
    """Orbax logs every step it takes, and errors twice over: what matters is raised."""
    logging.getLogger("absl").addFilter(_not_orbax)


def _not_orbax(record: logging.LogRecord) -> bool:
    return "orbax" not in Path(record.pathname).parts
