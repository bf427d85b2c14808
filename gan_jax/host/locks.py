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
    """Locks the workdir until the file descriptor returned is closed or the process dies."""
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
    """A context in which this process alone has the workdir, which is made if there is none.

    Raises WorkdirBusyError if another process has it, CannotWriteError if it cannot be made.
    """
    with writing(workdir):
        workdir.mkdir(parents=True, exist_ok=True)
        handle = hold(workdir)
    try:
        yield
    finally:
        os.close(handle)
