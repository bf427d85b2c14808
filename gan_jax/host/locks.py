"""One process at a time in a folder."""

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from gan_jax.host.errors import WorkdirBusyError
from gan_jax.host.files import open_file, writing

log = logging.getLogger(__name__)


def hold(workdir: Path) -> int:
    """A file descriptor that holds the workdir until it is closed, by a death too."""
    handle = open_file(workdir / ".lock", os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(handle, 200).decode(errors="replace").strip() or "another process"
        os.close(handle)
        raise WorkdirBusyError(
            f"workdir {workdir} is in use by {holder}: stop it or choose another --workdir"
        ) from error
    except OSError as error:  # some network file systems have no locks; a run is still possible
        log.warning("workdir %s cannot be locked (%s): start no second run in it", workdir, error)
    os.truncate(handle, 0)
    os.write(handle, f"process {os.getpid()} on {os.uname().nodename}\n".encode())
    return handle


@contextlib.contextmanager
def holding(workdir: Path) -> Iterator[None]:
    """A block in which the workdir, made where there is none, is this process's alone.

    WorkdirBusyError where it is another's, CannotWriteError where it cannot be made.
    """
    with writing(workdir):
        workdir.mkdir(parents=True, exist_ok=True)
        handle = hold(workdir)
    try:
        yield
    finally:
        os.close(handle)
