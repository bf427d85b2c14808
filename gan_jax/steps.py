"""The pure functions of a run, made from its config, for scripts that go without the rest.

state = init_state(config, jax.random.key(config.seed))
step = jax.jit(make_train_step(config), donate_argnums=0)
state, metrics = step(state, batch, hypers(config))  # batch.x is [k_disc, B, ...]
"""

from collections.abc import Callable

from ml_collections import ConfigDict

from gan_jax.dynamics.step import TrainStep
from gan_jax.games import make_setup
from gan_jax.training import steps
from gan_jax.types import Array, Metrics, State


def init_state(config: ConfigDict, key: Array) -> State:
    """A new run. Reads the data only where gen's output starts at their mean."""
    return steps.init_state(make_setup(config), key)


def make_train_step(config: ConfigDict) -> TrainStep:
    """A pure f(state, batch, hypers) -> (state, metrics); batch.x is [k_disc, B, ...]."""
    return steps.make_train_step(make_setup(config))


def make_train_many(config: ConfigDict) -> Callable[..., tuple[State, Metrics]]:
    """A pure f(state, examples, order, hypers, steps) -> (state, mean metrics)."""
    return steps.make_train_many(make_setup(config))


def make_sampler(config: ConfigDict) -> Callable[[State, Array], Array]:
    """A pure f(state, z [n, Z]) -> samples [n, ...] of gen's average, or of gen without one."""
    return make_setup(config).game.sampler.sample
