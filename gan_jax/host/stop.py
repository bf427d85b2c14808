"""SIGTERM and Ctrl-C: without work to save they end the process, with it they ask it to stop.

A thread of its own answers them. Python's handlers run between two bytecodes of the main thread,
and a compile is a single one: the grace that a scheduler gives could be over by its end.
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
    """What has been asked, and what there is to save."""

    def __init__(self) -> None:
        self.asked = False
        self.has_work = False
        self.note: Callable[[], object] | None = None


_watch = _Watch()


def install() -> None:
    """Called first of all, before the slow imports. A second Ctrl-C ends the process at once."""
    arrived, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    for each in _SIGNALS:
        signal.signal(each, lambda number, frame: None)  # the pipe has told the thread
    threading.Thread(target=_listen, args=(arrived,), name="signals", daemon=True).start()


def leave_with(note: Callable[[], object]) -> None:
    """From now on there is a run: `note` records that a signal ended it."""
    _watch.note = note


def keep_work() -> None:
    """From now on a signal only asks: there is work to save."""
    _watch.has_work = True


def requested() -> bool:
    """Whether a signal has come."""
    return _watch.asked


def reset() -> None:
    """As at the start of a process."""
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
    """To a person only, without tearing the bar; a log gets the one line at the end."""
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
