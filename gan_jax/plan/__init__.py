"""What a run or a sweep would cost on TPUs that are not attached: its program, compiled for them.

libtpu compiles on any machine for a topology that is merely named. The program compiled is the one
that training dispatches (jit_run, jit_rows), with the arguments that training passes. The figures
are the compiler's.
"""

import contextlib
import json
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Sharding
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax.data import Arrays, pipeline
from gan_jax.games import Setup
from gan_jax.host.errors import ConfigError
from gan_jax.host.files import write_named
from gan_jax.host.versions import made_with
from gan_jax.place import place_batch, place_rows
from gan_jax.plan.schedule import collective_bytes, cycles
from gan_jax.plan.table import to_lines
from gan_jax.plan.topology import Topology, describe, one_line
from gan_jax.sweeps import rows
from gan_jax.sweeps.cohort import (
    init_rows,
    jit_rows,
    make_members,
    make_source,
    make_train_rows,
    shardings,
)
from gan_jax.sweeps.tune import candidates
from gan_jax.training.experiment import load_setup, load_sweep, state_like
from gan_jax.training.program import jit_run
from gan_jax.types import PyTree


def run(
    file: str,
    overrides: Mapping[str, str],
    sweep: str | None,
    topology_names: str,
    json_file: Path | None,
    price: float | None = None,
) -> None:
    """Prints the plan of FILE[:ARG]'s run, or of one of its SWEEPS; writes JSON if asked.

    topology_names: one; for a run also several, separated by commas. price: of one chip's hour.
    """
    jax.config.update("jax_platforms", "cpu")  # a TPU that is attached stays free
    topologies = [describe(name) for name in topology_names.split(",")]
    if json_file:
        write_named("--json", json_file, None)
    words = ["gan-jax", "plan", "--config", file, "--topology", topology_names]
    words += [] if sweep is None else ["--sweep", sweep]
    words += [] if price is None else ["--price", f"{price:g}"]
    words += [f"--config.{key}={value}" for key, value in overrides.items()]
    if sweep is None:
        found = _runs(load_setup(file, overrides), topologies)
    else:
        found = _cohorts(load_sweep(file, overrides, sweep), topologies)
    said = report(topologies, shlex.join(words), found, price)
    for line in to_lines(said):
        print(line)
    if json_file:
        write_named("--json", json_file, (json.dumps(said, indent=2) + "\n").encode())


def _runs(setup: Setup, topologies: Sequence[Topology]) -> list[dict[str, Any]]:
    """Plans the run on each topology; with several topologies, each plan is named after its own."""
    found = [of_run(setup, topology) for topology in topologies]
    if len(topologies) == 1:
        return found
    return [each | {"id": t.name} for each, t in zip(found, topologies, strict=True)]


def _cohorts(sweep: Any, topologies: Sequence[Topology]) -> list[dict[str, Any]]:
    base, _, settings = sweep
    if len(topologies) > 1:
        raise ConfigError("--topology: expected one of a sweep, and several of a run alone")
    cohorts = rows.group(rows.resolve(base, settings))
    rows.check(cohorts)
    return [of_cohort(cohort, topologies[0]) for cohort in cohorts]


def of_run(setup: Setup, topology: Topology) -> dict[str, Any]:
    """What one run costs, on as many of the chips as its config has devices."""
    config, chips = setup.config, topology.chips
    n = config.devices or len(chips)
    if config.batch_size % n:
        raise ConfigError(f"batch_size is {config.batch_size}: expected a multiple of {n} chips")
    if n > 1 and n != len(chips):  # larger topologies have no program for part of them
        raise ConfigError(
            f"devices is {n}, and {topology.name} has {len(chips)} chips: "
            f"expected a --topology of {n}"
        )
    chips = chips[:n]
    lowered = lower_run(setup, chips)
    found = {"id": "run", "rows": 1, "chips": len(chips), "batch_size": config.batch_size}
    return found | costs(lowered, config, topology)


def of_cohort(cohort: rows.Cohort, topology: Topology) -> dict[str, Any]:
    """What a sweep's cohort costs, with its rows on as many of the chips as shorten it.

    The program compiled is one for all chips, since the larger topologies have no other; chips that
    are left over train copies of the last row. No chip's program depends on another's.
    """
    configs = [config_lib.from_json(row.config) for row in cohort.rows]
    how = candidates(len(configs), len(topology.chips))[0]
    copies = len(topology.chips) * how.chunk - len(configs)
    lowered = lower_rows([*configs, *configs[-1:] * copies], topology.chips, how.chunk)
    found = {"id": cohort.id, "rows": len(configs), "chips": how.devices}
    return found | costs(lowered, configs[0], topology)


def lower_run(setup: Setup, chips: Sequence[jax.Device], arrays: Arrays | None = None) -> Any:
    """Lowers train's program for these devices. arrays: the examples, if not the setup's own."""
    config, arrays = setup.config, arrays or setup.examples()
    place = place_batch(chips)
    source = pipeline.make_source(config, arrays, place_batch())(jax.random.key(0), 0)
    args = (state_like(setup), *source, config_lib.hypers(config), np.int32(1))
    return jit_run(setup, place).lower(*_placed(args, place.sharding()))


def lower_rows(configs: Sequence[ConfigDict], chips: Sequence[jax.Device], chunk: int) -> Any:
    """Lowers train_rows' program for these devices, with its rows on the member axis."""
    members = make_members(configs)
    setup = members.setup
    states, hypers = jax.eval_shape(lambda: init_rows(members))
    source = make_source(setup.config, len(configs), setup.examples(), place_rows())
    examples, orders = source(jax.random.split(jax.random.key(0), len(configs)), np.int32(0))
    place = place_rows(chips)
    many = jit_rows(make_train_rows(setup, chunk), place)
    args = (states, examples, orders, hypers, np.int32(1))
    return many.lower(*map(_placed, args, shardings(place)))


def _placed(tree: PyTree, sharding: Sharding) -> PyTree:
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), tree)


def costs(lowered: Any, config: ConfigDict, topology: Topology) -> dict[str, Any]:
    """The compiler's figures for one chip, or "error" if the program is too large."""
    start = time.perf_counter()
    try:
        with _unkept():
            compiled = lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return {"steps": config.steps, "fits": False, "error": one_line(error)}
    compile_seconds = time.perf_counter() - start
    memory, cost = compiled.memory_analysis(), compiled.cost_analysis()
    held = memory.argument_size_in_bytes + memory.temp_size_in_bytes
    new = memory.output_size_in_bytes - memory.alias_size_in_bytes
    total = held + new + memory.generated_code_size_in_bytes
    return {
        "steps": config.steps,
        "fits": total <= topology.kind.hbm_gib * 2**30,
        "argument_bytes": memory.argument_size_in_bytes,
        "output_bytes": memory.output_size_in_bytes,
        "reused_bytes": memory.alias_size_in_bytes,  # outputs that reuse the arguments' memory
        "temporary_bytes": memory.temp_size_in_bytes,
        "code_bytes": memory.generated_code_size_in_bytes,
        "total_bytes": total,
        "flops": cost["flops"],
        "bytes_accessed": cost["bytes accessed"],
        "optimal_seconds": cost.get("optimal_seconds"),
        "compile_seconds": compile_seconds,
    } | times(compiled.as_text(), config, topology)


@contextlib.contextmanager
def _unkept() -> Iterator[None]:
    """Turns jax's cache off: it would keep libtpu's programs but not read them without a TPU."""
    name = "jax_persistent_cache_min_compile_time_secs"
    before = getattr(jax.config, name)
    jax.config.update(name, float("inf"))
    try:
        yield
    finally:
        jax.config.update(name, before)


def times(text: str, config: ConfigDict, topology: Topology) -> dict[str, Any]:
    """The time of a step by the compiler's schedule, plus the time that its collectives take.

    Around a ring of n chips, a sum of b bytes sends 2 b (n - 1) / n of them over each chip's links.
    Nothing is assumed to overlap with that, so the sum of both times is an upper bound.
    """
    kind, n = topology.kind, len(topology.chips)
    moved = collective_bytes(text)
    links = 2 * moved * (n - 1) / n / (kind.link_gb * 1e9)
    found = cycles(text)
    said: dict[str, Any] = {"collective_bytes": moved, "collective_seconds": links, "loops": []}
    if not found:
        return said | {"step_seconds": None, "run_seconds": None}
    step = found.step / (kind.ghz * 1e9) + links
    dispatches = -(-config.steps // config.log_every_steps)
    around = dispatches * found.around / (kind.ghz * 1e9)
    said |= {"step_seconds": step, "run_seconds": config.steps * step + around}
    return said | {"loops": list(found.loops)}


def report(
    topologies: Sequence[Topology],
    command: str,
    cohorts: Sequence[dict[str, Any]],
    price: float | None = None,
) -> dict[str, Any]:
    """What --json writes, unrounded; with several topologies, facts are those of the largest."""
    topology = max(topologies, key=lambda each: len(each.chips))
    return {
        "name": "plan",
        **made_with(command),
        "topology": topology.name,
        "chips": len(topology.chips),
        "hosts": len({chip.process_index for chip in topology.chips}),
        "hbm_bytes": topology.kind.hbm_gib * 2**30,
        "price": price,
        "cohorts": list(cohorts),
    }
