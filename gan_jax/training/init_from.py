"""A new run that starts from another run's weights, array by array where they fit.

The state that it starts with is kept in DIR/init, so that the run can start again when the other
one is gone; DIR/init_from.json names the other run.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from gan_jax.config.as_json import read_config
from gan_jax.games import Setup
from gan_jax.host.errors import ConfigError, NoCheckpointError, listed
from gan_jax.host.files import discard, read_if_whole
from gan_jax.training import manifest
from gan_jax.training.checkpoint import Checkpoints
from gan_jax.training.experiment import state_like
from gan_jax.training.folder import RunDir
from gan_jax.training.steps import init_state
from gan_jax.types import State

STATE, RECORD = "init", "init_from.json"


class Start(NamedTuple):
    """What a new run takes from a checkpoint of another."""

    workdir: str  # the other run's, as an absolute path
    step: int
    taken: dict[str, np.ndarray]  # by path in the state
    left: list[str]  # a phrase for each array that does not fit

    def says(self) -> str:
        """Says in one line what fits and what does not."""
        count = len(self.taken)
        fits = f"starts from {self.workdir} at step {self.step}: {count} arrays fit"
        return f"{fits}; left out: {listed(self.left, 6)}" if self.left else f"{fits}, which is all"


def prepare(setup: Setup, workdir: str | Path, asked: str, optimizer: bool) -> Start | None:
    """What a new run takes from DIR[:STEP]; None if the run has already begun, from just that.

    The networks' parameters and statistics are taken, and their averages (if the other run has
    none, the values they are averages of); with `optimizer` also the optimisers' states. Raises
    NoCheckpointError, and ConfigError if nothing fits or the run has begun otherwise.
    """
    folder, step = _parse(asked)
    if has_begun(Path(workdir)):
        _check_origin(workdir, folder, step)
        return None
    if not (folder / "config.json").exists():
        raise NoCheckpointError(
            f"--init_from: no run in {str(folder)!r}: expected DIR or DIR:STEP of gan-jax train"
        )
    read_config(folder)  # refuses folders of other formats
    with Checkpoints(folder / "checkpoints", read_only=True) as saved:
        found = saved.restore(None, step)
    if found is None:
        raise NoCheckpointError(f"--init_from: no checkpoint in {folder} yet: train it first")
    step, arrays = found
    taken, left = _fitting(_with_averages(arrays), state_like(setup), optimizer)
    if not taken:
        raise ConfigError(f"--init_from {folder}: nothing fits this run: {listed(left, 3)}")
    return Start(str(folder.absolute()), step, taken, left)


def first_state(setup: Setup, run: RunDir, start: Start | None) -> State:
    """The state at step 0: initialised by the config's seed, with what another run provides."""
    config = setup.config
    if start is None and not run.path(STATE).exists():
        return init_state(setup, jax.random.key(config.seed))
    if start is not None:
        discard(run.path(STATE))  # left by a start that failed
    with Checkpoints(run.path(STATE), 1, of=[config]) as kept:
        if start is None:
            found = kept.restore(state_like(setup), 0)
            assert found
            return found[1]
        state = manifest.replaced(init_state(setup, jax.random.key(config.seed)), start.taken)
        kept.save(0, state)
    said = {"workdir": start.workdir, "step": start.step, "left_out": start.left}
    run.write_json(RECORD, said | {"arrays": sorted(start.taken)})
    return state


def origin(workdir: str | Path) -> str | None:
    """DIR:STEP from which the run in a workdir started, if it did."""
    said = read_if_whole(Path(workdir) / RECORD, {"workdir": str, "step": int})
    return said and f"{said['workdir']}:{said['step']}"


def _parse(asked: str) -> tuple[Path, int | None]:
    found = re.fullmatch(r"(.+):(\d+)", asked)
    if found and not Path(asked).is_dir():
        return Path(found[1]), int(found[2])
    return Path(asked), None


def has_begun(workdir: Path) -> bool:
    """Whether there are lines of metrics; before the first one, a run may start again."""
    lines = workdir / "metrics.jsonl"
    return lines.exists() and lines.stat().st_size > 0


def _check_origin(workdir: str | Path, folder: Path, step: int | None) -> None:
    there, _, number = (origin(workdir) or "").rpartition(":")
    if there and Path(there).resolve() == folder.resolve() and step in (None, int(number)):
        return
    began = f"from {there}:{number}" if there else "without --init_from"
    raise ConfigError(
        f"workdir {workdir} holds a run that began {began}: leave --init_from out to go on with "
        "it, or choose another --workdir"
    )


def _with_averages(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Adds the players' own weights as their averages if the other run has no averages."""
    own = {
        f"averages/{found[1]}/{found[2]}": array
        for name, array in arrays.items()
        if (found := re.fullmatch("players/([^/]+)/(?:params|vars)/(.+)", name))
    }
    return own | arrays


def _fitting(
    arrays: dict[str, np.ndarray], like: State, optimizer: bool
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The arrays that fit the state, and a phrase for each that does not fit or is missing."""
    parts = "params|vars|opt/inner" if optimizer else "params|vars"
    of_players = re.compile(f"players/[^/]+/(?:{parts})/.+")
    here = manifest.kinds(like)
    there = manifest.kinds(arrays)
    taken = {
        name: array
        for name, array in arrays.items()
        if there[name] == here.get(name)
        and (of_players.fullmatch(name) or name.startswith("averages/"))
    }
    names = [n for n in here.keys() | there.keys() if of_players.fullmatch(n)]
    names.sort(key=lambda n: ("/opt/" in n, n))
    return taken, [_phrase(n, there, here) for n in names if n not in taken]


def _phrase(name: str, there: dict[str, Any], here: dict[str, Any]) -> str:
    short = re.sub("^players/|(?<=/)(params|vars|inner)/", "", name)
    kinds = [
        f"{each.get(name, 'absent')} {where}" for each, where in ((there, "there"), (here, "here"))
    ]
    return f"{short} ({', '.join(kinds)})"
