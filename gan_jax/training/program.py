"""A run's program: compiled once, its examples and numbers where its devices are."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax.data import Arrays, pipeline
from gan_jax.evaluate.signals import make_shown, make_signals
from gan_jax.place import BATCH, devices_of, everywhere, line, placed
from gan_jax.training.loop import Program, schedule_of
from gan_jax.training.steps import jit_loop, make_train_many
from gan_jax.types import Array


def make_program(config: ConfigDict, arrays: Arrays | None) -> Program:
    """A single run over the devices that its config asks for."""
    devices = devices_of(config)
    put = functools.partial(placed, devices=devices)
    signals, shown = jax.jit(make_signals(config)), make_shown(config, arrays)
    return Program(
        schedule=schedule_of(config),
        many=jit_run(config, devices),
        source=pipeline.make_source(config, arrays, put),
        signals=lambda state, h: signals(state, h, shown),
        h=put(config_lib.hypers(config)),
    )


def jit_run(config: ConfigDict, devices: Sequence[jax.Device]) -> Any:
    """make_train_many's program for these devices; state and examples are `placed` there."""
    platform = devices[0].platform
    if len(devices) == 1:
        return jit_loop(make_train_many(config), platform)
    shares = NamedSharding(line(devices, BATCH), PartitionSpec(None, BATCH))  # of [K, B, ...]

    def part(x: Array) -> Array:
        return lax.with_sharding_constraint(x, shares)

    return jit_loop(make_train_many(config, part=part), platform, everywhere(devices))
