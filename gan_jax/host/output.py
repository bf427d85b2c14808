"""Makes standard output and standard error never raise: text that cannot be written ends no run.

The reader may have gone, the disk may be full, or a daemon may start us with closed streams. Lost
text is noted, and a verb whose only result is what it prints asks for that with `check`.
"""

import contextlib
import errno
import io
import os
import sys
from typing import Any, TextIO

from gan_jax.host.errors import CannotWriteError


class _Descriptor(io.FileIO):
    """A file descriptor that notes its first failure and raises nothing."""

    problem: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            written = super().write(data)
            if written is not None:
                return written
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        except OSError as error:
            self.problem = self.problem or error
            return len(data)


def guard() -> None:
    """Guards both streams. Called first in each process, before it opens any file."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: logs would overwrite a checkpoint that was given this number
            lowest = os.open(os.devnull, os.O_RDWR)  # which is `number`
            os.set_inheritable(lowest, True)
    sys.stdout, sys.stderr = _guarded(sys.stdout, 1), _guarded(sys.stderr, 2)


def _guarded(stream: TextIO | None, number: int) -> TextIO:
    """The same stream, but it never raises: characters that its encoding lacks become \\x.."""
    return io.TextIOWrapper(
        io.BufferedWriter(_Descriptor(number, "wb", closefd=False)),
        encoding=stream.encoding if stream else "utf-8",
        errors="backslashreplace",
        line_buffering=number == 2 or os.isatty(number),
        write_through=getattr(stream, "write_through", False),
    )


def check() -> None:
    """CannotWriteError if standard output has lost text that somebody still wanted to read."""
    with contextlib.suppress(BrokenPipeError):  # raised by a stream that is not guarded
        sys.stdout.flush()
    problem = getattr(getattr(getattr(sys.stdout, "buffer", None), "raw", None), "problem", None)
    if problem and problem.errno != errno.EPIPE:  # a reader such as head is done
        raise CannotWriteError(f"cannot write to standard output: {problem.strerror}")
