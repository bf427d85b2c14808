"""Many rows as one program: configs that differ in traced numbers only, over a member axis [M].

Rows train together by vmap (chunk = M), one after the other inside the program (chunk = 1), or in
chunks; with several devices each has its share of the rows. In every case a row's numbers are those
that it would have alone, up to rounding.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import PartitionSpec, Sharding
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax.config.arguments import numbers_of
from gan_jax.data import Arrays, pipeline
from gan_jax.evaluate.signals import Shown, make_shown, make_signals
from gan_jax.games import Setup, make_setup
from gan_jax.games.play.terms import objective_term
from gan_jax.host.compiling import jit_quickly
from gan_jax.place import ROW, Place, place_rows
from gan_jax.training.loop import Program, schedule_of
from gan_jax.training.steps import jit_loop, make_init, make_train_many, mean_example
from gan_jax.types import Array, Hypers, PyTree, State

# How the arguments of jit_rows' program are split: states, examples, orders, hypers, steps.
AXES: tuple[tuple[str, ...], ...] = ((ROW,), (), (ROW,), (ROW,), ())


def stack(trees: Sequence[PyTree]) -> PyTree:
    """M trees of one shape -> one tree whose leaves have a leading member axis [M, ...]."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def row(trees: PyTree, index: int) -> PyTree:
    """One member of a stacked tree."""
    return jax.tree.map(lambda leaf: leaf[index], trees)


def objectives_of(configs: Sequence[ConfigDict]) -> tuple[str, ...]:
    """The objectives that a traced switch must offer; empty if all rows have the same one."""
    names = sorted({c.objective for c in configs})
    return tuple(names) if len(names) > 1 else ()


def rows_hypers(configs: Sequence[ConfigDict]) -> Hypers:
    """The rows' numbers, [M] each. A number that a row's objective does not take is 0 there."""
    names = objectives_of(configs)
    args = sorted({key for c in configs for key in c.objective_args})

    def of(c: ConfigDict) -> Hypers:
        numbers = config_lib.hypers(c)
        defaults = numbers_of(objective_term(c.objective))
        known = {k: c.objective_args.get(k, defaults.get(k, 0.0)) for k in args}
        mine = {k: jnp.asarray(v, float) for k, v in known.items()}
        index = {"index": jnp.asarray(names.index(c.objective), jnp.int32)} if names else {}
        return numbers.replace(objective={**mine, **index})

    return stack([of(c) for c in configs])


@dataclasses.dataclass(frozen=True)
class Members:
    """The rows that train as one program: their configs, and the setup that they share."""

    setup: Setup  # the first row's, with a game that has all rows' objectives
    configs: tuple[ConfigDict, ...]

    def __len__(self) -> int:
        return len(self.configs)


def make_members(configs: Sequence[ConfigDict]) -> Members:
    """Opens the data and makes the game for rows that differ in traced numbers only."""
    return Members(make_setup(configs[0], objectives_of(configs)), tuple(configs))


def init_rows(members: Members) -> tuple[State, Hypers]:
    """States and numbers of the rows, [M, ...] each."""
    keys = stack([jax.random.key(c.seed) for c in members.configs])
    hypers, init = rows_hypers(members.configs), make_init(members.setup)

    # One by one: on a CPU, jaxlib 0.10's batched QR (orthogonal weights) deadlocks if two of them
    # run at once and each needs threads that the other holds.
    @jit_quickly
    def init_all(keys: Array, hypers: Hypers, mean: Array) -> State:
        return lax.map(lambda each: init(each[0], each[1], mean), (keys, hypers))

    return init_all(keys, hypers, mean_example(members.setup)), hypers


def make_train_rows(setup: Setup, chunk: int | None = None) -> Callable[..., tuple[State, PyTree]]:
    """make_train_many for rows: states, order and hypers have a member axis; examples are shared.

    chunk: how many rows are one vmap at a time; by default all.
    """
    train_many = make_train_many(setup)

    def train_rows(
        states: State, examples: PyTree, orders: Array, hypers: Hypers, steps: Array
    ) -> tuple[State, PyTree]:
        def one(each: tuple[State, Array, Hypers]) -> tuple[State, PyTree]:
            state, order, numbers = each
            return train_many(state, examples, order, numbers, steps)

        rows = states, orders, hypers
        at_once = min(chunk or orders.shape[0], orders.shape[0])
        if at_once == 1:  # a batch of one would turn every product into a batched, slower one
            return lax.map(one, rows)
        if at_once == orders.shape[0]:
            return jax.vmap(one)(rows)
        return lax.map(one, rows, batch_size=at_once)

    return train_rows


def jit_rows(train_rows: Callable[..., Any], place: Place) -> Any:
    """The rows' program, each device with its share; copies that fill shares are dropped."""
    platform, n = place.devices[0].platform, len(place.devices)
    if n == 1:
        return jit_loop(train_rows, platform)
    specs = tuple(PartitionSpec(*axes) for axes in AXES)
    sharded = jax.shard_map(
        train_rows, mesh=place.mesh, in_specs=specs, out_specs=specs[0], check_vma=False
    )

    def spread(
        states: State, examples: PyTree, orders: Array, hypers: Hypers, steps: Array
    ) -> tuple[State, PyTree]:
        m = orders.shape[0]
        if m % n == 0:
            return sharded(states, examples, orders, hypers, steps)
        places = jnp.arange(-(-m // n) * n) % m
        states, orders, hypers = jax.tree.map(lambda a: a[places], (states, orders, hypers))
        results = sharded(states, examples, orders, hypers, steps)
        return jax.tree.map(lambda a: a[:m], results)

    return jit_loop(spread, platform)


def make_cohort(
    members: Members,
    arrays: Arrays | None,
    chunk: int | None = None,
    place: Place | None = None,
    shown: Shown | None = None,
) -> Program:
    """The rows' program; on each of the devices, `chunk` rows at a time are one vmap.

    shown: the examples that signals are computed on; by default some of the set.
    """
    setup, place = members.setup, place or place_rows()
    signals = jit_quickly(jax.vmap(make_signals(setup), in_axes=(0, 0, None)))
    seen = make_shown(setup, arrays) if shown is None else shown
    return Program(
        schedule=schedule_of(setup.config),
        many=jit_rows(make_train_rows(setup, chunk), place),
        source=make_source(setup.config, len(members), arrays, place),
        signals=lambda states, h: signals(states, h, seen),
        h=rows_hypers(members.configs),
    )


def make_source(
    config: ConfigDict, m: int, arrays: Arrays | None, place: Place
) -> Callable[[jax.Array, Any], tuple[PyTree, jax.Array]]:
    """f(keys [M], step) -> (examples for all rows, orders [M, steps, K, B])."""
    if arrays is None:
        nothing = jnp.zeros((m, config.log_every_steps, config.dynamics.k_disc, 0), jnp.int32)
        return lambda keys, step: ((), nothing)
    orders = pipeline.make_orders(config, arrays, jax.vmap)
    examples = place.replicate(arrays)
    return lambda keys, step: (examples, orders(keys, step))


def shardings(place: Place) -> tuple[Sharding, ...]:
    """The sharding of each argument of jit_rows' program, for rows that divide evenly."""
    return tuple(place.sharding(*axes) for axes in AXES)
