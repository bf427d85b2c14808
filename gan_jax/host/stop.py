"""Handles SIGTERM and Ctrl-C: they ask a run with work to save to stop, and end any other process.

A separate thread answers them. Python's own handlers run between two bytecodes of the main thread,
and a compile is a single one: it could outlast the grace period that a scheduler gives.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable

PREEMPTED = 75
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _Watch:
    """What has been asked for, and whether there is work to save."""

    def __init__(self) -> None:
        self.asked = False
        self.has_work = False
        self.note: Callable[[], object] | None = None


_watch = _Watch()


def install() -> None:
    """Called first, before the slow imports. A second Ctrl-C ends the process at once."""
    arrived, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    for each in _SIGNALS:
        signal.signal(each, lambda number, frame: None)  # the thread learns of it through the pipe
    threading.Thread(target=_listen, args=(arrived,), name="signals", daemon=True).start()


def leave_with(note: Callable[[], object]) -> None:
    """From now on, `note` is called when a signal ends the process, to record that."""
    _watch.note = note


def keep_work() -> None:
    """From now on a signal only asks to stop, because there is work to save."""
    _watch.has_work = True


def requested() -> bool:
    """Whether a signal has come."""
    return _watch.asked


def reset() -> None:
    """Restores the state that a process starts with."""
    vars(_watch).update(vars(_Watch()))


def _listen(arrived: int) -> None:
    while numbers := os.read(arrived, 1):
        on_signal(numbers[0])


def on_signal(number: int) -> None:
    """What one SIGTERM or SIGINT does; other signals do nothing."""
    if number not in _SIGNALS:
        return
    name = signal.Signals(number).name
    if not _watch.has_work:
        _leave(f"{name}: stopped; there is nothing new to save. Run the same command again")
    elif _watch.asked and number == signal.SIGINT:
        _leave("stopped at once: what came after the last checkpoint is lost")
    elif not _watch.asked:
        _watch.asked = True
        _say(f"{name}: stopping after this dispatch, then saving (Ctrl-C again: at once)")


def _say(line: str) -> None:
    """Prints to a terminal only, without breaking the bar; a log gets the one line at the end."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        tqdm.write(f"gan-jax: {line}", file=sys.stderr)


def _leave(line: str) -> None:
    if _watch.note is not None:
        with contextlib.suppress(Exception):  # whatever it is, the process ends now
            _watch.note()
    with contextlib.suppress(OSError):  # nobody may read it
        os.write(2, f"gan-jax: {line}.\n".encode())
    os._exit(PREEMPTED)
