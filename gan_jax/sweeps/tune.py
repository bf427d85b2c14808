"""How a cohort's rows are run: in which chunks and on how many devices, chosen by measurement."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.host.files import read_json, write_json
from gan_jax.place import Place, place_rows
from gan_jax.sweeps.cohort import (
    Members,
    jit_rows,
    make_train_rows,
    rows_hypers,
)
from gan_jax.types import State

SECONDS, ROUNDS = 0.4, 3  # how long each candidate is timed, about, and how often
FEW_STEPS = 20_000  # row-steps below which measuring costs more than it gives


class How(NamedTuple):
    """On each of the devices, `chunk` rows at a time are one vmap."""

    chunk: int
    devices: int

    def place(self) -> Place:
        return place_rows(jax.devices()[: self.devices])


def choose_how(
    file: Path,
    members: Members,
    states: State,
    arrays: Any,
    chunk: int = 0,
) -> How:
    """What `file` says from an earlier start, or the fastest candidate, which is written there.

    A row's rounding may depend on the choice, so a restart has to keep it. With `chunk` nothing is
    measured: that many rows run at a time, or the next smaller number that divides a device's rows
    evenly.
    """
    if file.exists():
        mend = "put a copy back, or remove it to have the rows' speed measured again"
        said = read_json(file, {"chunk": int, "devices": int}, mend)
        return How(max(said["chunk"], 1), max(said["devices"], 1))
    ways = [asked(len(members), chunk)] if chunk else sensible(len(members), states)
    found: dict[How, float] = {}
    if len(members) * members.setup.config.steps >= FEW_STEPS and len(ways) > 1:
        found = speeds(ways, members, states, arrays)
    best = max(found, key=lambda how: found[how]) if found else ways[0]
    measured = [{**how._asdict(), "row_steps_per_second": v} for how, v in found.items()]
    said = {**best._asdict(), "how": _in_words(best, len(members)), "measured": measured}
    write_json(file, said)
    return best


def candidates(m: int, available: int | None = None) -> list[How]:
    """All rows at once, then smaller chunks, on as many devices as shorten the longest share.

    If copies of rows fill the last share, also on as many devices as divide the rows evenly.
    """
    available = available or len(jax.devices())
    share = -(-m // min(m, available))
    even = max(d for d in range(1, available + 1) if m % d == 0)
    return [
        How(chunk, devices)
        for devices in dict.fromkeys([-(-m // share), even])
        for chunk in _chunks(-(-m // devices))
    ]


def sensible(m: int, states: Any) -> list[How]:
    """The candidates, but on CPUs only those that take rows with image networks in turn.

    A convolution with a kernel for each row is a loop over the rows there, in every layer, which
    takes minutes to compile and is no faster than one loop around the step.
    """
    has_kernels = any(
        np.ndim(leaf) == 5 for leaf in jax.tree.leaves(states)
    )  # a row's: [k, k, C, F]
    if not has_kernels or jax.default_backend() != "cpu":
        return candidates(m)
    return [how for how in candidates(m) if how.chunk == 1]


def _chunks(share: int) -> list[int]:
    return [share, *(c for c in (16, 4, 1) if c < share and share % c == 0)]


def asked(m: int, chunk: int) -> How:
    """The way with that many rows at a time, or the next smaller number that divides evenly."""
    whole = candidates(m)[0]
    return whole._replace(chunk=max(c for c in range(1, chunk + 1) if whole.chunk % c == 0))


def speeds(ways: Sequence[How], members: Members, states: State, arrays: Any) -> dict[How, float]:
    """Row-steps a second of each way: the best of a few rounds, in which the ways take turns.

    In turns, a moment in which the machine is busy does not decide against one of them.
    """
    runs = {how: _timed(how, members, states, arrays) for how in ways}
    steps = {}
    for how, seconds in runs.items():
        seconds(1)  # compiles
        steps[how] = int(np.clip(SECONDS / seconds(1), 1, members.setup.config.log_every_steps))
    rounds = [{how: seconds(steps[how]) for how, seconds in runs.items()} for _ in range(ROUNDS)]
    return {how: len(members) * steps[how] / min(each[how] for each in rounds) for how in ways}


def _timed(how: How, members: Members, states: State, arrays: Any) -> Callable[[int], float]:
    """A function that returns the seconds of n steps of all rows, on a copy of the states."""
    config, m = members.setup.config, len(members)
    program = make_train_rows(members.setup, how.chunk)
    place = how.place()
    many = jit_rows(program, place)
    shape = (m, config.log_every_steps, config.dynamics.k_disc)
    order = jnp.zeros((*shape, 0 if arrays is None else config.batch_size), jnp.int32)
    examples = () if arrays is None else place.replicate(arrays)
    hypers = rows_hypers(members.configs)

    def seconds(steps: int) -> float:
        copy = jax.block_until_ready(jax.tree.map(jnp.copy, states))
        start = time.perf_counter()
        jax.block_until_ready(many(copy, examples, order, hypers, np.int32(steps)))
        return time.perf_counter() - start

    return seconds


def _in_words(how: How, m: int) -> str:
    share = -(-m // how.devices)
    ways = {share: "vmap", 1: "map"}
    words = ways.get(how.chunk, f"map over chunks of {how.chunk}")
    return words + (f" on {how.devices} devices" if how.devices > 1 else "")
