"""Where rows run: workers of this machine (local), a SLURM cluster (slurm, task), TPUs (jobset,
tpu_vm). This file has what a sweep's folder holds, and begins, continues and ends a sweep.

    rows.json      every row with its config, the cohorts, how each was run
    rows/<id>/     a run directory each
    cohorts/<id>/  the cohort's checkpoints, how.json, hardware.json, log.txt
    slurm/         the output of SLURM's tasks
    table.json     the statistics, written at the end (and table.md, table.tex)
"""

import dataclasses
import json
import logging
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from gan_jax.config.as_json import FORMAT, check_format
from gan_jax.host.errors import ConfigError, DataCorruptError
from gan_jax.host.files import (
    make_folder,
    read_if_whole,
    read_json,
    refuse_link,
    write_json,
    writing,
)
from gan_jax.host.versions import hardware, versions
from gan_jax.sweeps import rows as rows_lib
from gan_jax.sweeps.rows import Cohort, Row

log = logging.getLogger(__name__)
SWEEP = {
    "rows": [{"id": str, "config": dict}],
    "cohorts": [{"id": str, "rows": [str]}],
}
FINAL = ("done", "diverged", "failed")  # a failed row is tried again only when asked to


def begin(
    workdir: Path,
    name: str,
    source: str,
    command: str,
    rows: Sequence[Row],
    cohorts: Sequence[Cohort],
    chunk: int = 0,
    again: Collection[str] = (),
) -> dict[str, Any]:
    """Writes rows.json of a sweep, with these cohorts of its rows. ConfigError for another sweep.

    What an earlier start wrote stays. Cohorts of further rows are added if they have rows to train:
    rows that have not ended, or that failed and are in `again`. chunk: how many rows run at a time
    (0: the fastest choice); it has to stay what it was at first.
    """
    for folders in ("rows", "cohorts", "slurm", "rows/*", "cohorts/*"):
        for path in workdir.glob(folders):
            refuse_link(path)
    is_new = not (workdir / "rows.json").exists()
    said: dict[str, Any]
    if is_new:
        _refuse_what_is_no_sweep(workdir)
        said = {
            "format": FORMAT,
            "name": name,
            "config": source,
            "varied": rows_lib.varied(rows),
            "rows": [dataclasses.asdict(row) for row in rows],
            "cohorts": [],
            "chunk": chunk,
            "command": command,
            "versions": versions(),
            "hardware": None,  # the workers report it: a launcher stays off accelerators
        }
    else:
        said = read(workdir)
        _refuse_another_sweep(said, workdir, rows, chunk)
    known = {cohort["id"] for cohort in said["cohorts"]}
    new = [
        {"id": c.id, "rows": [row.id for row in c.rows], "why": c.why}
        for c in cohorts
        if c.id not in known and any(_is_due(workdir, row.id, again) for row in c.rows)
    ]
    said["cohorts"] += new
    if is_new or new:  # otherwise another process may be reading or writing it: it stays
        with writing(workdir):
            workdir.mkdir(parents=True, exist_ok=True)
            write(workdir, said)
    return said


def _refuse_what_is_no_sweep(workdir: Path) -> None:
    """ConfigError if the folder has a run or a published table."""
    for other in ("config.json", "table.json"):
        if (workdir / other).exists():
            raise ConfigError(
                f"{workdir} has a {other} that is not a sweep's: choose another --workdir"
            )


def _refuse_another_sweep(
    said: dict[str, Any], workdir: Path, rows: Sequence[Row], chunk: int
) -> None:
    """ConfigError if the folder's sweep has other rows, or ran another number of them at a time."""
    check_format(said, workdir)
    file = workdir / "rows.json"
    there, here = {row["id"] for row in said["rows"]}, {row.id for row in rows}
    if there != here:
        raise ConfigError(
            f"{file} holds another sweep: {len(there - here)} of its rows are not in this one, "
            f"{len(here - there)} of this one's not in it: choose another --workdir"
        )
    if chunk and chunk != said.get("chunk", 0):
        raise ConfigError(
            f"--chunk is {chunk}: {file} was begun with {said.get('chunk') or 'none'}, and "
            "rounding may depend on it: leave it out, or choose another --workdir"
        )


def read(workdir: Path) -> dict[str, Any]:
    """rows.json. ConfigError if there is none."""
    try:
        return read_json(workdir / "rows.json", SWEEP, "put a copy back")
    except (OSError, DataCorruptError) as error:
        raise ConfigError(
            f"{workdir} holds no sweep (rows.json: {error}): give the --workdir of a sweep"
        ) from error


def write(workdir: Path, said: dict[str, Any]) -> None:
    """Writes rows.json, whole or not at all."""
    write_json(workdir / "rows.json", said, indent=1)


def note_hardware(workdir: Path, cohort_id: str) -> None:
    """Notes what this process has trained the cohort on; failing to must not lose its rows."""
    try:
        write_json(workdir / "cohorts" / cohort_id / "hardware.json", {"hardware": hardware()})
    except OSError as error:
        log.warning("what cohort %s was trained on cannot be written: %s", cohort_id, error)


def note_how(workdir: Path) -> None:
    """Copies into rows.json how each cohort is run, and on what hardware."""
    said = read(workdir)  # read anew: another call may have added cohorts
    before = json.dumps(said)
    machines: list[str] = []
    for cohort in said["cohorts"]:
        folder = workdir / "cohorts" / cohort["id"]
        if (folder / "how.json").exists():
            cohort.update(read_json(folder / "how.json", {"how": str}))
        elif len(cohort["rows"]) == 1:
            cohort["how"] = "alone"
        if said_there := read_if_whole(folder / "hardware.json", {"hardware": str}):
            machines.append(said_there["hardware"])
    if machines:
        said["hardware"] = "; ".join(dict.fromkeys(machines))
    if json.dumps(said) != before:
        with writing(workdir):
            write(workdir, said)


def status(workdir: Path, row_id: str) -> str | None:
    """How a row ended, or None if it has not."""
    try:
        said = read_json(workdir / "rows" / row_id / "summary.json", {"status": str})
    except (OSError, DataCorruptError):
        return None
    return said["status"] if said["status"] in FINAL else None


def _is_due(workdir: Path, row_id: str, again: Collection[str]) -> bool:
    ended = status(workdir, row_id)
    return ended is None or (ended == "failed" and row_id in again)


def pending(workdir: Path, said: dict[str, Any], ids: Collection[str]) -> list[dict[str, Any]]:
    """The cohorts of these ids that have rows which have not ended."""
    return [
        cohort
        for cohort in said["cohorts"]
        if cohort["id"] in ids and any(status(workdir, r) is None for r in cohort["rows"])
    ]


def fail(workdir: Path, cohort: dict[str, Any], reason: str) -> None:
    """Writes a summary with this reason for each row of the cohort that has none.

    A row whose folder cannot be written stays without a summary: it has not ended, and is counted
    as failed.
    """
    summary = {
        "status": "failed",
        "step": 0,
        "metrics": {},
        "labels": [],
        "seconds": 0.0,
        "reason": reason,
        "log": f"../../cohorts/{cohort['id']}/log.txt",
    }
    for row_id in cohort["rows"]:
        if status(workdir, row_id) is None:
            folder = workdir / "rows" / row_id
            try:
                make_folder(folder)
                write_json(folder / "summary.json", summary)
            except OSError as error:
                log.warning("row %s failed (%s) and cannot be written: %s", row_id, reason, error)


def forgive(workdir: Path, row_ids: Collection[str]) -> None:
    """Allows those of these rows that failed to be tried again."""
    for row_id in row_ids:
        if status(workdir, row_id) == "failed":
            (workdir / "rows" / row_id / "summary.json").unlink()
