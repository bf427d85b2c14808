"""Convolutions against flax's own: values, gradients, second gradients; the nets made of them."""

import functools
import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax import export, lax

from gan_jax import nets
from gan_jax.host.errors import ConfigError
from gan_jax.nets.layers import by_device, by_products
from gan_jax.nets.layers.convolution import Conv, ConvTranspose, conv, conv_transpose
from gan_jax.nets.layers.trilinear import _form

X = jax.random.normal(jax.random.key(0), (2, 6, 8, 3))
KERNEL = jax.random.normal(jax.random.key(1), (4, 4, 3, 5))
# name -> size, stride, groups, channels of x and of y: all that the CPU does in a way of its own
SHAPES = {
    "4x4 by 2": (4, 2, 1, 3, 5),
    "4x4 by 2, many": (4, 2, 1, 9, 2),
    "3x3": (3, 1, 1, 8, 3),
    "3x3 of groups": (3, 1, 2, 18, 6),
    "3x3 of six groups": (3, 1, 6, 18, 12),
    "3x3 by 2": (3, 2, 1, 9, 2),
    "1x1": (1, 1, 1, 3, 5),
    "4x4": (4, 1, 1, 3, 17),
    "5x5": (5, 1, 1, 17, 16),
    "7x7": (7, 1, 1, 2, 16),
}
CASES = [("conv", shape) for shape in SHAPES]
CASES += [("conv_transpose", shape) for shape in ("4x4 by 2", "4x4 by 2, many")]


def arrays(name, shape):
    """An image, a kernel, our layer on them and flax's."""
    size, stride, groups, c, f = SHAPES[shape]
    x = jax.random.normal(jax.random.key(0), (2, 6, 8, c))
    kernel = jax.random.normal(jax.random.key(1), (size, size, c // groups, f))
    low, both = (size - stride) // 2, size - stride
    how = {"strides": (stride, stride), "padding": ((low, both - low),) * 2, "use_bias": False}
    if name == "conv":
        theirs = nn.Conv(f, (size, size), feature_group_count=groups, **how)
        ours = functools.partial(conv, stride=stride, groups=groups)
    else:
        theirs = nn.ConvTranspose(f, (size, size), **how | {"padding": "SAME"})
        ours = functools.partial(conv_transpose, stride=stride)
    return x, kernel, ours, lambda x, kernel: theirs.apply({"params": {"kernel": kernel}}, x)


def everything(layer, x, kernel):
    """Value, gradients, and the gradients of a gradient's size, as penalties take it."""

    def value(x, kernel):
        return jnp.sin(layer(x, kernel)).sum()

    def slope(x, kernel):
        return jnp.square(jax.grad(value)(x, kernel)).sum()

    firsts, seconds = (jax.grad(f, (0, 1))(x, kernel) for f in (value, slope))
    return layer(x, kernel), *firsts, *seconds


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_value_gradients_and_second_gradients_are_flaxs(name, shape):
    """Alone, and in a loop of two rows, as the CPU goes through them."""
    x, kernel, ours, theirs = arrays(name, shape)
    found, right = (
        jax.jit(functools.partial(everything, layer))(x, kernel) for layer in (ours, theirs)
    )
    both = jax.jit(jax.vmap(functools.partial(everything, ours)))
    rows = both(jnp.stack([-x, x]), jnp.stack([2 * kernel, kernel]))
    for alone, second, flaxs in zip(found, rows, right, strict=True):
        close = {"rtol": 1e-5, "atol": 1e-5 * np.abs(flaxs).max()}
        np.testing.assert_allclose(alone, flaxs, **close)
        np.testing.assert_allclose(second[1], flaxs, **close)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("way", ["by_xla", "on_tpu", "_in_layout", "by_products"])
def test_each_way_of_each_kind(way, shape, monkeypatch):
    """What runs on a GPU or TPU, and what a CPU might choose for other sizes."""
    monkeypatch.setattr(by_device, "LANES", 7)  # two of three channels
    x, kernel, _, theirs = arrays("conv", shape)
    y, pull = jax.vjp(theirs, x, kernel)
    of_x, of_k = pull(y)
    size, stride, groups, *_ = SHAPES[shape]
    low, both = (size - stride) // 2, size - stride
    how = by_device.How((size, size), stride, ((low, both - low),) * 2, groups)
    if groups > 1 and way not in ("by_xla", "on_tpu"):
        return
    for kind, pair, right in (("y", (x, kernel), y), ("x", (kernel, y), of_x), ("k", (x, y), of_k)):
        sides = how.size if kind == "k" else right.shape[1:3]
        found = jax.jit(lambda *a: getattr(by_device, way)(*a, kind, how, sides))(*pair)  # noqa: B023
        np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-5 * np.abs(right).max())


@pytest.mark.parametrize(("q", "m"), [(1, 1), *by_products.STRIP.items(), (3, 2), (7, 1)])
def test_a_strip_is_mixed_to_what_it_is(q, m):
    """By the definition, and with few digits lost: the numbers of the matrices stay small."""
    rng = np.random.default_rng(0)
    x, kernel, by = rng.normal(size=m + q - 1), rng.normal(size=q), by_products.mixing(m, q)
    y = by.y.T @ ((by.kernel @ kernel) * (by.x @ x))
    np.testing.assert_allclose(y, np.correlate(x, kernel), rtol=1e-12, atol=1e-12)
    assert max(np.abs(matrix).max() for matrix in by) <= 8


def test_the_formulas_of_the_docstrings():
    """By loops, one output at a time."""
    x = np.pad(X[:1], ((0, 0), (1, 1), (1, 1), (0, 0)))  # x[i] is now at i + 1
    kernel = np.asarray(KERNEL)
    y, z = jax.jit(lambda *a: (conv(*a, 2)[0], conv_transpose(*a)[0]))(X[:1], KERNEL)
    assert (y.shape, z.shape) == ((3, 4, 5), (12, 16, 5))
    for i, j in np.ndindex(3, 4):
        total = sum(
            x[0, 2 * i + a, 2 * j + b] @ kernel[a, b]
            for a, b in itertools.product(range(4), repeat=2)
        )
        np.testing.assert_allclose(y[i, j], total, rtol=1e-4, atol=1e-4)
    for i, j, p, q in np.ndindex(6, 8, 2, 2):
        total = sum(
            x[0, i + p + a, j + q + b] @ kernel[2 * a + p, 2 * b + q] for a, b in np.ndindex(2, 2)
        )
        np.testing.assert_allclose(z[2 * i + p, 2 * j + q], total, rtol=1e-4, atol=1e-4)


def test_the_transposed_is_convs_gradient_with_the_kernel_turned():
    y = jax.random.normal(jax.random.key(2), (2, 3, 4, 5))

    @jax.jit
    def both(y, kernel):
        (pulled,) = jax.linear_transpose(lambda x: conv(x, kernel, 2), X)(y)
        return pulled, conv_transpose(y, kernel[::-1, ::-1].swapaxes(2, 3))

    np.testing.assert_allclose(*both(y, KERNEL), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("layer", [functools.partial(conv, stride=2), conv_transpose])
def test_rows_and_loops(layer):
    """Kernels of their own for each row, and a kernel that changes from step to step of a scan."""
    kernels = jnp.stack([KERNEL, -2 * KERNEL])

    def descend(kernel):
        def step(kernel, _):
            loss, slope = jax.value_and_grad(lambda k: jnp.tanh(layer(X, k)).sum())(kernel)
            return kernel - 0.01 * slope, loss

        return lax.scan(step, kernel, length=3)[1]

    rows, descend = jax.jit(jax.vmap(descend))(kernels), jax.jit(descend)
    alone = [descend(kernel) for kernel in kernels]
    np.testing.assert_allclose(rows, np.stack(alone), rtol=1e-4)
    assert len(np.unique(rows)) == 6


def test_rows_that_share_a_kernel_are_one_batch():
    x = jnp.stack([X, 2 * X, X - 1])
    rows = jax.make_jaxpr(jax.vmap(jax.grad(lambda x: jnp.sin(conv(x, KERNEL, 2)).sum())))(x)
    batches = [e.outvars[0].aval.shape for e in rows.eqns if e.primitive is _form]
    assert {shape[0] for shape in batches} == {6}
    found = jax.jit(jax.vmap(lambda x: conv(x, KERNEL, 2), 1, 1))(jnp.moveaxis(x, 0, 1))
    np.testing.assert_allclose(found[:, 2], conv(X - 1, KERNEL, 2), rtol=1e-5, atol=1e-5)


def test_forward_derivatives():
    """Of products with vectors, as second-order dynamics take them."""
    x, kernel, ours, theirs = arrays("conv", "3x3 of groups")
    found, right = (
        jax.jit(lambda x, k: jax.jvp(jax.grad(lambda x: jnp.sin(f(x, k)).sum()), (x,), (x,)))(  # noqa: B023
            x, kernel
        )
        for f in (ours, theirs)
    )
    for a, b in zip(found, right, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max())


def test_gradients_are_in_the_layout_of_fast_kernels_on_cpus_and_xlas_own_elsewhere():
    """Dimension numbers b01f, 01io -> b01f: no others run at full rate in a CPU's loops."""

    def both(x, kernel):
        return jax.grad(lambda x, k: jnp.sin(conv(x, k)).sum(), (0, 1))(x, kernel)

    x, kernel = jnp.zeros((2, 8, 8, 16)), jnp.zeros((3, 3, 16, 8))
    for platform in ("cpu", "cuda", "tpu"):
        text = export.export(jax.jit(both), platforms=(platform,))(x, kernel).mlir_module()
        layouts = re.findall(r"dim_numbers = (\S+)x(\S+)->(\[\S+\])", text.replace(", ", ""))
        assert len(layouts) == 3
        fast = [each == ("[b01f]", "[01io]", "[b01f]") for each in layouts]
        assert all(fast) == (platform == "cpu")
        assert fast[0]


def test_tpus_merge_small_groups():
    """Up to 128 channels, by divisors of the number of groups."""
    for groups, channels, left in ((96, 16, 12), (6, 16, 1), (10, 40, 5), (2, 128, 2), (1, 8, 1)):
        x = jnp.zeros((1, 4, 4, groups * channels))
        kernel = jnp.zeros((3, 3, channels, 2 * groups))
        f = jax.jit(functools.partial(conv, groups=groups))
        text = export.export(f, platforms=("tpu",))(x, kernel).mlir_module()
        assert f"feature_group_count = {left} " in text


def test_bfloat16_rounds_on_every_device():
    with jax.default_matmul_precision("bfloat16"):
        y = jax.jit(lambda: conv(X, KERNEL, 2))()
    x, kernel = (jnp.asarray(np.asarray(a, jnp.bfloat16), jnp.float32) for a in (X, KERNEL))
    np.testing.assert_allclose(y, conv(x, kernel, 2), rtol=1e-5, atol=1e-5)
    assert np.abs(y - conv(X, KERNEL, 2)).max() > 1e-3


def test_layers_add_a_bias_and_know_their_weights():
    """One class does it for both: here one's default weights, and the other's by fan-in."""
    x, key = jnp.zeros((1, 4, 4, 16)), jax.random.key(0)

    @jax.jit
    def several(key):
        params = Conv(64).init(key, x)["params"]
        fan = ConvTranspose(64, "fan_in_uniform", 1.0).init(key, x)["params"]["kernel"]
        params_with = {"params": params | {"bias": jnp.arange(64.0)}}
        return params, fan, [layer(64).apply(params_with, x) for layer in (Conv, ConvTranspose)]

    params, fan, outputs = several(key)
    assert params["kernel"].shape == fan.shape == (4, 4, 16, 64)
    assert float(params["kernel"].std()) == pytest.approx(0.02, rel=0.05)
    assert not params["bias"].any()
    assert float(jnp.abs(fan).max()) == pytest.approx(1 / 16, rel=0.01)
    for y, side in zip(outputs, (2, 8), strict=True):
        np.testing.assert_array_equal(y, np.broadcast_to(np.arange(64), (1, side, side, 64)))
    assert set(jax.eval_shape(Conv(2, bias=False).init, key, x)["params"]) == {"kernel"}


def sizes(net, x):
    params, _ = jax.eval_shape(net.init, jax.random.key(0), x)
    return {
        jax.tree_util.keystr(k): v.shape for k, v in jax.tree_util.tree_leaves_with_path(params)
    }


def test_infogans_networks():
    gen = nets.make_generator("dcgan", {"dense": 1024}, (28, 28, 1), "sigmoid")
    disc = nets.make_discriminator("dcgan", {"dense": 1024, "batch_norm": True}, (28, 28, 1))
    kernels = [s for s in sizes(gen, jnp.zeros((2, 62))).values() if len(s) > 1]
    assert sorted(kernels) == [(4, 4, 64, 1), (4, 4, 128, 64), (62, 1024), (1024, 6272)]
    found = sizes(disc, jnp.zeros((2, 28, 28, 1)))
    kernels = [s for s in found.values() if len(s) > 1]
    assert sorted(kernels) == [(4, 4, 1, 64), (4, 4, 64, 128), (1024, 1), (6272, 1024)]
    assert "['norm_1']['norm']['scale']" in found
    assert "['norm_0']['norm']['scale']" not in found  # not of the first layer, which has a bias
    assert "['conv_0']['bias']" in found
    assert "['conv_1']['bias']" not in found
    assert not disc.rows_are_independent


def test_three_halvings_of_32():
    gen = nets.make_generator("dcgan", {"channels": (8, 6, 4)}, (32, 32, 3), "tanh")
    disc = nets.make_discriminator("dcgan", {"channels": (4, 6, 8)}, (32, 32, 3))
    params, vars = jax.eval_shape(gen.init, jax.random.key(0), jnp.zeros((2, 5)))
    assert params["start"]["linear"]["kernel"].shape == (5, 4 * 4 * 8)
    means = [vars["batch_stats"][f"norm_{i}"]["norm"]["mean"].shape for i in range(3)]
    assert means == [(8,), (6,), (4,)]  # a channel, not a pixel
    assert sizes(disc, jnp.zeros((2, 32, 32, 3)))["['logit']['linear']['kernel']"] == (4 * 4 * 8, 1)


def test_batch_norm_trains_on_the_batch_and_samples_by_its_averages():
    args = {"channels": (3, 2), "batch_norm": True, "gain": 1.0}
    gen = nets.make_generator("dcgan", args, (8, 8, 1), "tanh")
    disc = nets.make_discriminator("dcgan", args, (8, 8, 1))
    for net, x in ((gen, X[:, 0, 0]), (disc, X.reshape(2, 144)[:, :64].reshape(2, 8, 8, 1))):

        @jax.jit
        def both(x, net=net):
            params, vars = net.init(jax.random.key(0), x)
            calm = net.apply(params, vars, x, None, train=False)
            alone = net.apply(params, vars, x[:1], None, train=False)[0]
            return vars, calm, alone, net.apply(params, vars, x, jax.random.key(1), train=True)

        vars, (calm, same), alone, (wild, after) = both(x)
        np.testing.assert_allclose(calm[:1], alone, rtol=1e-4, atol=1e-6)
        assert np.abs(calm - wild).max() > 1e-3
        before, still, moved = (jax.tree.leaves(v) for v in (vars, same, after))
        assert all(np.array_equal(a, b) for a, b in zip(before, still, strict=True))
        assert all(not np.array_equal(a, b) for a, b in zip(before, moved, strict=True))


@pytest.mark.parametrize(
    ("shape", "args", "message"),
    [
        (
            (28, 28, 1),
            {"channels": (4, 4, 4)},
            "channels is .4, 4, 4.: .* 28x28 .* not divisible by 8",
        ),
        ((8, 6, 1), {}, "8x6 is not divisible by 4"),
        ((2,), {}, r"dcgan' is for images \[H, W, C\], not for shape \(2,\)"),
        ((8, 8, 1), {"channels": ()}, r"channels is \(\)"),
    ],
)
def test_sizes_that_do_not_fit(shape, args, message):
    gen = nets.make_generator("dcgan", args, shape, "identity")
    with pytest.raises(ConfigError, match=f"gen.*{message}"):
        jax.eval_shape(gen.init, jax.random.key(0), jnp.zeros((2, 3)))
    disc = nets.make_discriminator("dcgan", args, shape)
    with pytest.raises(ConfigError, match=f"disc.*{message}"):
        jax.eval_shape(disc.init, jax.random.key(0), jnp.zeros((2, *shape)))
