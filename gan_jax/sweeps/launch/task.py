"""One cohort as a task of a SLURM job array: python -P -m gan_jax.sweeps.launch.task with
WORKDIR NUMBER SECONDS.

It watches a worker as the local launcher does, and thus records why rows failed. After a SIGTERM
the worker saves, and the task goes back into the queue.
"""

import os
import re
import sys
from pathlib import Path
from typing import Any

from gan_jax.host import output, stop
from gan_jax.host.errors import ConfigError, PreemptedError, UserError
from gan_jax.sweeps import launch
from gan_jax.sweeps.launch import local, slurm


def main(workdir: str, number: str, hang_seconds: str) -> int:
    """Returns the exit code: 0, 1 if a row failed, or a UserError's."""
    stop.install()
    stop.keep_work()  # a SIGTERM must not end this process before it is back in the queue
    folder = Path(workdir)
    try:
        said = launch.read(folder)
        cohort = _cohort(said, number)
        local.tend(folder, said, {cohort["id"]}, 1, float(hang_seconds))
    except UserError as error:
        print(f"gan-jax: {error}", file=sys.stderr)
        return _requeue() if isinstance(error, PreemptedError) else error.code
    return int(any(launch.status(folder, r) in ("failed", None) for r in cohort["rows"]))


def _cohort(said: dict[str, Any], number: str) -> dict[str, Any]:
    """The cohort of a task's number. ConfigError if SLURM's variable holds no such number."""
    count = len(said["cohorts"])
    if not re.fullmatch("[0-9]{1,9}", number) or int(number) >= count:
        raise ConfigError(f"SLURM_ARRAY_TASK_ID is {number!r}: expected 0 to {count - 1}")
    return said["cohorts"][int(number)]


def _requeue() -> int:
    """Puts the task back into the queue, unless SLURM is ending it: SLURM itself requeues what it
    preempts, and a task that its user cancelled must not come back."""
    task = "_".join(os.environ.get(f"SLURM_ARRAY_{name}_ID", "") for name in ("JOB", "TASK"))
    try:
        if slurm.ask("squeue", "--noheader", f"--jobs={task}", "--format=%T") == "RUNNING":
            slurm.ask("scontrol", "requeue", task)
    except ConfigError as error:
        print(f"gan-jax: {error}", file=sys.stderr)
    return stop.PREEMPTED


if __name__ == "__main__":
    output.guard()
    sys.exit(main(*sys.argv[1:]))
