"""Shapes, ranges and arguments of every architecture, by walking the folder."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gan_jax import nets
from gan_jax.augment.views import VIEWS, moments
from gan_jax.host.errors import ConfigError
from gan_jax.nets.layers import INITS, BatchNorm, Dense, Maxout
from gan_jax.nets.layers.convolution import conv


def key(seed=0):
    return jax.random.key(seed)


LINEAR = {"r3gan"}  # nets whose definition has no activation at the end
RANGES = {"tanh": (-1, 1), "sigmoid": (0, 1), "identity": (-np.inf, np.inf)}


@pytest.mark.parametrize("name", nets.names())
@pytest.mark.parametrize(("shape", "out"), [((8, 8, 1), "tanh"), ((8, 8, 3), "sigmoid")])
def test_generators_make_the_shape_and_stay_in_range(name, shape, out):
    net = nets.make_generator(name, tiny.args(name)[0], shape, out)

    one = shape if net.translates else (5,)

    @jax.jit
    def made():
        params, vars = net.init(key(), jnp.zeros((2, *one)))
        z = 100 * jax.random.normal(key(), (3, *one))
        return net.apply(params, vars, z, key(), train=True)[0]

    x = made()
    assert x.shape == (3, *shape)
    if name in LINEAR:
        assert float(jnp.abs(x).max()) > 1
        return
    low, high = RANGES[out]
    assert low <= float(x.min()) <= float(x.max()) <= high


@pytest.mark.parametrize("name", nets.names())
def test_discriminators_give_a_logit_each(name):
    net = nets.make_discriminator(name, tiny.args(name)[1], (8, 8, 1))
    x = jax.random.normal(key(), (4, 8, 8, 1))
    params, vars = jax.jit(net.init)(key(), x)
    logits, _ = net.apply(params, vars, x, key(), train=True)
    assert logits.shape == ((4, 4) if net.judges_patches else (4,))
    assert len(np.unique(logits)) == logits.size


@pytest.mark.parametrize("name", nets.names())
def test_rows_are_independent_where_a_net_says_so(name):
    net = nets.make_discriminator(name, tiny.args(name)[1], (8, 8, 1))
    x = jax.random.normal(key(), (4, 8, 8, 1))
    params, vars = jax.jit(net.init)(key(), x)
    whole = net.apply(params, vars, x, key(), train=True)[0]
    half = net.apply(params, vars, x[2:], key(), train=True)[0]
    assert np.allclose(whole[2:], half, rtol=1e-5, atol=1e-7) == net.rows_are_independent


@pytest.mark.parametrize("name", nets.names())
def test_every_net_says_what_it_is(name):
    assert nets.describe(name)


def test_unknown_names_and_arguments():
    with pytest.raises(ConfigError, match="Did you mean 'mlp'"):
        nets.make_discriminator("mlpp", {}, (1,))
    with pytest.raises(ConfigError, match="Did you mean 'hidden'"):
        nets.make_generator("mlp", {"hiden": (3,)}, (1,), "identity")
    with pytest.raises(ConfigError, match="expected tuple"):
        nets.make_discriminator("mlp", {"hidden": 3}, (1,))
    with pytest.raises(ConfigError, match="expected 'tanh'"):
        nets.make_generator("mlp", {"out": "sigmoid"}, (8, 8, 1), "tanh")


@pytest.mark.parametrize("name", sorted(INITS))
def test_initialisers(name):
    gain = 0.5
    params = Dense(300, name, gain).init(key(), jnp.zeros((1, 400)))["params"]["linear"]
    kernel, bias = params["kernel"], params["bias"]
    bound = {"fan_in_uniform": gain / 20, "uniform": gain}.get(name)
    bound = gain * (6 / 700) ** 0.5 if name == "glorot_uniform" else bound
    by_fan_in = {"lecun": gain**0.5 / 20, "orthogonal": gain / 20, "fan_in_normal": gain / 20}
    deviation = by_fan_in.get(name, gain)
    if bound:
        assert bound * 0.99 < float(jnp.abs(kernel).max()) <= bound
    else:
        assert float(kernel.std()) == pytest.approx(deviation, rel=0.02)
    assert bool(bias.any()) == (name == "fan_in_uniform")


def test_maxout_by_hand():
    layer = Maxout(units=2, pieces=3)
    variables = layer.init(key(), jnp.zeros((1, 2)))
    linear = variables["params"]["pieces"]["linear"]
    x = jax.random.normal(key(), (8, 2))
    pieces = np.asarray(x @ linear["kernel"] + linear["bias"][None]).reshape(8, 3, 2)
    np.testing.assert_allclose(layer.apply(variables, x), pieces.max(1), rtol=1e-6)


def test_dropout_keeps_the_mean_and_drops_only_in_training():
    net = nets.make_discriminator("maxout", {"units": (4,), "keep_input": 0.5}, (4,))
    x = jnp.ones((1, 6))
    params, vars = net.init(key(), x)
    calm = [net.apply(params, vars, x, jax.random.key(s), train=False)[0] for s in (1, 2)]
    wild = [net.apply(params, vars, x, jax.random.key(s), train=True)[0] for s in (1, 2)]
    assert calm[0] == calm[1]
    assert wild[0] != wild[1]


def test_dropout_that_is_a_generators_noise_stays_in_its_samples():
    """Wherever a key is given, in training or not; without one there is none."""
    net = nets.make_generator("pix2pix", tiny.args("pix2pix")[0], (8, 8, 1), "tanh")
    x = jax.random.normal(key(), (1, 8, 8, 1))
    params, vars = net.init(key(), x)

    def made(k, train):
        return np.asarray(net.apply(params, vars, x, k, train=train)[0])

    assert (made(key(1), train=False) != made(key(2), train=False)).any()
    np.testing.assert_array_equal(made(key(1), train=False), made(key(1), train=True))
    np.testing.assert_array_equal(made(None, train=False), made(None, train=False))


@pytest.mark.parametrize(("layers", "side"), [(1, 16), (2, 34), (3, 70)])
def test_a_patch_is_as_large_as_published(layers, side):
    """One logit of the middle depends on so many pixels of a side."""
    net = nets.make_discriminator("pix2pix", {"layers": layers, "width": 2}, (96, 96, 1))
    x = jax.random.normal(key(), (1, 96, 96, 1))
    params, vars = net.init(key(), x)
    flat = {n: p for n, p in params.items() if not n.startswith("norm")}  # which see all pixels
    ones = jax.tree.map(jnp.ones_like, flat)

    def middle(x):
        h = x
        for i in range(layers + 1):
            stride, zeros = (2, None) if i < layers else (1, (1, 1))
            h = conv(h, ones[f"conv_{i}"]["kernel"], stride, zeros=zeros)
        h = conv(h, ones["logits"]["kernel"], zeros=(1, 1))
        assert h[0, ..., 0].size == net.apply(params, vars, x, None, train=False)[0].size
        return h[0, h.shape[1] // 2, h.shape[2] // 2, 0]

    seen = np.flatnonzero(np.abs(jax.grad(middle)(jnp.abs(x))[0, ..., 0]).sum(1))
    assert len(seen) == seen[-1] - seen[0] + 1 == side


def test_moments_are_those_of_the_batch():
    x = jnp.asarray([1.0, 2.0, 4.0, 9.0])[:, None]
    z = (np.asarray(x) - 4) / np.sqrt(9.5)
    expected = [4, np.sqrt(9.5), (z**3).mean(), (z**4).mean() - 3]
    np.testing.assert_allclose(moments(x), [expected], rtol=1e-5)


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_views_of_a_constant_batch_have_finite_gradients(name):
    grad = jax.grad(lambda x: VIEWS[name](x).sum())(jnp.ones((4, 1)))
    assert np.all(np.isfinite(grad))


def test_batch_norm_by_hand():
    """In training by the batch, and the averages take a twentieth of it; else by the averages."""
    x = jnp.asarray([[1.0, 10.0], [3.0, 10.0], [8.0, 40.0]])
    variables = BatchNorm().init(key(), x, train=False)
    params = {"norm": {"scale": jnp.asarray([2.0, 1.0]), "bias": jnp.asarray([0.0, 5.0])}}
    variables = {**variables, "params": params}
    y, after = BatchNorm().apply(variables, x, train=True, mutable=["batch_stats"])
    mean, var = np.asarray([4.0, 20.0]), np.asarray([26 / 3, 200.0])
    expected = (np.asarray(x) - mean) / np.sqrt(var + 1e-4) * [2, 1] + [0, 5]
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    stats = after["batch_stats"]["norm"]
    np.testing.assert_allclose(stats["mean"], 0.05 * mean, rtol=1e-6)
    np.testing.assert_allclose(stats["var"], 0.95 + 0.05 * var, rtol=1e-6)
    y = BatchNorm().apply({"params": params, **after}, x, train=False)
    mean, var = (np.asarray(stats[each]) for each in ("mean", "var"))
    expected = (np.asarray(x) - mean) / np.sqrt(var + 1e-4) * [2, 1] + [0, 5]
    np.testing.assert_allclose(y, expected, rtol=1e-5)


def test_a_normalised_gen_has_no_bias_in_its_hidden_layers():
    net = nets.make_generator("mlp", {"hidden": (3, 4), "batch_norm": True}, (2,), "identity")
    params, vars = net.init(key(), jnp.zeros((2, 5)))
    stack = params["Stack_0"]
    assert set(stack) == {"dense_0", "norm_0", "dense_1", "norm_1"}
    assert "bias" not in stack["dense_0"]["linear"]
    assert "bias" in params["out"]["linear"]
    z = jax.random.normal(key(1), (6, 5))
    train, after = net.apply(params, vars, z, key(), train=True)
    assert not np.allclose(train, net.apply(params, vars, z, key(), train=False)[0])
    whole = net.apply(params, after, z, None, train=False)[0]  # a sample is not its neighbours'
    half = net.apply(params, after, z[:3], None, train=False)[0]
    np.testing.assert_allclose(whole[:3], half, rtol=1e-5, atol=1e-6)
