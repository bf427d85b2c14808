"""A run's program: compiled once, with its examples and numbers on its devices."""

from typing import Any

from gan_jax import config as config_lib
from gan_jax.data import Arrays, pipeline
from gan_jax.evaluate.signals import make_shown, make_signals
from gan_jax.games import Setup
from gan_jax.host.compiling import jit_quickly
from gan_jax.place import Place, hosts
from gan_jax.training.loop import Program, asked, schedule_of
from gan_jax.training.steps import jit_loop, make_train_many


def make_program(setup: Setup, arrays: Arrays | None, place: Place) -> Program:
    """The program of a single run, whose batches are divided over the devices."""
    signals, shown = jit_quickly(make_signals(setup)), place.replicate(make_shown(setup, arrays))
    return Program(
        schedule=schedule_of(setup.config),
        many=jit_run(setup, place),
        source=pipeline.make_source(setup.config, arrays, place),
        signals=lambda state, h: signals(state, h, shown),
        h=place.replicate(config_lib.hypers(setup.config)),
        stopping=hosts.agreement(asked),
    )


def jit_run(setup: Setup, place: Place) -> Any:
    """make_train_many's program for these devices, each of which holds state and examples."""
    results = place.sharding() if len(place.devices) > 1 else None
    many = make_train_many(setup, part=place.part)
    return jit_loop(many, place.devices[0].platform, results)
