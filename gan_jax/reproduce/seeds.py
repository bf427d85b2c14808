"""Rows that differ in seeds and numbers, trained as one program, for tables on laws."""

from collections.abc import Sequence

import jax
import numpy as np
from jax import numpy as jnp
from ml_collections import ConfigDict

from gan_jax.cohort import init_rows, jit_rows, make_train_rows, objectives_of
from gan_jax.game import make_setup
from gan_jax.steps import make_sampler
from gan_jax.types import GanState


def train(configs: Sequence[ConfigDict]) -> GanState:
    """The states [M, ...] after all steps."""
    config, m = configs[0], len(configs)
    states, hypers = init_rows(configs)
    rows = jit_rows(make_train_rows(config, objectives_of(configs)), jax.devices()[:1])
    orders = jnp.zeros((m, config.log_every_steps, config.dynamics.k_disc, 0), jnp.int32)
    for step in range(0, config.steps, config.log_every_steps):
        count = np.int32(min(config.log_every_steps, config.steps - step))
        states, _ = rows(states, (), orders, hypers, count)
    return states


def samples(config: ConfigDict, states: GanState, n: int) -> np.ndarray:
    """n samples of each row, [M, n, ...], from the same latents, in float64."""
    sample, latent = make_sampler(config), make_setup(config).latent
    z = latent(jax.random.key(0), n)
    return np.asarray(jax.jit(jax.vmap(sample, (0, None)))(states, z)).astype(np.float64)
