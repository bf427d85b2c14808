"""The Dirac-GAN's methods as games of the project, run and differentiated. See dirac.py."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax.data import open_data
from gan_jax.dynamics import DYNAMICS
from gan_jax.dynamics.first_order import first_memory
from gan_jax.games import gan
from gan_jax.games.play.parts import Parts, make_parts
from gan_jax.games.play.terms import Case, Memory
from gan_jax.types import Batch, Draw, Losses, Net, Player, State

STEP, STEPS, START = 0.2, 500, (1.0, -1.0)
FAR = (2.0, -2.0)  # a second start, from which locally convergent methods may diverge
SCHEDULES = {"simultaneous": 0, "alternating_1": 1, "alternating_5": 5}  # disc updates before gen's
NODES = 64  # of the quadrature: exact for polynomials up to degree 127


class Method(NamedTuple):
    """A row's changes to the plain game, and the field's Jacobian [[0, -pull], [pull, damp]]."""

    objective: str = "minimax"
    penalty: str = "none"
    weight: float = 0.0  # half of gamma for r1 and r1r2
    dynamics: str = ""  # replaces the schedule
    args: tuple[tuple[str, float], ...] = ()
    clip: float = 0.0  # of psi, after each update of disc
    noise: float = 0.0  # standard deviation
    pull: float = 0.5  # sig(0)
    damp: float = 0.0  # gamma, both gammas, or noise^2 / 2
    smooth: bool = True  # whether the Jacobian exists


METHODS = {
    "minimax": Method(),
    "non_saturating": Method("non_saturating"),
    "wgan": Method("wgan", clip=1.0, pull=1.0),
    "wgan_gp": Method("wgan", "wgan_gp", 0.35, pull=1.0, smooth=False),
    "instance_noise": Method(noise=0.7, damp=0.7**2 / 2),
    "minimax_r1_0.3": Method("minimax", "r1", 0.15, damp=0.3),
    "minimax_r1_1": Method("minimax", "r1", 0.5, damp=1.0),
    "non_saturating_r1_0.3": Method("non_saturating", "r1", 0.15, damp=0.3),
    "r1r2_0.3": Method("minimax", "r1r2", 0.15, damp=0.6),
    "extragradient": Method(dynamics="extragradient"),
    "optimistic": Method(dynamics="optimistic"),
    "consensus": Method(dynamics="consensus", args=(("gamma", 1.0),)),
}


def settings(method: Method, schedule: str) -> ConfigDict:
    """The cell as a config, without its networks, noise and data."""
    c = config_lib.get_config()
    c.data.name, c.objective = "gaussian1d", method.objective
    c.penalty.name, c.penalty.weight = method.penalty, method.weight
    for player in (c.gen, c.disc):
        player.optimizer, player.lr = "sgd", STEP
    c.disc.clip_weights = method.clip
    c.dynamics.k_disc = max(1, SCHEDULES[schedule])
    c.dynamics.name = "alternating" if SCHEDULES[schedule] else method.dynamics or "simultaneous"
    c.dynamics.args.update(dict(method.args))
    return c


def dirac_parts(config: ConfigDict, noise: float) -> Parts:
    """The config's objective, penalty and optimisers, for players of one number each.

    Examples and latents are the noise's quadrature nodes; losses carry the quadrature weights.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES if noise else 1)
    z, share = jnp.asarray(noise * nodes[:, None]), jnp.asarray(weights / weights.mean())
    parts = make_parts(config, open_data(config))

    def objective(case: Case) -> tuple[Losses, Memory]:
        losses, memory = parts.objective(case)
        return Losses(*(share * loss for loss in losses)), memory

    return parts._replace(
        gen=Net(lambda *_: ((), ()), lambda theta, vars, z, key, train: (theta + z, vars)),
        disc=Net(lambda *_: ((), ()), lambda psi, vars, x, key, train: (psi * x[:, 0], vars)),
        latent=lambda key, n: z,
        objective=objective,
    )


def make_step(method: Method, schedule: str) -> tuple[State, Callable[[State], State]]:
    """The state at START, and one step of the cell. Must be called and traced in float64."""
    config = settings(method, schedule)
    h, game = config_lib.hypers(config), gan.make(dirac_parts(config, method.noise))
    dynamics = functools.partial(DYNAMICS[config.dynamics.name], **h.dynamics)
    players = {
        name: Player(jnp.asarray(w), (), game.optimizer(name, h).init(jnp.asarray(w)))
        for name, w in zip(("gen", "disc"), START, strict=True)
    }
    memory = first_memory(config.dynamics.name, game, players)

    def step(state: State) -> State:
        z, k = game.sampler.latent(state.key, 0), config.dynamics.k_disc
        z_K = jnp.broadcast_to(z, (k, *z.shape))
        keys = jax.random.split(jax.random.fold_in(state.key, 0), k)  # not used to draw anything
        return dynamics(game, state, Draw(Batch(z_K), z_K, keys), h)[0]

    return State(jnp.zeros((), int), jax.random.key(0), players, {}, memory), step


class Measured(NamedTuple):
    """Paths [501, 2] of (theta, psi) from START and from FAR; the step's Jacobian at (0, 0)."""

    path: np.ndarray
    far: np.ndarray
    jacobian: np.ndarray


@functools.cache
def measure(name: str, schedule: str) -> Measured:
    """Runs a cell in float64, compiled once."""
    with jax.enable_x64(True):
        start, step = make_step(METHODS[name], schedule)

        def both(starts: jax.Array) -> tuple[jax.Array, jax.Array]:
            return jax.lax.map(functools.partial(_path, step, start), starts), _jacobian(
                step, start
            )

        paths, jacobian = jax.jit(both)(jnp.asarray([START, FAR]))
        return Measured(np.asarray(paths[0]), np.asarray(paths[1]), np.asarray(jacobian))


def _path(step: Callable[[State], State], like: State, where: jax.Array) -> jax.Array:
    start = _at(like, where[0], where[1])

    def place(state: State) -> jax.Array:
        return jnp.stack([state.players[name].params for name in ("gen", "disc")])

    def one(state: State, _: None) -> tuple[State, jax.Array]:
        after = step(state)
        return after, place(after)

    _, path = jax.lax.scan(one, start, length=STEPS)
    return jnp.concatenate([place(start)[None], path])


def _at(state: State, theta: jax.Array, psi: jax.Array) -> State:
    return state.with_player("gen", params=theta).with_player("disc", params=psi)


def _jacobian(step: Callable[[State], State], start: State) -> jax.Array:
    def parts(state: State) -> tuple:
        return *(state.players[name].params for name in ("gen", "disc")), state.memory

    flat, unravel = ravel_pytree(parts(start))

    def update(flat: jax.Array) -> jax.Array:
        theta, psi, memory = unravel(flat)
        return ravel_pytree(parts(step(_at(start, theta, psi).replace(memory=memory))))[0]

    return jax.jacfwd(update)(jnp.zeros_like(flat))
