"""Errors that a user can mend: one plain line each, and an exit code."""

from collections.abc import Sequence


class UserError(Exception):
    """Something the user can mend. Its text is one plain line."""

    code = 78


class ConfigError(UserError):
    """A bad config or argument."""


class FailedRowsError(UserError):
    """A sweep with rows that crashed; the others are done."""

    code = 1


class DivergedError(UserError):
    """A run whose losses or parameters left the finite numbers."""

    code = 3


class NoCheckpointError(UserError):
    """No checkpoint that can be read and verified."""

    code = 4


class DataCorruptError(UserError):
    """Data were found but do not decode to what they claim to be."""

    code = 65


class DataMissingError(UserError):
    """Data were not found; the message names where it looked and what prepares them."""

    code = 66


class WorkdirBusyError(UserError):
    """Another process holds this workdir."""

    code = 73


class CannotWriteError(UserError):
    """A folder or file cannot be written."""

    code = 74


class PreemptedError(UserError):
    """A SIGTERM or SIGINT arrived; the work is saved. Run the same command again."""

    code = 75


def listed(problems: Sequence[str], most: int) -> str:
    """At most `most` of the problems in one line, and how many more there are."""
    left_out = len(problems) - most
    return "; ".join(problems[:most]) + (f"; and {left_out} more" if left_out > 0 else "")
