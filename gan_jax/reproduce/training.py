"""Trains a table's seeds as cohorts that can be continued later, with more steps or more seeds.

DIR/states/N is a cohort: rows.json (its name, configs and first step), how.json (how it is run),
checkpoints, and looks.json (what was measured during training). A config is found again by its
cohort's name, its settings and that first step, whatever its last step, unless a schedule spans all
steps; configs that are not found become a new cohort. A cohort is always continued as a whole.
"""

import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax.config.as_json import FORMAT, check_format, leaf_texts, plain_config
from gan_jax.dynamics.guard import refusals
from gan_jax.host import stop
from gan_jax.host.errors import ConfigError, PreemptedError
from gan_jax.host.files import read_json, read_object, write_json
from gan_jax.reproduce.methods import HOW_OFTEN
from gan_jax.sweeps.cohort import init_rows, make_cohort, make_members, row
from gan_jax.sweeps.cohort import stack as stack_rows
from gan_jax.sweeps.tune import choose_how
from gan_jax.training import loop
from gan_jax.training.checkpoint import Checkpoints
from gan_jax.types import Metrics, State

Measure = Callable[[State], list[Any]]  # states [M] -> a JSON value each
SECONDS_BETWEEN_LINES = 30.0
_PACE = ("steps", *HOW_OFTEN)  # leaves that a later call may change


class Trained(NamedTuple):
    """The result of training: states [M], and for each of them [(step, measured value), ...]."""

    states: State
    measured: list[list[tuple[int, Any]]]

    def only(self, rows: Sequence[int]) -> "Trained":
        """The given rows only."""
        states = stack_rows([row(self.states, i) for i in rows])
        return Trained(states, [self.measured[i] for i in rows])


def seconds(folder: Path) -> float:
    """The seconds that all cohorts in the folder were trained for, over all calls so far."""
    return sum(_seconds(place) for place in (folder / "states").glob("[0-9]*"))


def _seconds(place: Path) -> float:
    file = place / "seconds.json"
    return float(read_json(file, float)) if file.exists() else 0.0


def train(
    folder: Path,
    name: str,
    configs: Sequence[ConfigDict],
    measure: Measure | None = None,
    start: State | None = None,
) -> Trained:
    """Trains the configs, which may differ only in traced numbers; results are in their order.

    measure is called every eval_every_steps. start: states [M], one for each config and all at the
    same step, to start from instead of new ones. PreemptedError after a stop was saved.
    """
    base = folder / "states"
    base.mkdir(parents=True, exist_ok=True)
    if stop.requested():
        raise PreemptedError(f"stopped before {name}: run the same command again to go on")
    places = _places(base, name, configs, 0 if start is None else int(start.step[0]))
    cohorts = {}
    for place in dict.fromkeys(p for p, _ in places):
        mine = [i for i, (where, _) in enumerate(places) if where == place]
        first = None if start is None else stack_rows([row(start, i) for i in mine])
        cohorts[place] = _go_on(place, configs[0], measure, first)
    found = [cohorts[place].only([i]) for place, i in places]
    states = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *(f.states for f in found))
    return Trained(states, [f.measured[0] for f in found])


def _places(
    base: Path, name: str, configs: Sequence[ConfigDict], first: int
) -> list[tuple[Path, int]]:
    """Each config's cohort and its index there; configs without one get a new cohort."""
    there: dict[str, tuple[Path, int]] = {}
    number = 0  # of the next cohort
    for place in base.iterdir():
        saved = (place / "checkpoints").glob("*")
        if not any(path.name.isdigit() for path in saved):  # it ended before its first checkpoint
            shutil.rmtree(place)
            continue
        said = _said(place)
        if (said.get("name"), said["start"]) == (name, first):
            there |= {_settings(c): (place, i) for i, c in enumerate(_members(place))}
        number = max(number, int(place.name) + 1)
    missing = [c for c in configs if _settings(c) not in there]
    if missing:
        place = base / str(number)
        place.mkdir()
        rows = [plain_config(c) for c in missing]
        said = {"format": FORMAT, "name": name, "start": first, "configs": rows}
        write_json(place / "rows.json", said)
        there |= {_settings(c): (place, i) for i, c in enumerate(missing)}
    return [there[_settings(c)] for c in configs]


def _said(place: Path) -> dict[str, Any]:
    """A cohort's rows.json."""
    said = read_object(place / "rows.json", "a --workdir of this table")
    check_format(said, place)
    return said


def _members(place: Path) -> list[ConfigDict]:
    """A cohort's configs."""
    return [config_lib.from_json(each) for each in _said(place)["configs"]]


def _settings(config: ConfigDict) -> str:
    """What determines a row's numbers, as text; the steps only if a schedule spans them all."""
    return json.dumps(leaf_texts(config, HOW_OFTEN), sort_keys=True)


def _go_on(
    place: Path, asked: ConfigDict, measure: Measure | None, start: State | None = None
) -> Trained:
    """Continues a cohort to the steps asked for; a new one begins at its start."""
    configs, owners = _members(place), () if start else _members(place)  # keys are those of start
    for config in configs:
        config.update({name: asked[name] for name in _PACE})
    members = make_members(configs)
    with Checkpoints(place / "checkpoints", of=owners) as saved:
        like = jax.eval_shape(lambda: init_rows(members)[0])
        step, states = saved.restore(like) or (0, None)
        if step > asked.steps:
            raise ConfigError(
                f"{place} is at step {step}, and {asked.steps} are asked for: expected --steps "
                f"{step} or more, or another --workdir"
            )
        measured = _read_measured(place, step)
        if states is None:
            states = init_rows(members)[0] if start is None else start
            step = int(states.step[0])
        if step < asked.steps:
            arrays = members.setup.examples()
            how = choose_how(place / "how.json", members, states, arrays)
            program = make_cohort(members, arrays, how.chunk, how.place())
            recorder = _Seeds(place, configs, saved, measure, measured, step)
            states = loop.train(program, recorder, states)
    found = [[(each["step"], each["rows"][i]) for each in measured] for i in range(len(configs))]
    return Trained(states, found)


class _Seeds:
    """The recorder of a table's cohort: it writes looks.json, checkpoints, and progress lines.

    A progress line has the step, the speed and the time left.
    """

    def __init__(
        self,
        place: Path,
        configs: Sequence[ConfigDict],
        saved: Checkpoints,
        measure: Measure | None,
        measured: list,
        step: int,
    ):
        self.place, self.config, self.saved = place, configs[0], saved
        self.measure, self.measured = measure, measured
        self.label = f"{_said(place).get('name')}, {len(configs)} rows"
        self.last, self.told = step, time.monotonic()
        self.began = self.told - _seconds(place)
        self._tell(f"from step {step} to {self.config.steps}")

    def _tell(self, words: str) -> None:
        print(f"{self.label}: {words}", file=sys.stderr, flush=True)

    def _tell_pace(self, step: int) -> None:
        """Called after each dispatch; the rate is that since the last line."""
        passed, steps = time.monotonic() - self.told, self.config.steps
        if passed < SECONDS_BETWEEN_LINES and step < steps:
            return
        rate = (step - self.last) / max(passed, 1e-9)
        left = (steps - step) / max(rate, 1e-9) / 60
        self._tell(f"step {step} of {steps}, {rate:.1f} steps/s, {left:.0f} minutes left")
        self.last, self.told = step, time.monotonic()

    def is_over(self) -> bool:
        return False

    def line(self, step: int, metrics: Metrics, states: State | None) -> None:
        jax.block_until_ready(metrics)
        self._tell_pace(step)
        if self.measure and states is not None and step % self.config.eval_every_steps == 0:
            self.measured.append({"step": step, "rows": self.measure(states)})
            write_json(self.place / "looks.json", self.measured, indent=None)

    def save(self, step: int, states: State) -> None:
        self.saved.save(step, states)
        write_json(self.place / "seconds.json", time.monotonic() - self.began)  # of all calls

    def leave(self, step: int) -> NoReturn:
        self.saved.wait()
        raise PreemptedError(
            f"stopped at step {step} of {self.config.steps}, saved in {self.place}: "
            "run the same command again to go on"
        )

    def finish(self, step: int, states: State) -> State:
        self.save(step, states)
        return states


def _read_measured(place: Path, step: int) -> list[dict[str, Any]]:
    """What was measured up to a step; later measurements will be repeated."""
    file = place / "looks.json"
    found = read_json(file, [{"step": int}]) if file.exists() else []
    return [each for each in found if each["step"] <= step]


def refused(states: State) -> list[str]:
    """A note on the updates that guards refused over all rows; empty if there are none."""
    n = sum(int(np.sum(seen.times)) for seen in refusals(states).values())
    return [f"{n} updates refused, their gradients not finite"] if n else []
