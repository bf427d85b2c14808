"""bfloat16 activations: what is rounded in every net, and what is not."""

import dataclasses
import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from jax.extend.core import jaxprs_in_params

from gan_jax import nets
from gan_jax.config import hypers
from gan_jax.games import make_setup
from gan_jax.training.steps import init_state, make_train_step
from gan_jax.types import Batch

PRODUCTS = ("dot_general", "conv_general_dilated", "trilinear_convolution")
ENERGIES = {"autoencoder"}
PICTURES = {"cyclegan", "pix2pix", "stackgan"}  # nets of the games of these names


def fields(name, player):
    build = getattr(importlib.import_module(f"gan_jax.nets.{name}"), player)
    return build, {field.name for field in dataclasses.fields(build)}


def config(name, dtype="bfloat16"):
    """8x8 digits, with labels where the net takes them, by batch norm where it has that."""
    if name in PICTURES:
        return tiny.config(**tiny.pictures(name, activation_dtype=dtype))
    c = tiny.config(data__name="digits", activation_dtype=dtype, latent__dim=6)
    c.gen.net = c.disc.net = name
    c.gen.args, c.disc.args = tiny.args(name)
    gen, _ = fields(name, "Generator")
    if "labels" in fields(name, "Discriminator")[1]:
        c.gen.condition = "norm" if getattr(gen, "batch_norm", False) is True else "concat"
        c.disc.condition = "projection"
    c.objective = "ebgan" if name in ENERGIES else "hinge"
    return c


def products(jaxpr):
    """The types of the factors of every product of matrices and of every convolution, in order."""
    for eqn in jaxpr.eqns:
        if eqn.primitive.name in PRODUCTS:
            factors = [v.aval for v in eqn.invars]
            if min(len(f.shape) for f in factors) > 1:  # not of spectral norm's vectors
                yield {f.dtype.name for f in factors}
        for inner in jaxprs_in_params(eqn.params):
            yield from products(inner)


# StackGAN reads captions in float32.
@pytest.mark.parametrize("name", [name for name in nets.names() if name != "stackgan"])
def test_activations_alone_are_bfloat16(name):
    """All layers', but for the last one of disc; parameters, statistics and outputs are float32."""
    setup = make_setup(config(name))
    inputs = jax.eval_shape(setup.game.inputs, jax.random.key(0))
    for player, net in setup.game.nets.items():
        params, vars = jax.eval_shape(net.init, jax.random.key(0), inputs[player])
        given = {"label": jnp.zeros(2, jnp.int32)} if "label" in net.takes else {}

        def apply(params, vars, x, net=net, given=given):
            return net.apply(params, vars, x, jax.random.key(0), train=True, **given)

        seen = list(products(jax.make_jaxpr(apply)(params, vars, inputs[player]).jaxpr))
        rounded = [types == {"bfloat16"} for types in seen]
        last = seen.index({"float32"}) if False in rounded else len(seen)
        assert all(rounded[:last])
        of_last_layer = (1 + bool(given)) * (player.startswith("disc") and name not in ENERGIES)
        assert len(seen) - last == of_last_layer  # of its projection too
        after = jax.eval_shape(apply, params, vars, inputs[player])
        assert types_of((params, vars, after)) == {"float32"}


def types_of(tree):
    return {a.dtype.name for a in jax.tree.leaves(tree) if jnp.issubdtype(a.dtype, jnp.floating)}


def stepped(name, dtype):
    """The state before and after a step, and its metrics."""
    c = config(name, dtype)
    setup, batch = make_setup(c), tiny.batch(c, (8, 8, 1))
    label = jnp.arange(c.batch_size).reshape(1, -1) % 10
    state = init_state(setup, jax.random.key(0))
    step = jax.jit(make_train_step(setup))
    return state, *step(state, Batch(batch.x, label), hypers(c))


QUICK = {"mlp"}  # the others take long to compile


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICK))
        for name in nets.names()
        if name not in PICTURES
    ],
)
def test_a_step_trains_near_to_that_of_float32(name):
    (_, _, plain), (before, after, metrics) = (
        stepped(name, dtype) for dtype in ("float32", "bfloat16")
    )
    assert types_of((after.players, after.averages, metrics)) == {"float32"}
    for player in ("gen", "disc"):
        pair = (state.players[player].params for state in (before, after))
        moved = jax.tree.map(lambda a, b: bool((a != b).any()), *pair)
        assert any(jax.tree.leaves(moved))
    assert any(metrics[key] != plain[key] for key in plain)
    for key in ("disc_loss", "gen_loss"):
        np.testing.assert_allclose(metrics[key], plain[key], rtol=0.05, atol=0.02)
