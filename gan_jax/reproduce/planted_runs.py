"""The runs of table `planted`: healthy ones, and the ways in which they are broken."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from ml_collections import ConfigDict

from gan_jax.config import get_config
from gan_jax.evaluate.diagnostics import NOT_FINITE
from gan_jax.evaluate.symptoms import COLLAPSE, FAR_AWAY, NOT_BEGUN
from gan_jax.types import State

HEALTHY = ("non_saturating", "lsgan", "rpgan", "fgan_pearson")


def ring(seed: int, steps: int) -> ConfigDict:
    """Points around eight modes."""
    c = _healthy("ring", seed, steps, 1e-3)
    c.batch_size, c.latent.dim = 128, 2
    c.gen.args.act = c.disc.args.act = "relu"
    return c


def square(seed: int, steps: int) -> ConfigDict:
    """Points all over a square: the grid with modes so wide that they merge."""
    c = ring(seed, steps)
    c.data.name, c.data.args = "grid", {"sigma": 0.6}
    return c


def mixture1d(seed: int, steps: int) -> ConfigDict:
    """Three modes on the line."""
    c = ring(seed, steps)
    c.data.name, c.latent.dim = "mixture1d", 1
    return c


def grid(seed: int, steps: int) -> ConfigDict:
    """Points around 25 tight modes."""
    c = ring(seed, steps)
    c.data.name = "grid"
    return c


def values(seed: int, steps: int) -> ConfigDict:
    """One Gaussian, with the settings of gaussian1d:raw, whose gen collapses to a spike."""
    c = _healthy("gaussian1d", seed, steps, 1e-3)
    c.batch_size, c.dynamics.k_disc, c.dynamics.k_gen = 500, 20, 20
    c.latent.law, c.latent.dim, c.latent.low, c.latent.high = "uniform", 1, 0.0, 1.0
    c.gen.args.hidden, c.gen.args.act = (5, 5), "tanh"
    c.disc.args.hidden, c.disc.args.act = (10, 10), "sigmoid"
    c.penalty.name, c.penalty.weight = "none", 0.0
    for player in (c.gen, c.disc):
        player.optimizer, player.momentum = "sgd", 0.9
    return c


def digits(seed: int, steps: int) -> ConfigDict:
    """Images of 8x8 pixels."""
    c = _healthy("digits", seed, steps, 5e-4)
    c.latent.dim = 32
    return c


def mnist5k(seed: int, steps: int) -> ConfigDict:
    """Images of 28x28 pixels, with the settings of mnist_mlp and smaller networks."""
    c = get_config()
    c.data.name, c.data.split, c.seed, c.steps = "mnist5k", "train+test", seed, steps
    c.gen.args.hidden, c.disc.args.hidden = (128, 256), (256, 128)
    c.gen.args.weights = c.disc.args.weights = "lecun"
    c.gen.lr, c.disc.lr, c.disc.loss_scale = 1e-3, 4e-4, 0.5
    return c


def _healthy(data: str, seed: int, steps: int, rate: float) -> ConfigDict:
    c = get_config()
    c.data.name, c.seed, c.steps = data, seed, steps
    c.gen.args.hidden = c.disc.args.hidden = (128, 128)
    c.penalty.name, c.penalty.weight = "r1", 0.1
    c.gen.lr = c.disc.lr = rate
    c.ema.warmup = False  # as in the recorded rows
    return c


class Plant(NamedTuple):
    """One way to break a run."""

    labels: tuple[str, ...]  # one of which has to be given; empty for a healthy run
    leaves: Mapping[str, Any] = {}  # of the config that differ from the healthy run
    of: Callable[[int, int], ConfigDict] = ring  # (seed, steps) -> the healthy run
    steps: int | None = None  # None: the table's
    alone: bool = False  # whether another label would be wrong
    state: Callable[[State], State] = lambda states: states
    images: Callable[[Any], Any] | None = None  # applied to all reals, in [-1, 1]
    differs: tuple[str, ...] = ()  # what else differs from the healthy runs


def bias(value: float) -> Callable[[State], State]:
    """A function that sets disc's last bias to that value."""

    def plant(states: State) -> State:
        params = states.players["disc"].params
        logit = params["logit"]["linear"]
        logit = logit | {"bias": jnp.full_like(logit["bias"], value)}
        params = params | {"logit": params["logit"] | {"linear": logit}}
        return states.with_player("disc", params=params)

    return plant


def shortcut(x: Any) -> Any:
    """Gives reals a corner with a value that gen's tanh cannot reach."""
    return jnp.asarray(x).at[:, 0, 0].set(3.0)


NO_R1: dict[str, Any] = {"leaves": {"penalty.weight": 0.0}, "differs": ("no R1",)}
SLOW: dict[str, Any] = {"leaves": {"gen.lr": 1e-4, "disc.lr": 1e-4}, "differs": ("rates 1e-4",)}
FAST = {"gen.lr": 1.0, "disc.lr": 1.0}
# Latents that are all nearly the same, so gen's samples are a short curve.
ALIKE = {"latent.law": "uniform", "latent.low": 0.0, "latent.high": 1e-3}
ONE_SIDED = "disc takes all for real", "disc takes all for fake"
WILD = (
    *(NOT_FINITE, "disc wins", COLLAPSE, "oscillation", "disc unbounded", *ONE_SIDED),
    *("gen stands still", "disc stands still", FAR_AWAY),
)
STOPPED: dict[str, Any] = {"steps": 150, "alone": True}
PLANTS = {
    "gen frozen": Plant(("gen stands still",), {"gen.lr": 0.0}),
    "gen constant": Plant((COLLAPSE,), {"gen.args.gain": 0.0}),
    "disc's bias 50": Plant(ONE_SIDED[:1], state=bias(50.0), **SLOW),
    "disc's bias -50": Plant(ONE_SIDED[1:], state=bias(-50.0), **SLOW),
    "rates times 1000": Plant(WILD, FAST),
    # its critic grows and drives gen to and fro, until all samples are one narrow cloud
    "wgan without a penalty": Plant(
        ("disc unbounded", "oscillation", COLLAPSE),
        {"objective": "wgan", "penalty.name": "none", "penalty.weight": 0.0, "batch_size": 256},
    ),
    "a pixel that gen cannot make": Plant(("disc wins",), of=digits, images=shortcut, **NO_R1),
    "a spike: gaussian1d, values": Plant((COLLAPSE,), of=values, steps=800),
    "a short curve: square, latents alike": Plant((COLLAPSE,), ALIKE, of=square),
    "stopped: mnist5k after 150 steps": Plant((NOT_BEGUN,), of=mnist5k, **STOPPED),
    "gen constant: digits": Plant((COLLAPSE,), {"gen.args.gain": 0.0}, of=digits),
    "new data, latents alike: mixture1d": Plant((COLLAPSE,), ALIKE, of=mixture1d),
    "new data, rates times 1000: mixture1d": Plant(WILD, FAST, of=mixture1d),
    **{f"nothing: ring, {name}": Plant((), {"objective": name}) for name in HEALTHY},
    "nothing: ring, rates 1e-4": Plant((), **SLOW),
    "nothing: square": Plant((), of=square),
    "nothing: grid": Plant((), of=grid),
    "nothing: digits": Plant((), of=digits),
    "nothing: mnist5k, 1,000 steps": Plant((), of=mnist5k, steps=1_000),
    "nothing: new data, mixture1d": Plant((), of=mixture1d),
    "nothing: new data, mixture1d, lsgan": Plant((), {"objective": "lsgan"}, of=mixture1d),
    "no R1 alone: digits": Plant((), of=digits, **NO_R1),
}
