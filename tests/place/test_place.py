"""A run on two devices is that of one, to rounding, and each of the two does half of the work."""

import subprocess
import sys

import pytest
import tiny
from ml_collections import ConfigDict

from gan_jax.games import make_setup
from gan_jax.host.errors import ConfigError
from gan_jax.sweeps import rows
from gan_jax.sweeps.product import seeds
from gan_jax.training import experiment
from gan_jax.training import run as train

BEGIN = """
import functools, sys
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_disable_most_optimizations", True)
import tiny
"""
STEPS = (
    BEGIN
    + """
from gan_jax.config import hypers
from gan_jax.data import pipeline
from gan_jax.games import make_setup
from gan_jax.place import place_of
from gan_jax.training.program import jit_run
from gan_jax.steps import init_state
sys.path += ["place", "sweeps"]
from test_place import GAMES
from test_train_rows import assert_near

for name, leaves in GAMES.items():
    found, flops = [], []
    first = init_state(tiny.config(**leaves), jax.random.key(0))
    for n in (1, 2):
        config = tiny.config(**leaves, devices=n)
        setup, place = make_setup(config), place_of(config)
        state = place.replicate(jax.tree.map(jnp.copy, first))  # which the program donates
        source = pipeline.make_source(config, setup.data.examples(), place)
        examples, order = source(state.key, np.int32(0))
        args = (examples, order, place.replicate(hypers(config)))
        many = jit_run(setup, place).lower(state, *args, np.int32(1)).compile()
        flops.append(many.cost_analysis()["flops"])
        said = many.as_text()
        assert ("all-reduce" in said) == (n == 2), name
        for steps in (2, 1):
            with jax.transfer_guard_device_to_device("disallow"):  # all is where it is wanted
                state, metrics = many(state, *args, np.int32(steps))
        assert len(state.step.sharding.device_set) == n
        found.append(jax.device_get((state.replace(key=None), metrics)))
    print(name, flops)
    assert flops[1] < SHARE * flops[0], (name, flops)
    assert_near(*found, rtol=1e-3, atol=1e-5)
""".replace("SHARE", "0.75")  # what is done once for the whole weights is done on both
)
MAXOUT, DCGAN = ConfigDict({"units": (6,)}), ConfigDict({"channels": (4,)})
DCGANS = {
    f"{player}__{key}": value
    for player in ("gen", "disc")
    for key, value in (("net", "dcgan"), ("args", DCGAN))
}
# Adam makes steps of gradients that are nothing but rounding, such as those before a norm; and nets
# that are applied one after the other magnify what large steps make of it.
PLAIN = {f"{player}__optimizer": "sgd" for player in ("gen", "disc")} | {"batch_size": 16}
PLAIN |= {f"{player}__lr": 1e-4 for player in ("gen", "disc")}
GAMES = {
    "perceptrons": {"data__name": "ring", "batch_size": 64},
    "twice": {"data__name": "digits", "batch_size": 64, "dynamics__k_gen": 2},
    "moments": {
        **{"disc__view": "moments", "batch_size": 64},
        **{"penalty__name": "r1", "penalty__weight": 0.1},
    },
    "batch norm": {"data__name": "ring", "batch_size": 64, "gen__args__batch_norm": True},
    "dropout": {"batch_size": 64, "disc__net": "maxout", "disc__args": MAXOUT},
    "convolutions": {"data__name": "digits", "batch_size": 16, **DCGANS},
    "pix2pix": tiny.pictures("pix2pix", **PLAIN),
    "cyclegan": tiny.pictures("cyclegan", **PLAIN),
    "stackgan": tiny.pictures("stackgan", **PLAIN),
    "stage 2": tiny.pictures("stackgan", stage=2, **PLAIN),
}


def child(code, *args):
    """In a process of its own: how many devices there are is said before the first program."""
    command = [sys.executable, "-W", "error", "-c", code, *map(str, args)]
    done = subprocess.run(command, cwd=tiny.FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_steps_on_two_devices_are_those_of_one():
    assert len(child(STEPS).splitlines()) == len(GAMES)


RUN = (
    BEGIN
    + """
from gan_jax.games import make_setup
from gan_jax.training import run as train
workdir, steps = sys.argv[1], int(sys.argv[2])
c = tiny.config(data__name="ring", devices=2, steps=steps, diagnose_every_steps=5)
train.train(make_setup(c), workdir)
"""
)


@pytest.mark.slow
def test_a_run_on_two_devices_goes_on_bit_by_bit_and_is_read_on_one(tmp_path):
    child(RUN, tmp_path / "whole", 40)
    child(RUN, tmp_path / "parts", 20)
    child(RUN, tmp_path / "parts", 40)
    whole, parts = ((tmp_path / n / "metrics.jsonl").read_text() for n in ("whole", "parts"))
    assert len(whole.splitlines()) == 8
    assert whole.splitlines()[4:] == parts.splitlines()[4:]
    config = tiny.config(data__name="ring", devices=2)
    with train.Checkpoints(tmp_path / "whole" / "checkpoints", read_only=True) as saved:
        step, _ = saved.restore(experiment.state_like(make_setup(config)))
    assert step == 40


def test_more_devices_than_there_are_is_one_plain_line_and_leaves_nothing(tmp_path):
    with pytest.raises(
        ConfigError, match="devices is 4: expected at most 1, which is how many cpu"
    ):
        train.train(make_setup(tiny.config(devices=4)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_batch_has_to_be_parted_evenly():
    with pytest.raises(ConfigError, match="devices is 3: expected a divisor of batch_size, 8"):
        experiment.check(tiny.config(devices=3))


def test_a_sweeps_rows_are_parted_instead():
    cohorts = rows.group(rows.resolve(tiny.config(devices=2), seeds(2)))
    with pytest.raises(ConfigError, match="row 0: devices is 2: expected 1, since a sweep"):
        rows.check(cohorts)
