"""init_state, make_train_step and the loop over steps, for a setup.

Everything is pure: jit, vmap over rows and loops over steps belong to the caller. The step itself
is in dynamics/step.py.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Sharding
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax.config.arguments import static_arguments
from gan_jax.data import pipeline
from gan_jax.dynamics import DYNAMICS, FOR_TWO_MOVES, REPEAT_MOVES
from gan_jax.dynamics import step as game_step
from gan_jax.dynamics.guard import GUARD, refusals, roll_back
from gan_jax.dynamics.step import Part, TrainStep
from gan_jax.games import Setup
from gan_jax.host.compiling import jit_quickly
from gan_jax.host.errors import ConfigError
from gan_jax.objectives import OBJECTIVES, estimates_ratio
from gan_jax.types import Array, Game, Hypers, Metrics, PyTree, State


def init_state(setup: Setup, key: Array) -> State:
    """The state of a new run. Reads the data only if gen's output starts at their mean."""
    return jit_quickly(make_init(setup))(key, config_lib.hypers(setup.config), mean_example(setup))


def mean_example(setup: Setup) -> Array:
    """What make_init's result takes: the mean image in [0, 1] if a net starts at it, else 0."""
    if not any(net.start_at for net in setup.game.nets.values()):
        return jnp.zeros(())
    arrays = setup.data.examples()
    assert arrays
    return jnp.asarray(arrays.x.mean(0, dtype=np.float64) / 255, float)


def make_init(setup: Setup) -> Callable[[Array, Hypers, Array], State]:
    """A pure f(key, hypers, mean example in [0, 1]) -> State."""
    config = setup.config
    return game_step.make_init(setup.game, config.dynamics.name, config_lib.keeps_average(config))


def make_train_step(setup: Setup, part: Part = lambda x: x) -> TrainStep:
    """A pure f(state, batch, hypers) -> (state, metrics); batch.x is [k_disc, B, ...].

    part: places a step's reals and latents, [K, B, ...] each, on devices: see gan_jax/place.
    """
    config, game = setup.config, setup.game
    _check_end(config)
    precision = None if config.precision == "default" else config.precision
    dynamics = _make_dynamics(config, game)
    average = config.ema.schedule, config.ema.warmup
    decay_at = functools.partial(game_step.average_decay, *average)
    return game_step.make_step(game, dynamics, precision, part, decay_at)


def _check_end(config: ConfigDict) -> None:
    if config.stop_at_equilibrium and not estimates_ratio(config.objective):
        raise ConfigError(
            "stop_at_equilibrium waits for D near 1/2, and disc's output under "
            f"{config.objective!r} is not a D: expected 0, or one of the objectives "
            f"{', '.join(filter(estimates_ratio, OBJECTIVES))}"
        )


def _make_dynamics(config: ConfigDict, game: Game) -> Callable[..., tuple[State, Metrics]]:
    """The config's dynamics with static arguments bound; the others come with the hypers."""
    name = config_lib.choose("dynamics.name", config.dynamics.name, DYNAMICS)
    for key in ("k_disc", "k_gen") if name not in REPEAT_MOVES else ():
        if config.dynamics[key] > 1:
            k = config.dynamics[key]
            raise ConfigError(f"dynamics.{key} is {k}: expected 1, since {name} moves each once")
    if name in FOR_TWO_MOVES and not _are_two_sides(game):
        raise ConfigError(
            f"dynamics.name is {name!r}, which is defined for two moves of different players: "
            "expected other dynamics for this game"
        )
    rule = DYNAMICS[name]
    static = static_arguments("dynamics.args", rule, config.dynamics.args)
    return lambda *args, **numbers: rule(*args, **(numbers | static))


def _are_two_sides(game: Game) -> bool:
    return len(game.moves) == 2 and not {*game.moves[0].players} & {*game.moves[1].players}


def make_train_many(setup: Setup, part: Part = lambda x: x) -> Callable[..., tuple[State, Metrics]]:
    """A pure f(state, examples, order, hypers, steps) -> (state, mean metrics): loops train_step.

    examples: arrays that stay on the device. order [log_every_steps, K, B]: which examples each
    step takes. steps: how many to run, traced, at most log_every_steps. See data.pipeline. Besides
    the means, metrics[GUARD] holds what the players' guards have refused so far.
    """
    config = setup.config
    train_step, take = make_train_step(setup, part), pipeline.make_take(config, setup.data)

    def train_many(
        state: State, examples: PyTree, order: Array, hypers: Hypers, steps: Array
    ) -> tuple[State, Metrics]:
        def one(i: Array, carry: tuple[State, Metrics]) -> tuple[State, Metrics]:
            state, total = carry
            state, metrics = train_step(state, take(state, examples, order[i]), hypers)
            return state, jax.tree.map(jnp.add, total, metrics)

        batch = jax.eval_shape(take, state, examples, order[0])
        shapes = jax.eval_shape(train_step, state, batch, hypers)[1]
        zeros = jax.tree.map(lambda m: jnp.zeros(m.shape, m.dtype), shapes)
        after, total = lax.fori_loop(0, steps, one, (state, zeros))
        metrics = jax.tree.map(lambda m: m / steps, total)
        if config.nonfinite.policy == "rollback":
            after = roll_back(after, state)
        return after, metrics | {GUARD: refusals(after)}

    return train_many


def jit_loop(
    train_many: Callable[..., tuple[State, Metrics]],
    platform: str | None = None,
    results: Sharding | None = None,
) -> Any:
    """jax.jit of make_train_many's result, also under vmap; donates the state's buffers.

    platform: the default one unless named. results: the sharding of the results. On a CPU this sets
    an option without which the compiler copies weights and moments every step, 10 % of a small one.
    """
    options = {"xla_cpu_copy_insertion_use_region_analysis": True}
    on_cpu = (platform or jax.default_backend()) == "cpu"
    return jax.jit(
        train_many,
        donate_argnums=0,
        out_shardings=results,
        compiler_options=options if on_cpu else None,
    )
