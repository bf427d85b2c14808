"""SIGTERM and Ctrl-C: before there is anything to save they end the process, later they ask it to stop."""

import os
import signal
import sys
from types import FrameType

PREEMPTED = 75
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_asked = {"to_stop": False, "has_state": False}


def install() -> None:
    """Called first of all, before the slow imports. A second Ctrl-C ends the process at once."""
    for each in _SIGNALS:
        signal.signal(each, _on_signal)


def keep_state() -> None:
    """From now on a signal only asks: there is state to save."""
    _asked["has_state"] = True


def requested() -> bool:
    """Whether a signal has come."""
    return _asked["to_stop"]


def reset() -> None:
    """As at the start of a process."""
    _asked.update(to_stop=False, has_state=False)


def _on_signal(number: int, frame: FrameType | None) -> None:
    name = signal.Signals(number).name
    if not _asked["has_state"]:
        _leave(f"gan-jax: {name} before the first step: nothing to save. Run me again.\n")
    if _asked["to_stop"] and number == signal.SIGINT:
        _leave("gan-jax: stopped at once: what came after the last checkpoint is lost.\n")
    _asked["to_stop"] = True
    sys.stderr.write(f"\ngan-jax: {name}: stopping at the end of this dispatch, then saving.\n")


def _leave(message: str) -> None:
    os.write(2, message.encode())
    os._exit(PREEMPTED)
