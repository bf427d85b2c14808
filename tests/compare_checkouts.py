"""Says whether two checkouts compute the same numbers, bit for bit.

    python tests/compare_checkouts.py OLD NEW [--python PATH] [--only WORD] [--json FILE]

OLD and NEW are folders that hold a gan_jax package. Each runs the cases of compare_cases.py in
processes of its own, first OLD, then NEW, compiled as a user's programs are, which the test suite's
are not. A case is four steps of a tiny game in two dispatches: as a single run, as rows one after
the other (map), or as rows side by side (vmap). The state at the start and after each dispatch, the
metrics, samples and signals have to agree in every bit. There is a line for each row of the table,
and the exit code is 1 where any of them differs or fails.

Compiling takes most of the time. A program that a checkout has compiled is not compiled again for
another row of it, and with --cache FOLDER not for the next comparison either.

What is asked of a checkout's Python API is in `begin`; first_edition maps a state of 0.1 to the
names of today.
"""

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from compare_cases import DISPATCHES, KINDS, NOT_IN_BOTH, STEPS, Edits, Kind, leaves_of, rows

Arrays = dict[str, np.ndarray]  # by stage and leaf: "step 2/players/gen/params/..."


class Run(NamedTuple):
    """A case under way, in one checkout: all that is asked of its Python API."""

    state: Any  # at the start; of rows: with a leading axis
    dispatch: Callable[[Any, int], tuple[Any, Any]]  # (state, step) -> (state, metrics)
    look: Callable[[Any], dict[str, Any]]  # state -> samples and signals by name
    named: Callable[[Any], dict[str, Any]]  # state -> step, key, players, averages, memory


def first_edition(state: Any) -> dict[str, Any]:
    """A state of gan_jax 0.1, which had .gen and .disc, under the names of today."""
    memory, vars = state.disc.vars["memory"], dict(state.disc.vars)
    del vars["memory"]
    return {
        "step": state.step,
        "key": state.key,
        "players": {"gen": state.gen, "disc": state.disc.replace(vars=vars)},
        "averages": {} if state.ema is None else {"gen": state.ema},
        "memory": {**memory, **state.extra},
    }


def begin(configs: Sequence[Any], kind: Kind) -> Run:
    """A run, or the rows of a cohort, as gan-jax starts them."""
    import jax

    try:
        from gan_jax.place import place_batch, place_rows
    except ImportError:
        return begin_in_flat_modules(configs, kind)
    from gan_jax.config import hypers
    from gan_jax.data import pipeline
    from gan_jax.evaluate import signals
    from gan_jax.sweeps import cohort
    from gan_jax.training import program, steps

    first, devices = configs[0], jax.devices()[: kind.devices]
    members = cohort.make_members(configs)
    setup, arrays = members.setup, members.setup.data.examples()
    sample, watch = setup.game.sampler.sample, signals.make_signals(setup)
    if kind.chunk == 0:
        place = place_batch(devices)
        numbers = place.replicate(hypers(first))
        state = place.replicate(steps.init_state(setup, jax.random.key(first.seed)))
        many, source = program.jit_run(setup, place), pipeline.make_source(first, arrays, place)
    else:
        place = place_rows(devices)
        state, numbers = cohort.init_rows(members)
        many = cohort.jit_rows(cohort.make_train_rows(setup, kind.chunk), place)
        source = cohort.make_source(first, len(configs), arrays, place)
        sample, watch = jax.vmap(sample, (0, None)), jax.vmap(watch, (0, 0, None))
    shown = signals.make_shown(setup, arrays)
    return run_of(first, state, many, source, numbers, sample, watch, shown)


def begin_in_flat_modules(configs: Sequence[Any], kind: Kind) -> Run:
    """The same in 0.1 and what came soon after it, whose modules lay in one folder."""
    import jax

    from gan_jax import cohort, mesh, signals, steps, train_rows
    from gan_jax.config import hypers
    from gan_jax.data import pipeline

    try:
        from gan_jax.training.program import jit_run
    except ImportError:  # as it was called in 0.1
        jit_run = mesh.jit_run
    first, devices = configs[0], jax.devices()[: kind.devices]
    put = functools.partial(mesh.placed, devices=devices)
    arrays = pipeline.load_examples(first)
    if kind.chunk == 0:
        state, numbers = steps.init_state(first, jax.random.key(first.seed)), put(hypers(first))
        state, many = put(state), jit_run(first, devices)
        source = pipeline.make_source(first, arrays, put)
        sample, watch = steps.make_sampler(first), signals.make_signals(first)
    else:
        objectives = cohort.objectives_of(configs)
        state, numbers = cohort.init_rows(configs)
        many = cohort.jit_rows(cohort.make_train_rows(first, objectives, kind.chunk), devices)
        place = cohort if hasattr(cohort, "make_source") else train_rows  # of 0.1
        source = place.make_source(first, len(configs), arrays, devices)
        sample = jax.vmap(steps.make_sampler(first), (0, None))
        watch = jax.vmap(signals.make_signals(first, objectives), (0, 0, None))
    shown = signals.make_shown(first, arrays)
    return run_of(first, state, many, source, numbers, sample, watch, shown)


def run_of(
    config: Any,
    state: Any,
    many: Callable,
    source: Callable,
    numbers: Any,
    sample: Callable,
    watch: Callable,
    shown: Any,
) -> Run:
    """The case as its checkout's functions make it."""
    import jax

    key = jax.numpy.copy(state.key)

    def dispatch(state: Any, step: int) -> tuple[Any, Any]:
        return many(state, *source(key, np.int32(step)), numbers, np.int32(STEPS))

    def look(state: Any) -> dict[str, Any]:
        z = np.linspace(-1, 1, 4 * config.latent.dim, dtype=np.float32).reshape(4, -1)
        return {"samples": jax.jit(sample)(state, z), **jax.jit(watch)(state, numbers, shown)}

    return Run(state, dispatch, look, first_edition if hasattr(state, "gen") else vars)


def configure(edits: Edits) -> Any:
    from ml_collections import ConfigDict

    from gan_jax.config import get_config

    config = get_config()
    for path, value in edits.items():
        *sections, name = path.split(".")
        owner = functools.reduce(lambda config, word: config[word], sections, config)
        if name in owner or path not in NOT_IN_BOTH:
            owner[name] = ConfigDict(value) if isinstance(value, dict) else value
    return config


def numbers_of(run: Run) -> Arrays:
    """Everything that a case computes, by stage and leaf."""
    import jax

    def flat(stage: str, tree: Any) -> Arrays:
        found = {}
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            is_key = jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            # A copy, since the next dispatch overwrites the state
            found[f"{stage}/{name}"] = np.array(jax.random.key_data(leaf) if is_key else leaf)
        return found

    state, found = run.state, flat("start", run.named(run.state))
    for step in range(0, DISPATCHES * STEPS, STEPS):
        state, metrics = run.dispatch(state, step)
        found |= flat(f"step {step + STEPS}", {**run.named(state), "metrics": metrics})
    return found | flat(f"step {DISPATCHES * STEPS}", {"look": run.look(state)})


def child(checkout: Path, folder: Path, names: Sequence[str]) -> None:
    """Writes an .npz of each row's numbers, or a .txt that says why there is none."""
    import jax

    import gan_jax

    assert Path(gan_jax.__file__).is_relative_to(checkout), gan_jax.__file__
    for index, name in enumerate(names, 1):
        kind, _, case = name.partition(" ")
        start = time.monotonic()
        try:
            configs = [configure(leaves) for leaves in leaves_of(case, KINDS[kind])]
            np.savez(folder / f"{name}.npz", **numbers_of(begin(configs, KINDS[kind])))
        except Exception:  # the other rows are compared all the same
            (folder / f"{name}.txt").write_text(traceback.format_exc())
        jax.clear_caches()  # each row has programs of its own, which would fill the memory
        spent = f"{time.monotonic() - start:.1f} s"
        print(f"{checkout}: {index} of {len(names)}, {name}: {spent}", file=sys.stderr, flush=True)


def run_all(checkout: Path, folder: Path, cache: Path, python: str, names: Sequence[str]) -> float:
    """Runs the rows in a checkout, those on two devices in a second process. Returns seconds."""
    start = time.monotonic()
    for devices in (1, 2):
        mine = [name for name in names if KINDS[name.partition(" ")[0]].devices == devices]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(checkout), str(Path(__file__).parent)]),
            "JAX_PLATFORMS": "cpu",
            "JAX_COMPILATION_CACHE_DIR": str(cache),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "XDG_CACHE_HOME": str(folder),
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}" * (devices > 1),
        }
        command = [python, "-P", __file__, "--child", str(checkout), str(folder)]
        if mine:
            text = json.dumps(mine)
            subprocess.run(command, input=text, text=True, env=environment, check=False)
    return time.monotonic() - start


def difference(old: Path, new: Path, name: str) -> str:
    """What differs between the numbers of a row in two folders, in words; empty: nothing."""
    for folder in (old, new):
        if not (folder / f"{name}.npz").exists():
            why = folder / f"{name}.txt"
            last = why.read_text().strip().splitlines()[-1] if why.exists() else "its process ended"
            return f"{folder.name} failed: {last}"
    with np.load(old / f"{name}.npz") as a, np.load(new / f"{name}.npz") as b:
        lacking = sorted(set(a.files) ^ set(b.files))
        gaps = {leaf: gap(a[leaf], b[leaf]) for leaf in a.files if leaf not in lacking}
    said = [f"{len(lacking)} arrays in one of them only, such as {lacking[0]}"] if lacking else []
    found = {leaf: size for leaf, size in gaps.items() if size is not None}
    if found:
        worst, stage = max(found, key=found.__getitem__), next(iter(found)).partition("/")[0]
        said += [f"{worst} by {found[worst]:.2g}", f"{len(found)} of {len(gaps)} from {stage} on"]
    return "; ".join(said)


def gap(a: np.ndarray, b: np.ndarray) -> float | None:
    """The largest absolute difference; None where every bit agrees."""
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return float("inf")
    if a.tobytes() == b.tobytes():
        return None
    with np.errstate(invalid="ignore"):
        sizes = np.abs(a.astype(float) - b.astype(float))
    alike = (a == b) | (np.isnan(a) & np.isnan(b))
    return float(np.where(alike, 0, np.nan_to_num(sizes, nan=np.inf)).max())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--python", default=sys.executable, help="what runs both checkouts")
    only = "rows with this word; given again: or with that one"
    parser.add_argument("--only", action="append", metavar="WORD", help=only)
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keeps compiled programs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write what was found")
    args = parser.parse_args()
    names, seconds = rows(args.only), {}
    with tempfile.TemporaryDirectory() as temporary:
        folders = [Path(temporary, name) for name in ("old", "new")]
        for folder, checkout in zip(folders, (args.old, args.new), strict=True):
            folder.mkdir()
            cache = (args.cache or folder / "compiled").resolve()
            seconds[folder.name] = run_all(checkout.resolve(), folder, cache, args.python, names)
        found = {name: difference(*folders, name) for name in names}
    for name, text in found.items():
        print(f"{name}: {text or 'same'}")
    differ = sum(map(bool, found.values()))
    times = ", ".join(f"{name} {spent:.0f} s" for name, spent in seconds.items())
    print(f"{len(names)} rows: {len(names) - differ} same, {differ} different ({times})")
    if args.json:
        args.json.write_text(json.dumps({"seconds": seconds, "rows": found}, indent=2) + "\n")
    return int(differ > 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]), Path(sys.argv[3]), json.load(sys.stdin))
    else:
        sys.exit(main())
