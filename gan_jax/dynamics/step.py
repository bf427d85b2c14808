"""The train step of a game, and the state that it starts from. Both are pure.

    state, metrics = step(state, batch, h)

derives a key for each update from the run's key and the step, lets the dynamics make the moves,
projects weights as the game requires (clipping), and updates the averages.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.dynamics.first_order import first_memory
from gan_jax.dynamics.move import StepResult
from gan_jax.dynamics.schedule import between
from gan_jax.types import Array, Batch, Draw, Game, Hypers, Metrics, Player, PyTree, State

TrainStep = Callable[[State, Batch, Hypers], tuple[State, Metrics]]
Part = Callable[[Array], Array]
Numbers = dict[str, Array]


def make_step(
    game: Game,
    dynamics: Callable[..., StepResult],
    precision: str | None = None,
    part: Part = lambda x: x,
    decay_at: Callable[[Array, Numbers], Array] = lambda t, numbers: numbers["ema_decay"],
) -> TrainStep:
    """A pure f(state, batch, h) -> (state, metrics); batch.x [K, B, ...] for the first move's K.

    precision: of the matrix products; None leaves it to the device. part: places the reals and
    latents [K, B, ...], see place.py. decay_at: (step, h.game) -> the averages' decay.
    """

    def step(state: State, batch: Batch, h: Hypers) -> tuple[State, Metrics]:
        keys = draw_keys(jax.random.fold_in(state.key, state.step), game)
        with jax.default_matmul_precision(precision):
            draws = place(game.draw(batch, keys), part)
            state, metrics = dynamics(game, state, draws, h, **h.dynamics)
        players = {n: game.project(n, p, h) for n, p in state.players.items()}  # optimistic
        decay = decay_at(state.step, h.game)
        averages = average(state.averages, players, decay)
        return state.replace(step=state.step + 1, players=players, averages=averages), metrics

    return step


def draw_keys(key: Array, game: Game) -> Array:
    """A key for each update of the first move, and more if another move is made more often."""
    k, longest = game.moves[0].times, max(move.times for move in game.moves)
    keys = jax.random.split(key, k)
    if longest <= k:
        return keys
    more = jax.random.split(jax.random.fold_in(key, k), longest - k)
    return jnp.concatenate([keys, more])


def place(draws: Draw, part: Part) -> Draw:
    """The draws, with their examples and latents placed by part."""
    return draws._replace(batch=jax.tree.map(part, draws.batch), z=jax.tree.map(part, draws.z))


def variables(player: Player) -> PyTree:
    """Params and vars in one tree; without vars the tree is params alone, and so is its average."""
    return {**player.params, **player.vars}


def average_decay(schedule: str, warms_up: bool, t: Array, numbers: Numbers) -> Array:
    """The average's decay after t steps; with warm-up min(decay, (1 + t) / (10 + t)).

    Without warm-up the initial weights dominate a short run's average: 0.999^1000 is 37 %. With a
    schedule, the half-life changes from that of ema.decay to that of ema.decay_end.
    """
    decay = numbers["ema_decay"]
    if schedule != "constant":
        ends = half_life(decay), half_life(numbers["ema_decay_end"])
        decay = jnp.exp2(-1 / between(schedule, *ends, numbers["ema_schedule_steps"], t))
    t = t.astype(decay.dtype)
    return jnp.minimum(decay, (1 + t) / (10 + t)) if warms_up else decay


def half_life(decay: Array) -> Array:
    """The steps after which half of an average's initial value is left; 0 for decay 0."""
    return -1 / jnp.log2(decay)


def average(averages: dict[str, PyTree], players: dict[str, Player], decay: Array) -> dict:
    """a <- decay a + (1 - decay) w, for weights and statistics.

    Statistics are averaged too, because the player's own fit its latest weights, not the averages.
    """
    return {
        name: jax.tree.map(lambda a, w: decay * a + (1 - decay) * w, old, variables(players[name]))
        for name, old in averages.items()
    }


def run_key(key: Array) -> Array:
    """The key that a state keeps, derived from the seed's key: the first of a split of any size."""
    return jax.random.split(key, 1)[0]


def make_init(game: Game, dynamics: str, averages: bool) -> Callable[[Array, Hypers, Any], State]:
    """A pure f(key, h, mean) -> State for the named dynamics; mean: the mean example in [0, 1]."""

    sampled = [*(sampler.player for sampler in game.samplers.values()), *game.averaged]

    def init(key: Array, h: Hypers, mean: Array) -> State:
        k_run, *k_nets, k_inputs = jax.random.split(key, len(game.nets) + 2)
        inputs, players = game.inputs(k_inputs), {}
        for (name, net), k_net in zip(game.nets.items(), k_nets, strict=True):
            params, vars = net.init(k_net, inputs[name])
            if net.start_at:
                params = net.start_at(params, mean)
            players[name] = Player(params, vars, game.optimizer(name, h).init(params))
        return State(
            step=jnp.zeros((), jnp.int32),
            key=k_run,
            players=players,
            averages={name: variables(players[name]) for name in sampled} if averages else {},
            memory={**game.memory, **first_memory(dynamics, game, players)},
        )

    return init
