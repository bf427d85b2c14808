"""A run's program: compiled once, its examples and numbers where its devices are."""

import functools

import jax
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax.data import Arrays, pipeline
from gan_jax.mesh import devices_of, jit_run, placed
from gan_jax.signals import make_shown, make_signals
from gan_jax.training.loop import Program, schedule_of


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
