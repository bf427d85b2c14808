"""init_state and make_train_step: the heart. Read this file first.

    state = init_state(config, jax.random.key(config.seed))
    step = jax.jit(make_train_step(config), donate_argnums=0)
    state, metrics = step(state, batch, hypers(config))  # batch.x is [k_disc, B, ...]

Everything is pure: jit, vmap over rows and loops over steps belong to the caller.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Sharding
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax.data import pipeline
from gan_jax.dynamics import DYNAMICS, Metrics, first_extra
from gan_jax.game import MEMORY, make_setup
from gan_jax.guard import GUARD, refusals, roll_back
from gan_jax.losses import clip_weights, make_draws, make_game
from gan_jax.objectives import OBJECTIVES, estimates_ratio
from gan_jax.types import Array, Batch, ConfigError, GanState, Hypers, Player, PyTree

TrainStep = Callable[[GanState, Batch, Hypers], tuple[GanState, Metrics]]
Part = Callable[[Array], Array]


def init_state(config: ConfigDict, key: Array) -> GanState:
    """A new run. Reads the data only where gen's output starts at their mean."""
    return jax.jit(make_init(config))(key, config_lib.hypers(config), mean_example(config))


def mean_example(config: ConfigDict) -> Array:
    """What make_init's result takes: the mean example where gen's output starts there, else 0."""
    setup = make_setup(config)
    wants_mean = setup.gen.out_bias_from_data
    mean = pipeline.mean_example(config) if wants_mean else np.zeros(setup.shape)
    return jnp.asarray(mean, float)


def split_key(key: Array) -> Array:
    """Of a seed's key: the state's own, and those of gen, of disc, of the first latents."""
    return jax.random.split(key, 4)


def make_init(config: ConfigDict) -> Callable[[Array, Hypers, Array], GanState]:
    """A pure f(key, hypers, mean example in [0, 1]) -> GanState."""
    setup = make_setup(config)
    keeps_ema = config.ema.decay > 0

    def init(key: Array, hypers: Hypers, mean: Array) -> GanState:
        k_run, k_gen, k_disc, k_z = split_key(key)
        params, vars = setup.gen.init(k_gen, setup.latent(k_z, 2))
        if setup.gen.out_bias_from_data:
            params = _start_at_mean(params, mean, config.data.low)
        gen = Player(params, vars, setup.gen_optimizer(hypers.gen).init(params))
        ema = _variables(gen) if keeps_ema else None
        seen = setup.view(jnp.zeros((2 * setup.decision, *setup.shape)))
        params, vars = setup.disc.init(k_disc, seen)
        vars = {**vars, MEMORY: setup.memory}
        disc = Player(params, vars, setup.disc_optimizer(hypers.disc).init(params))
        extra = first_extra(config.dynamics.name, gen, disc)
        return GanState(jnp.zeros((), jnp.int32), k_run, gen, disc, ema, extra)

    return init


def _start_at_mean(params: PyTree, mean: Array, low: float) -> PyTree:
    """The output's bias at the logit of the mean example, clipped as the 2014 code clips it.

    At half of it in [-1, 1]: tanh(t) = 2 sig(2 t) - 1.
    """
    p = jnp.clip(mean.ravel(), 1e-7, 1 - 1e-7)
    logit = jnp.log(p) - jnp.log1p(-p)
    out = params["out"]["linear"] | {"bias": logit / (1 - low)}
    return {**params, "out": {"linear": out}}


def make_train_step(
    config: ConfigDict, objectives: Sequence[str] = (), part: Part = lambda x: x
) -> TrainStep:
    """A pure f(state, batch, hypers) -> (state, metrics); batch.x is [k_disc, B, ...].

    With several objectives, hypers.objective["index"] says which of them: see cohort.py. part: says
    where the reals and latents of a step are, [K, B, ...] each: see mesh.py.
    """
    setup = make_setup(config, objectives)
    move = _make_dynamics(config)
    _check_end(config)
    precision = None if config.precision == "default" else config.precision

    def train_step(state: GanState, batch: Batch, hypers: Hypers) -> tuple[GanState, Metrics]:
        key = jax.random.fold_in(state.key, state.step)
        keys = _draw_keys(key, batch.x.shape[0], config.dynamics.k_gen)
        with jax.default_matmul_precision(precision):
            game, draws = make_game(setup, hypers), make_draws(setup, batch.x, keys)
            draws = draws._replace(real=part(draws.real), z=part(draws.z))
            state, metrics = move(game, state, draws, **hypers.dynamics)
        state = state.replace(disc=clip_weights(setup, hypers, state.disc))  # optimistic overshoots
        decay = hypers.game["ema_decay"]
        if config.ema.warmup:
            t = state.step.astype(decay.dtype)
            decay = jnp.minimum(decay, (1 + t) / (10 + t))  # so it forgets gen's initial weights
        ema = _average(state.ema, state.gen, decay)
        return state.replace(step=state.step + 1, ema=ema), metrics

    return train_step


def _check_end(config: ConfigDict) -> None:
    if config.stop_at_equilibrium and not estimates_ratio(config.objective):
        raise ConfigError(
            "stop_at_equilibrium waits for D near 1/2, and disc's judgement under "
            f"{config.objective!r} is no D: expected 0, or one of the objectives "
            f"{', '.join(filter(estimates_ratio, OBJECTIVES))}"
        )


def _draw_keys(key: Array, k_disc: int, k_gen: int) -> Array:
    """One for each update of disc, which gen shares, and for each of gen's beyond as many."""
    keys = jax.random.split(key, k_disc)
    if k_gen <= k_disc:
        return keys
    more = jax.random.split(jax.random.fold_in(key, k_disc), k_gen - k_disc)
    return jnp.concatenate([keys, more])


def _make_dynamics(config: ConfigDict) -> Callable[..., tuple[GanState, Metrics]]:
    """The config's dynamics with its integers bound; the floats come with the hypers."""
    name = config_lib.choose("dynamics.name", config.dynamics.name, DYNAMICS)
    takes = {k: p.default for k, p in inspect.signature(DYNAMICS[name]).parameters.items()}
    ks = {"k_disc": config.dynamics.k_disc, "k_gen": config.dynamics.k_gen}
    for key, k in ks.items():
        if k > 1 and key not in takes:
            raise ConfigError(f"dynamics.{key} is {k}: expected 1, since {name} moves each once")
    args = dict(config.dynamics.args)
    for key, value in args.items():
        config_lib.choose("dynamics.args", key, takes.keys() - ks - {"game", "state", "draws"})
        if type(value) is not type(takes[key]) or value < 0:
            expected = f"{type(takes[key]).__name__} of at least 0, such as {takes[key]!r}"
            raise ConfigError(f"dynamics.args.{key} is {value!r}: expected {expected}")
    bound = ks | {k: v for k, v in args.items() if isinstance(v, int)}
    return functools.partial(DYNAMICS[name], **{k: v for k, v in bound.items() if k in takes})


def _variables(gen: Player) -> PyTree:
    """Params and vars side by side: one without vars has an average like its params."""
    return {**gen.params, **gen.vars}


def _average(ema: PyTree, gen: Player, decay: Array) -> PyTree:
    """Of statistics too: those of gen itself follow its last updates, and fit other weights."""
    if ema is None:
        return None
    return jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, ema, _variables(gen))


def make_train_many(
    config: ConfigDict, objectives: Sequence[str] = (), part: Part = lambda x: x
) -> Callable[..., tuple[GanState, Metrics]]:
    """A pure f(state, examples, order, hypers, steps) -> (state, mean metrics): train_step, looped.

    examples: arrays that stay on the device; order [log_every_steps, K, B]: which of them each step
    takes; steps: how many to run, traced, at most log_every_steps. See data.pipeline. Besides means
    the metrics hold, as GUARD, what the players' guards have refused so far.
    """
    train_step, take = make_train_step(config, objectives, part), pipeline.make_take(config)

    def train_many(
        state: GanState, examples: PyTree, order: Array, hypers: Hypers, steps: Array
    ) -> tuple[GanState, Metrics]:
        def one(i: Array, carry: tuple[GanState, Metrics]) -> tuple[GanState, Metrics]:
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
    train_many: Callable[..., tuple[GanState, Metrics]],
    platform: str | None = None,
    results: Sharding | None = None,
) -> Any:
    """jax.jit of make_train_many's result, also under vmap; the state's buffers become the new's.

    For the default platform unless named; results: where they are to be. A CPU's compiler otherwise
    copies weights and moments in every step, 10 % of a small step.
    """
    options = {"xla_cpu_copy_insertion_use_region_analysis": True}
    on_cpu = (platform or jax.default_backend()) == "cpu"
    return jax.jit(
        train_many,
        donate_argnums=0,
        out_shardings=results,
        compiler_options=options if on_cpu else None,
    )


def make_sampler(config: ConfigDict) -> Callable[[GanState, Array], Array]:
    """A pure f(state, z [n, Z]) -> samples [n, ...] of gen's average, or of gen without one."""
    setup = make_setup(config)

    def sample(state: GanState, z: Array) -> Array:
        params, vars = state.gen.params, state.gen.vars
        if state.ema is not None:
            params, vars = ({name: state.ema[name] for name in part} for part in (params, vars))
        return setup.gen.apply(params, vars, z, key=None, train=False)[0]

    return sample
