"""Are failures labelled while they happen, and healthy runs left alone? Planted ones are counted.

Runs of 2,000 steps on the ring (rates 1e-3, R1 of weight 0.1) and on scikit-learn's digits, each
broken in one way, and the same runs as they are; what else a broken one differs in stands beside
it, and alone in a row of its own. A planted failure counts as labelled where diagnostics.py gives
one of the labels that fit it; any other run where it gives any.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config import assign, get_config
from gan_jax.data import Arrays
from gan_jax.dynamics.guard import GUARD
from gan_jax.evaluate.diagnostics import NOT_FINITE, Diagnosis, Finding, facts
from gan_jax.evaluate.signals import Shown, make_shown
from gan_jax.games import Setup
from gan_jax.host.errors import PreemptedError
from gan_jax.place import fetch
from gan_jax.reproduce.work import Size, Work
from gan_jax.sweeps.cohort import Members, init_rows, make_cohort, make_members
from gan_jax.training import loop
from gan_jax.types import Batch, Metrics, State

RECORDED, QUICK = Size(6, 2_000), Size(1, 1_000)
BEGINS_ANEW = True  # its runs are short
HEALTHY = ("non_saturating", "lsgan", "rpgan", "fgan_pearson")
COLUMNS = {
    "planted": lambda row: row["name"],
    "labelled": lambda row: f"{row['labelled']} of {row['seeds']}",
    "labels": lambda row: ", ".join(f"{k} ({n})" for k, n in row["labels"].items()) or "-",
}


class Plant(NamedTuple):
    """One way to break a run."""

    labels: tuple[str, ...]  # of which one has to be given; none for a healthy run
    leaves: Mapping[str, Any] = {}  # of the config, where it is not as in the healthy runs
    on_digits: bool = False
    state: Callable[[State], State] = lambda states: states
    images: Callable[[Any], Any] | None = None  # what all reals become, in [-1, 1]
    differs: tuple[str, ...] = ()  # what else is not as in the healthy runs


def ring(seed: int, steps: int) -> ConfigDict:
    """Points: a healthy run."""
    c = _healthy("ring", seed, steps, 1e-3)
    c.batch_size, c.latent.dim = 256, 2
    c.gen.args.act = c.disc.args.act = "relu"
    return c


def digits(seed: int, steps: int) -> ConfigDict:
    """Images: a healthy run."""
    c = _healthy("digits", seed, steps, 5e-4)
    c.latent.dim = 32
    return c


def _healthy(data: str, seed: int, steps: int, rate: float) -> ConfigDict:
    c = get_config()
    c.data.name, c.seed, c.steps = data, seed, steps
    c.gen.args.hidden = c.disc.args.hidden = (128, 128)
    c.penalty.name, c.penalty.weight = "r1", 0.1
    c.gen.lr = c.disc.lr = rate
    c.ema.warmup = False  # as the recorded rows
    return c


def _bias(value: float) -> Callable[[State], State]:
    def plant(states: State) -> State:
        params = states.players["disc"].params
        logit = params["logit"]["linear"]
        logit = logit | {"bias": jnp.full_like(logit["bias"], value)}
        params = params | {"logit": params["logit"] | {"linear": logit}}
        return states.with_player("disc", params=params)

    return plant


def _shortcut(x: Any) -> Any:
    """Reals have a corner that gen's tanh cannot reach."""
    return jnp.asarray(x).at[:, 0, 0].set(3.0)


NO_R1: dict[str, Any] = {"leaves": {"penalty.weight": 0.0}, "differs": ("no R1",)}
SLOW: dict[str, Any] = {"leaves": {"gen.lr": 1e-4, "disc.lr": 1e-4}, "differs": ("rates 1e-4",)}
ONE_SIDED = "disc takes all for real", "disc takes all for fake"
WILD = (
    *(NOT_FINITE, "disc wins", "mode collapse", "oscillation", "disc unbounded", *ONE_SIDED),
    *("gen stands still", "disc stands still"),
)
PLANTS = {
    "gen frozen": Plant(("gen stands still",), {"gen.lr": 0.0}),
    "gen constant": Plant(("mode collapse",), {"gen.args.gain": 0.0}),
    "disc's bias 50": Plant(ONE_SIDED[:1], state=_bias(50.0), **SLOW),
    "disc's bias -50": Plant(ONE_SIDED[1:], state=_bias(-50.0), **SLOW),
    "rates times 1000": Plant(WILD, {"gen.lr": 1.0, "disc.lr": 1.0}),
    # its critic grows, and drives gen to and fro: within 2,000 steps that shows first
    "wgan without a penalty": Plant(
        ("disc unbounded", "oscillation"),
        {"objective": "wgan", "penalty.name": "none", "penalty.weight": 0.0},
    ),
    "a pixel that gen cannot make": Plant(
        ("disc wins",), on_digits=True, images=_shortcut, **NO_R1
    ),
    **{f"nothing: ring, {name}": Plant((), {"objective": name}) for name in HEALTHY},
    "nothing: ring, rates 1e-4": Plant((), **SLOW),
    "nothing: digits": Plant((), on_digits=True),
    "no R1 alone: digits": Plant((), on_digits=True, **NO_R1),
}


def run(work: Work) -> Iterator[dict[str, Any]]:
    """A row a plant."""
    for name, plant in PLANTS.items():
        yield count(name, plant, work.size)


def count(name: str, plant: Plant, size: Size) -> dict[str, Any]:
    """How many of the runs were labelled, and by what."""
    base, configs = digits if plant.on_digits else ring, []
    for seed in range(size.seeds):
        configs.append(base(seed, size.steps))
        for leaf, value in plant.leaves.items():
            assign(configs[-1], leaf, value)
    found = [[f.label for f in each.found.values()] for each in watch(size.configs(configs), plant)]
    fits = [any(label in (plant.labels or labels) for label in labels) for labels in found]
    names = sorted({label for labels in found for label in labels})
    return {
        "name": name,
        "published": None,
        "published_error": None,
        "measured": float(np.mean(fits)),
        "standard_error": None,
        "seeds": size.seeds,
        "labelled": sum(fits),
        "labels": {n: sum(n in labels for labels in found) for n in names},
        "differs": [*plant.differs, *size.differs],
        "verdict": verdict(name, plant),
    }


def verdict(name: str, plant: Plant) -> str:
    """What labels mean there: of a control neither any nor none is wrong."""
    if plant.labels:
        return "planted"
    return "healthy" if name.startswith("nothing: ") else "control"


def reals(setup: Setup, arrays: Arrays | None, plant: Plant) -> tuple[Arrays | None, Shown]:
    """What is trained on and what signals are taken of, both with what is planted in images."""
    if plant.images is None or arrays is None:
        return arrays, make_shown(setup, arrays)
    x = setup.data.to_range(jnp.asarray(arrays.x))
    arrays = arrays._replace(x=np.asarray(plant.images(x)))
    shown = make_shown(setup, arrays)
    assert shown.held_out
    return arrays, shown._replace(held_out=Batch(plant.images(shown.held_out.x)))


def watch(configs: Sequence[ConfigDict], plant: Plant) -> list[Diagnosis]:
    """Trains the rows as one program and diagnoses them line by line."""
    members = make_members(configs)
    arrays, shown = reals(members.setup, members.setup.examples(), plant)
    program = make_cohort(members, arrays, shown=shown)
    states = plant.state(init_rows(members)[0])
    return loop.train(program, _Watched(members), states)


class _Watched:
    """The recorder of planted failures: their diagnoses, in memory."""

    def __init__(self, members: Members):
        self.found = [Diagnosis(facts(c, members.setup.data)) for c in members.configs]

    def is_over(self) -> bool:
        return False

    def line(self, step: int, metrics: Metrics, states: State | None) -> None:
        host = fetch(metrics)
        refused = host.pop(GUARD)
        for i, diagnosis in enumerate(self.found):
            diagnosis.add({"step": step} | {name: float(v[i]) for name, v in host.items()})
            if any(seen.times[i] for seen in refused.values()):
                diagnosis.tell(Finding(NOT_FINITE, step, "an update was refused"))

    def save(self, step: int, states: State) -> None:
        """Nothing: the table trains all its rows anew."""

    def leave(self, step: int) -> NoReturn:
        raise PreemptedError(f"stopped at step {step}: the same command begins this row again")

    def finish(self, step: int, states: State) -> list[Diagnosis]:
        return self.found
