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
from gan_jax.dynamics import DYNAMICS, Draw, first_extra
from gan_jax.game import MEMORY, Setup, make_setup
from gan_jax.losses import make_game
from gan_jax.nets import Net
from gan_jax.terms import Case, Memory
from gan_jax.types import GanState, Losses, Player

STEP, STEPS, START = 0.2, 500, (1.0, -1.0)
FAR = (2.0, -2.0)  # a second start: what converges near the fixed point may not from here
SCHEDULES = {"simultaneous": 0, "alternating_1": 1, "alternating_5": 5}  # disc updates before gen's
NODES = 64  # of the quadrature: exact for polynomials up to degree 127


class Method(NamedTuple):
    """What a row changes in the plain game, and the field's Jacobian [[0, -pull], [pull, damp]]."""

    objective: str = "minimax"
    penalty: str = "none"
    weight: float = 0.0  # half of gamma for r1 and r1r2
    dynamics: str = ""  # in the place of a schedule
    args: tuple[tuple[str, float], ...] = ()
    clip: float = 0.0  # of psi, after each update of disc
    noise: float = 0.0  # standard deviation
    pull: float = 0.5  # sig(0)
    damp: float = 0.0  # gamma, both gammas, or noise^2 / 2
    smooth: bool = True  # whether there is a Jacobian at all


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
    """The cell as a config; networks, noise and data are not in it."""
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


def dirac_setup(config: ConfigDict, noise: float) -> Setup:
    """The config's objective, penalty and optimisers on one number against one number.

    Examples and latents are the noise's quadrature nodes; losses carry their weights.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES if noise else 1)
    z, share = jnp.asarray(noise * nodes[:, None]), jnp.asarray(weights / weights.mean())
    setup = make_setup(config)

    def objective(case: Case) -> tuple[Losses, Memory]:
        losses, memory = setup.objective(case)
        return Losses(*(share * loss for loss in losses)), memory

    return setup._replace(
        gen=Net(lambda *_: ((), ()), lambda theta, vars, z, key, train: (theta + z, vars)),
        disc=Net(lambda *_: ((), ()), lambda psi, vars, x, key, train: (psi * x[:, 0], vars)),
        latent=lambda key, n: z,
        objective=objective,
    )


def make_step(method: Method, schedule: str) -> tuple[GanState, Callable[[GanState], GanState]]:
    """The state at START, and one step of the cell. To be called and traced in float64."""
    config = settings(method, schedule)
    setup, hypers = dirac_setup(config, method.noise), config_lib.hypers(config)
    game, ks = make_game(setup, hypers), {}
    if SCHEDULES[schedule]:
        ks = {"k_disc": config.dynamics.k_disc}
    move = functools.partial(DYNAMICS[config.dynamics.name], **ks, **hypers.dynamics)
    theta, psi = (jnp.asarray(w) for w in START)
    gen = Player(theta, (), setup.gen_optimizer(hypers.gen).init(theta))
    disc = Player(psi, {MEMORY: {}}, setup.disc_optimizer(hypers.disc).init(psi))
    extra = first_extra(config.dynamics.name, gen, disc)

    def step(state: GanState) -> GanState:
        z, k = setup.latent(state.key, 0), config.dynamics.k_disc
        z_K = jnp.broadcast_to(z, (k, *z.shape))
        keys = jax.random.split(jax.random.fold_in(state.key, 0), k)  # nothing is drawn with them
        return move(game, state, Draw(z_K, z_K, keys))[0]

    return GanState(jnp.zeros((), int), jax.random.key(0), gen, disc, None, extra), step


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


def _path(step: Callable[[GanState], GanState], like: GanState, where: jax.Array) -> jax.Array:
    start = like.replace(
        gen=like.gen.replace(params=where[0]), disc=like.disc.replace(params=where[1])
    )

    def place(state: GanState) -> jax.Array:
        return jnp.stack([state.gen.params, state.disc.params])

    def one(state: GanState, _: None) -> tuple[GanState, jax.Array]:
        after = step(state)
        return after, place(after)

    _, path = jax.lax.scan(one, start, length=STEPS)
    return jnp.concatenate([place(start)[None], path])


def _jacobian(step: Callable[[GanState], GanState], start: GanState) -> jax.Array:
    def parts(state: GanState) -> tuple:
        return state.gen.params, state.disc.params, state.extra

    flat, unravel = ravel_pytree(parts(start))

    def update(flat: jax.Array) -> jax.Array:
        theta, psi, extra = unravel(flat)
        gen, disc = start.gen.replace(params=theta), start.disc.replace(params=psi)
        return ravel_pytree(parts(step(start.replace(gen=gen, disc=disc, extra=extra))))[0]

    return jax.jacfwd(update)(jnp.zeros_like(flat))
