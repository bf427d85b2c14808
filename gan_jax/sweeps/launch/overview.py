"""A sweep before it runs: its rows, which of them share a program, how long it will take."""

import itertools
import json
import time
from collections.abc import Iterator, Sequence

import jax

from gan_jax.config import from_json
from gan_jax.host.errors import ConfigError
from gan_jax.sweeps import rows as rows_lib
from gan_jax.sweeps.cohort import init_rows, make_members
from gan_jax.sweeps.rows import Cohort, Row
from gan_jax.sweeps.tune import sensible, speeds
from gan_jax.sweeps.typeset import duration


def table(cohorts: Sequence[Cohort]) -> Iterator[str]:
    """A line for each row, numbered, with what differs and its cohort; then one for each cohort."""
    where = {row.id: number for number, cohort in enumerate(cohorts) for row in cohort.rows}
    everything = sorted((row for c in cohorts for row in c.rows), key=lambda row: row.index)
    names = rows_lib.varied(everything)
    lines = [["row", "id", "cohort", *names]]
    for row in everything:
        values = [json.dumps(rows_lib.get(row.config, name)).strip('"') for name in names]
        lines.append([str(row.index), row.id, str(where[row.id]), *values])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        yield "  ".join(f"{w:{width}}" for w, width in zip(line, widths, strict=True)).rstrip()
    plural = "s, each" if len(cohorts) > 1 else ":"
    yield f"{len(everything)} rows in {len(cohorts)} cohort{plural} one compiled program"
    for number, cohort in enumerate(cohorts):
        why = f": apart from cohort 0 because {cohort.why}" if cohort.why else ""
        yield f"cohort {number} {cohort.id}: {len(cohort.rows)} rows{why}"


def estimate(cohorts: Sequence[Cohort]) -> Iterator[str]:
    """Predicts the training time of each cohort, in seconds, from a few timed steps of it."""
    total = 0.0
    for number, cohort in enumerate(cohorts):
        configs = [from_json(row.config) for row in cohort.rows]
        start = time.perf_counter()
        members = make_members(configs)
        states = jax.block_until_ready(init_rows(members)[0])
        way, arrays = sensible(len(configs), states)[:1], members.setup.examples()
        (rate,) = speeds(way, members, states, arrays).values()
        began = time.perf_counter() - start
        seconds = len(configs) * configs[0].steps / rate + began
        total += seconds
        yield (
            f"cohort {number}: {rate:.0f} row-steps/s, about {duration(seconds)} "
            f"with {began:.0f} s to start"
        )
    yield f"in all about {duration(total)}, without evaluations and pictures"


def chosen(text: str | None, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows whose numbers --rows gives, as 0:8 or 3; by default all."""
    if text is None:
        return rows
    first, colon, last = text.partition(":")
    try:
        start = int(first or 0)
        stop = int(last) if last else (len(rows) if colon else start + 1)
    except ValueError:
        raise ConfigError(f"--rows is {text!r}: expected FIRST:LAST, as 0:8") from None
    if not 0 <= start < stop <= len(rows):
        raise ConfigError(f"--rows is {text!r}: expected within 0:{len(rows)}")
    return rows[start:stop]


def shares(text: str | None, rows: Sequence[Row]) -> tuple[list[list[Cohort]], int]:
    """The cohorts of each share that --share I/N makes of the rows, and I; by default all, and 0.

    A share is a consecutive part of the rows in the order of their cohorts, so that few cohorts are
    divided. Each host that trains a share knows all shares, so all write the same rows.json.
    """
    cohorts = rows_lib.group(rows)
    if text is None:
        return [cohorts], 0
    first, _, last = text.partition("/")
    try:
        index, count = int(first), int(last)
    except ValueError:
        raise ConfigError(f"--share is {text!r}: expected I/N, as 0/8") from None
    if not 0 <= index < count <= len(rows):
        raise ConfigError(f"--share is {text!r}: expected I/N with 0 <= I < N <= {len(rows)} rows")
    ordered = [row for cohort in cohorts for row in cohort.rows]
    cuts = [len(ordered) * part // count for part in range(count + 1)]
    return [rows_lib.group(ordered[a:b]) for a, b in itertools.pairwise(cuts)], index
