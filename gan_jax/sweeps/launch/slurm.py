"""Rows on a SLURM cluster: a job array, a task a cohort, submitted with sbatch.

The only records are the rows' folders and SLURM itself. A task's number is the place of its cohort
in rows.json, and the job's name is a hash of the sweep's folder. So a later call finds in the queue
which cohorts are under way, and submits the others that have not ended. A task whose cohort has
ended, or is held by another process, leaves it as it is.
"""

import hashlib
import shlex
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from gan_jax.host.errors import ConfigError
from gan_jax.host.files import writing
from gan_jax.host.locks import holding
from gan_jax.sweeps import launch

ANSWER_SECONDS = 120.0  # for a command of SLURM
NOTICE_SECONDS = 90  # before a job's time is over, to save and go back into the queue
OURS = (  # options of sbatch that gan-jax sets itself
    *("array", "error", "job-name", "no-requeue", "open-mode", "output", "parsable", "requeue"),
    *("signal", "clusters", "help", "test-only", "usage", "version", "wait", "wrap"),
)


def submit(
    workdir: Path,
    said: dict[str, Any],
    ids: Collection[str],
    at_a_time: int | None,
    hang_seconds: float,
    options: Mapping[str, str],
    again: Collection[str] = (),
) -> str | None:
    """Submits the cohorts of these ids that have not ended and are not in the queue.

    Failed rows that are in `again` count as not ended. Returns a line that says what was done, or
    None if all have ended. ConfigError with SLURM's own words if SLURM refuses.
    """
    given = extra(workdir, options)
    with holding(workdir):  # two calls at once would both find an empty queue
        launch.forgive(workdir, again)
        launch.note_how(workdir)
        name, unfinished = job_name(workdir), launch.pending(workdir, said, ids)
        waiting = {n for n, cohort in enumerate(said["cohorts"]) if cohort in unfinished}
        if not waiting:
            return None
        queued = waiting & _in_queue(name)
        new = sorted(waiting - queued)
        job = _sbatch(workdir, name, new, at_a_time, hang_seconds, given) if new else None
    told = [f"job {job}: {len(new)} cohorts submitted to SLURM"] if job else []
    told += [f"{len(queued)} cohorts in SLURM's queue"] if queued else []
    told += [f"{len(ids) - len(waiting)} of {len(ids)} ended"] if len(waiting) < len(ids) else []
    return (
        f"{', '.join(told)}; logs in {workdir / 'slurm'}; squeue --name={name} shows them, scancel "
        f"--name={name} ends them; the same command again goes on, and at the end prints the table"
    )


def job_name(workdir: Path) -> str:
    """The name of all jobs of this folder's sweep."""
    return f"gan-jax-{hashlib.sha256(str(workdir.resolve()).encode()).hexdigest()[:12]}"


def ask(*command: str, script: str = "") -> str:
    """What a command of SLURM prints. ConfigError if it is missing, or with its complaint."""
    try:
        done = subprocess.run(
            command,
            input=script,
            capture_output=True,
            text=True,
            check=False,
            timeout=ANSWER_SECONDS,
        )
    except FileNotFoundError:
        raise ConfigError(
            f"{command[0]} is not there: call this where SLURM's commands are, or with "
            "--launcher local"
        ) from None
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"{command[0]} said nothing for {ANSWER_SECONDS:g} s: call this again when SLURM is up"
        ) from None
    if done.returncode:
        raise ConfigError(f"{command[0]} failed: {' '.join(done.stderr.split())[:500]}")
    return done.stdout.strip()


def extra(workdir: Path, options: Mapping[str, str]) -> list[str]:
    """The options as sbatch takes them. It also accepts abbreviations, as --out for --output."""
    for key in options:
        if any(ours.startswith(key) for ours in OURS):
            raise ConfigError(f"--option {key}: gan-jax sets {', '.join(OURS)} of sbatch itself")
    if not str(workdir).isprintable() or "\\" in str(workdir):
        raise ConfigError(
            f"--workdir {str(workdir)!r}: SLURM has no name for logs in such a folder"
        )
    return [f"--{key}={value}" if value else f"--{key}" for key, value in options.items()]


def _in_queue(name: str) -> set[int]:
    """The numbers of the tasks that wait or run."""
    words = ask("squeue", "--noheader", "--array", f"--name={name}", "--format=%K").split()
    return {int(word) for word in words if word.isdigit()}


def _sbatch(
    workdir: Path,
    name: str,
    numbers: list[int],
    at_a_time: int | None,
    hang_seconds: float,
    extra: list[str],
) -> str:
    """Submits a task for each of the numbers; returns the number of the job."""
    logs = (workdir / "slurm").resolve()
    with writing(logs):
        logs.mkdir(exist_ok=True)
    limit = f"%{at_a_time}" if at_a_time else ""
    command = [sys.executable, "-P", "-m", "gan_jax.sweeps.launch.task", str(workdir.resolve())]
    script = f'#!/bin/sh\nexec {shlex.join(command)} "$SLURM_ARRAY_TASK_ID" {hang_seconds:g}\n'
    return ask(
        "sbatch",
        "--parsable",
        "--requeue",
        "--open-mode=append",  # a task that is requeued appends to its log
        f"--job-name={name}",
        f"--array={','.join(map(str, numbers))}{limit}",
        f"--output={str(logs).replace('%', '%%')}/%A_%a.txt",
        f"--signal=B:TERM@{NOTICE_SECONDS}",
        *extra,
        script=script,
    )
