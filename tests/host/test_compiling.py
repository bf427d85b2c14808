"""What is compiled quickly is what jax.jit would have made of it."""

import runpy

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gan_jax.config import hypers
from gan_jax.games import make_setup
from gan_jax.host import compiling
from gan_jax.host.compiling import jit_quickly
from gan_jax.training.steps import init_state, make_init


def total(x, n):
    return (jnp.ones((n, 1)) * x.sum()).sum()


@pytest.mark.parametrize("around", [jax.jit, jax.vmap, jax.grad, jax.checkpoint])
def test_it_has_its_place_inside_of_other_programs(around):
    x, inner = jnp.arange(1.0, 5.0), jit_quickly(total, static_argnums=1)
    found = around(lambda x: inner(x, 3))(x)
    np.testing.assert_array_equal(found, around(lambda x: total(x, 3))(x))
    assert jax.eval_shape(lambda: inner(x, 3)).shape == ()


def test_a_first_state_is_the_same_bit_by_bit(monkeypatch):
    for_users = runpy.run_path(compiling.__file__)["QUICKLY"]  # tests compile with less
    monkeypatch.setattr(compiling, "QUICKLY", for_users)
    setup, key = make_setup(tiny.config(data__name="digits", batch_size=2)), jax.random.key(3)
    jax.config.update("jax_disable_most_optimizations", False)
    try:
        quick = init_state(setup, jax.random.clone(key))
        slow = jax.jit(make_init(setup))(key, hypers(setup.config), jnp.zeros(()))
    finally:
        jax.config.update("jax_disable_most_optimizations", True)
    for a, b in zip(jax.tree.leaves(slow.players), jax.tree.leaves(quick.players), strict=True):
        np.testing.assert_array_equal(a, b)
