"""Configs small enough for tests, for every experiment's game."""

import functools
import importlib
import importlib.util
import os
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toy_sets

from gan_jax.config import get_config, override
from gan_jax.data.support import prepare
from gan_jax.types import Batch

FOLDER = Path(__file__).parent  # of the tests
EXPERIMENTS = sorted((FOLDER.parent / "experiments").glob("[!_]*.py"))


def config(**leaves):
    """Points on the line, nets of a few units, batch 8; leaves as in edit."""
    c = get_config()
    c.data.name = "gaussian1d"
    c.batch_size, c.steps, c.latent.dim = 8, 40, 2
    c.gen.args.hidden, c.disc.args.hidden = (4,), (6,)
    c.log_every_steps = 5
    c.eval_every_steps = c.sample_every_steps = c.checkpoint_every_steps = 20
    c.eval_samples, c.grid_samples = 40, 4
    return edit(c, **leaves)


def edit(c, **leaves):
    """The config with these leaves, unchecked; by dotted path with __ for dots."""
    for path, value in leaves.items():
        *sections, key = path.split("__")
        owner = c
        for section in sections:
            owner = owner[section]
        owner[key] = value
    return c


def experiment(path: Path, *variant: str):
    """An experiment's own config, or that of a variant."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.get_config(*variant)
    override(config, overrides(path))
    return config


@functools.cache
def own_images() -> str:
    """A file of a few colour images, for experiments on a user's own."""
    file = Path(tempfile.mkdtemp()) / "own.npy"
    np.save(file, np.random.default_rng(0).integers(0, 256, (80, 32, 32, 3), np.uint8))
    return str(file)


@functools.cache
def emoji() -> str:
    """A folder of data sets with a few emoji in two made-up styles, in three categories."""
    folder = Path(tempfile.mkdtemp())
    archives = toy_sets.write_emoji(folder, toy_sets.emoji_entries(80))
    prepare.prepare("emoji", archives, folder)
    return str(folder)


def overrides(path: Path) -> dict[str, str]:
    """What an experiment cannot be loaded without."""
    if path.stem == "folder":
        return {"data.dir": own_images()}
    return {"data.dir": emoji()} if "emoji" in path.stem else {}


def batch(c, shape=(1,), seed=0):
    """A step's batch of standard normal examples, [K, B, *shape]."""
    x = jax.random.normal(jax.random.key(seed), (c.dynamics.k_disc, c.batch_size, *shape))
    return Batch(jnp.tanh(x))


def missing(kind, what, how):
    """Skips, or fails where GAN_JAX_REQUIRE has the kind of test that must not be skipped."""
    reason = f"no {what}: {how}"
    if kind in os.environ.get("GAN_JAX_REQUIRE", "").split(","):
        pytest.fail(reason)
    pytest.skip(reason)


def torch_or_skip():
    """PyTorch, the extra `parity`."""
    if importlib.util.find_spec("torch") is None:
        missing("parity", "torch", "pip install 'gan-jax[parity]'")
    return importlib.import_module("torch")


# Networks that would be slow at their own sizes: gen's and disc's args at 8x8 and 16x16.
NARROW = {
    "biggan": (
        {"channels": (8, 8), "weights": "fan_in_normal"},  # compiled faster than orthogonal ones
        {"channels": (8, 8), "halvings": 1, "weights": "fan_in_normal"},
    ),
    "cyclegan": ({"width": 4, "blocks": 1}, {"layers": 1, "width": 4}),
    "pix2pix": ({"width": 4}, {"layers": 1, "width": 4}),
    "stackgan": ({"width": 4, "code": 3, "vectors": 5}, {"width": 4, "code": 3, "vectors": 5}),
    "r3gan": ({"channels": (8, 4), "blocks": 1}, {"channels": (4, 8), "blocks": 1}),
    "sagan": (
        {"channels": (8, 8), "attention": (0,)},
        {"channels": (8, 8), "halvings": 1, "attention": (0,)},
    ),
    "sndcgan": ({"channels": (8, 4)}, {"channels": (4, 8)}),
    "sngan": ({"channels": (8, 4)}, {"channels": (4, 8), "halvings": 1}),
}


def pictures(game, stage=1, **leaves):
    """The leaves of a game of pictures on a few emoji of 16x16 pixels, with narrow nets."""
    name = {"pix2pix": "emoji_pairs", "cyclegan": "emoji_pairs", "stackgan": "emoji"}[game]
    found = {"game": game, "data__name": name, "data__dir": emoji(), "data__size": 16}
    for player, own in zip(("gen", "disc"), args(game), strict=True):
        found |= {f"{player}__net": game, f"{player}__args": dict(own)}
    if game == "cyclegan":
        found |= {"data__paired": False, "objective": "lsgan", "game_args__pool": 12}
    if game == "stackgan":
        found |= {"game_args__stage": stage}
    return found | leaves


def args(net):
    """Gen's and disc's args of a net that keep it small."""
    return NARROW.get(net, ({}, {}))
