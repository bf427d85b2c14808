"""Calls Orbax quietly, and under a name of the folder that it cannot misread."""

import contextlib
import functools
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import orbax.checkpoint as ocp

from gan_jax.host.errors import CannotWriteError, ConfigError
from gan_jax.host.files import discard, make_folder

_HANDLES = Path("/proc/self/fd")  # Linux: a name for every open file and folder


def write_items(folder: Path, **items) -> None:
    """Saves the items of one step. Raises whatever Orbax does."""
    with _plain_path(folder.parent) as parent, _checkpointer() as writer:
        writer.save(parent / folder.name, args=ocp.args.Composite(**items), force=True)


def read_item(folder: Path, **item):
    """One item of a step; without a target, so that Orbax has nothing to cast to."""
    with _plain_path(folder.parent) as parent, _checkpointer() as reader:
        args = ocp.args.Composite(**item)
        return reader.restore(parent / folder.name, args=args)[next(iter(item))]


def _checkpointer() -> ocp.Checkpointer:
    """A checkpointer for this process alone: of all that train a run, only one has its folder."""
    me = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(primary_host=me, active_processes={me})
    options = ocp.CompositeOptions(multiprocessing_options=alone)
    handler = ocp.CompositeCheckpointHandler(composite_options=options)
    return ocp.Checkpointer(handler, multiprocessing_options=alone)


def clear(folder: Path) -> None:
    """Makes the folder and removes what a killed or failed save left in it."""
    try:
        make_folder(folder)
        for path in folder.glob("*.saving*"):
            discard(path)
    except OSError as error:
        raise CannotWriteError(
            f"cannot write checkpoints to {folder}: {error.strerror}: choose another --workdir"
        ) from error


def refuse_patterns(folder: Path) -> None:
    """ConfigError for a path that Orbax would misread, if the system has no other name for it."""
    if not _HANDLES.is_dir() and (found := re.search(r"[*?\[\\]|(gs|s3):", str(folder))):
        raise ConfigError(
            f"{folder} holds {found[0]!r}, which checkpoints cannot have in their path on this "
            "system: choose another --workdir"
        )


@contextlib.contextmanager
def _plain_path(folder: Path) -> Iterator[Path]:
    """Another name for the folder, through an open handle of it.

    Orbax takes brackets and the like anywhere in a path for a pattern, and `gs:` for a bucket.
    After an error its threads may still be writing and would recreate what has been cleared away:
    by then this name leads nowhere.
    """
    if not _HANDLES.is_dir():
        yield folder
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield _HANDLES / str(handle)
    except BaseException:
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, handle)  # stays open: no other file may get this number
        os.close(nowhere)
        raise
    os.close(handle)


def one_line(error: BaseException) -> str:
    """What the error says, shortened in the middle: the cause tends to come last."""
    text = re.sub(rf"{_HANDLES}/\d+/", "", " ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= 160 else f"{text[:55]} ... {text[-100:]}"


def quiet_orbax() -> None:
    """Silences Orbax, which logs its every step and each error twice; what matters is raised."""
    logging.getLogger("absl").addFilter(_not_orbax)
    if getattr(sys.unraisablehook, "func", None) is not _unraisable:
        sys.unraisablehook = functools.partial(_unraisable, sys.unraisablehook)


def _not_orbax(record: logging.LogRecord) -> bool:
    return "orbax" not in Path(record.pathname).parts


def _unraisable(others: Callable, event) -> None:
    # after a failed write, the other arrays report to an event loop that Orbax has closed
    if str(event.exc_value) != "Event loop is closed":
        others(event)
