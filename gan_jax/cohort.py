"""Many rows as one program: configs that differ in seed and numbers only, over a member axis."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax.game import make_setup
from gan_jax.steps import make_init, make_train_many
from gan_jax.types import GanState, Hypers, PyTree


def stack(trees: Sequence[PyTree]) -> PyTree:
    """M trees of one shape -> one tree whose leaves have a leading member axis [M, ...]."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def init_rows(configs: Sequence[ConfigDict]) -> tuple[GanState, Hypers]:
    """States and numbers of the rows, [M, ...] each; the first config's static part builds them."""
    setup = make_setup(configs[0])
    keys = stack([jax.random.key(c.seed) for c in configs])
    hypers = stack([config_lib.hypers(c) for c in configs])
    init = jax.jit(jax.vmap(make_init(configs[0]), in_axes=(0, 0, None)))
    return init(keys, hypers, jnp.zeros(setup.shape)), hypers


def make_train_rows(config: ConfigDict) -> Callable[..., tuple[GanState, PyTree]]:
    """make_train_many for rows: states, order, hypers have a member axis, examples are shared."""
    return jax.vmap(make_train_many(config), in_axes=(0, None, 0, 0, None))
