"""Layers held against PyTorch's, outputs and gradients on the same weights: the extra `parity`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gan_jax.nets import cyclegan, pix2pix
from gan_jax.nets.layers import BatchNorm
from gan_jax.nets.layers.convolution import Conv, ConvTranspose
from gan_jax.nets.layers.images import smoothly_doubled, smoothly_halved
from gan_jax.nets.layers.patches import InstanceNorm, Patches, mirrored
from gan_jax.nets.layers.residual import Attention, DiscBlock, GenBlock, VectorNorm
from gan_jax.nets.r3gan import Block

FORWARD, GRADIENT, EPS = 1e-5, 1e-4, 1e-5
LABEL = np.asarray([0, 2, 1, 1])


def some(rng, tree):
    """Weights of no special value, of the shapes of a tree."""
    return jax.tree.map(lambda a: rng.normal(0, 0.3, a.shape).astype(np.float32), tree)


def close(found, right, tolerance):
    """Relative to the largest, or to 1, as that of a bias before batch norm is rounding alone."""
    right = np.asarray(right)
    assert np.abs(found - right).max() <= tolerance * max(np.abs(right).max(), 1)


def hold(ours, theirs, params, shape):
    """ours(params, x) in NHWC and theirs(torch, params, x) in NCHW: values, gradients in all."""
    torch, rng = tiny.torch_or_skip(), np.random.default_rng(0)
    params, x = some(rng, params), rng.normal(1, 2, shape).astype(np.float32)
    y, pull = jax.vjp(jax.jit(ours), params, x)
    g = rng.normal(size=y.shape).astype(np.float32)
    leaves = [torch.from_numpy(a).requires_grad_() for a in jax.tree.leaves(params)]
    x = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).requires_grad_()
    y_theirs = theirs(torch, jax.tree.unflatten(jax.tree.structure(params), leaves), x)
    close(y, y_theirs.detach().permute(0, 2, 3, 1), FORWARD)
    y_theirs.backward(torch.from_numpy(g.transpose(0, 3, 1, 2).copy()))
    for a, b in zip(jax.tree.leaves(pull(jnp.asarray(g))[0]), leaves, strict=True):
        close(a, b.grad, GRADIENT)
    close(pull(jnp.asarray(g))[1], x.grad.permute(0, 2, 3, 1), GRADIENT)


def hold_module(module, theirs, shape, *given):
    """A module without statistics, or with those of the batch."""
    variables = module.init(jax.random.key(0), jnp.zeros(shape), *given)

    def ours(params, x):
        tree = {**variables, "params": params}
        return module.apply(tree, x, *given, mutable=["batch_stats"])[0]

    hold(ours, theirs, variables.get("params", {}), shape)


def conv2d(torch, p, x, **how):
    return torch.nn.functional.conv2d(x, p["kernel"].permute(3, 2, 0, 1), p.get("bias"), **how)


@pytest.mark.parametrize(
    ("size", "stride", "groups"), [(3, 1, 1), (1, 1, 1), (5, 1, 1), (4, 2, 1), (3, 1, 3)]
)
def test_convolutions(size, stride, groups):
    how = {"padding": (size - stride) // 2, "stride": stride, "groups": groups}
    layer = Conv(6, size=size, stride=stride, groups=groups)
    hold_module(layer, lambda torch, p, x: conv2d(torch, p, x, **how), (2, 8, 6, 9))


def test_transposed_convolutions():
    """PyTorch's kernel is ours turned upside down, with inputs before outputs."""

    def theirs(torch, p, x):
        return torch.nn.functional.conv_transpose2d(x, *upside_down(p), stride=2, padding=1)

    hold_module(ConvTranspose(5), theirs, (2, 4, 6, 3))


def batch_norm(torch, x):
    return torch.nn.functional.batch_norm(x, None, None, training=True, eps=EPS)


def by_label(torch, p, x):
    """BatchNorm2d without scale or bias, then (1 + gain(y)) x + bias(y) with two embeddings."""
    gain, bias = (p[name][torch.from_numpy(LABEL)][:, :, None, None] for name in ("gain", "bias"))
    return batch_norm(torch, x) * (1 + gain) + bias


def test_conditional_batch_norm_is_pytorchs_composition():
    layer = BatchNorm(0.9, EPS, classes=3)
    hold_module(layer, by_label, (4, 4, 4, 5), True, jnp.asarray(LABEL))


def test_batch_norm_by_a_vector():
    e = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)

    def theirs(torch, p, x):
        scale, shift = (
            (torch.from_numpy(e) @ p[name]["linear"]["kernel"])[:, :, None, None]
            for name in ("scale", "shift")
        )
        return batch_norm(torch, x) * (1 + scale) + shift

    hold_module(VectorNorm(0.9, EPS), theirs, (4, 4, 4, 5), True, jnp.asarray(e))


def test_gens_residual_block():
    def theirs(torch, p, x):
        def up(x):
            return torch.nn.functional.interpolate(x, scale_factor=2, mode="nearest")

        h = up(by_label(torch, p["norm_0"], x).relu())
        h = by_label(torch, p["norm_1"], conv2d(torch, p["conv_0"], h, padding=1)).relu()
        h = conv2d(torch, p["conv_1"], h, padding=1)
        return h + conv2d(torch, p["shortcut"], up(x))  # the paper's order

    def norm(name, x):
        return BatchNorm(0.9, EPS, classes=3, name=name)(x, True, jnp.asarray(LABEL))

    hold_module(GenBlock(6), theirs, (4, 4, 4, 5), norm)


@pytest.mark.parametrize("kind", ["first", "halves", "stays"])
def test_discs_residual_block(kind):
    halves, is_first = kind != "stays", kind == "first"

    def theirs(torch, p, x):
        pool = torch.nn.AvgPool2d(2) if halves else torch.nn.Identity()
        h = conv2d(torch, p["conv_0"], x if is_first else x.relu(), padding=1)
        h = pool(conv2d(torch, p["conv_1"], h.relu(), padding=1))
        return h + (pool(conv2d(torch, p["shortcut"], x)) if halves else x)

    block = DiscBlock(6, hidden=4, halves=halves, is_first=is_first)
    hold_module(block, theirs, (2, 6, 4, 6))


def test_attention():
    def theirs(torch, p, x):
        b, _, h, w = x.shape
        q, k, v = (conv2d(torch, p[name], x) for name in ("query", "key", "value"))
        k, v = (torch.nn.functional.max_pool2d(each, 2).flatten(2) for each in (k, v))
        weight = torch.softmax(q.flatten(2).transpose(1, 2) @ k, -1)
        seen = (v @ weight.transpose(1, 2)).reshape(b, -1, h, w)
        return x + p["gamma"] * conv2d(torch, p["out"], seen)

    hold_module(Attention(), theirs, (2, 4, 6, 16))


def test_r3gans_block():
    def theirs(torch, p, x):
        def act(h, bias):
            return torch.nn.functional.leaky_relu(h + bias[:, None, None], 0.2)

        h = act(conv2d(torch, p["conv_0"], x), p["bias_0"])
        h = act(conv2d(torch, p["conv_1"], h, padding=1, groups=4), p["bias_1"])
        return x + conv2d(torch, p["conv_2"], h)

    hold_module(Block(blocks=8, group=4), theirs, (2, 4, 6, 8))


def test_filtered_resampling():
    """By (1, 3, 3, 1), which is (1, 2, 1) convolved with two ones, as R3GAN's code does it."""

    def kernel(torch, channels):
        one = torch.tensor([1.0, 3, 3, 1]) / 8
        return torch.outer(one, one).repeat(channels, 1, 1, 1)

    def doubled(torch, p, x):
        how = {"stride": 2, "padding": 1, "groups": 3}
        return torch.nn.functional.conv_transpose2d(x, 4 * kernel(torch, 3), **how)

    def halved(torch, p, x):
        return torch.nn.functional.conv2d(x, kernel(torch, 3), stride=2, padding=1, groups=3)

    for ours, theirs in ((smoothly_doubled, doubled), (smoothly_halved, halved)):
        hold(lambda params, x, ours=ours: ours(x), theirs, {}, (2, 4, 6, 3))


def upside_down(p):
    """The kernel and the bias of a transposed convolution as PyTorch has them."""
    return p["kernel"].flip(0, 1).permute(2, 3, 0, 1), p.get("bias")


@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions_with_zeros_of_their_own(stride):
    """PatchGAN's 4x4 pixels with one zero around, and CycleGAN's 3x3 that halve."""
    size, zeros = {1: (4, (1, 1)), 2: (3, (1, 0))}[stride]
    layer = Conv(5, size=size, stride=stride, zeros=zeros)
    how = {"padding": 1, "stride": stride}
    hold_module(layer, lambda torch, p, x: conv2d(torch, p, x, **how), (2, 8, 6, 9))


def test_transposed_convolutions_of_three_pixels():
    def theirs(torch, p, x):
        how = {"stride": 2, "padding": 1, "output_padding": 1}
        return torch.nn.functional.conv_transpose2d(x, *upside_down(p), **how)

    hold_module(ConvTranspose(5, size=3, zeros=(1, 0)), theirs, (2, 4, 6, 3))


def instance_norm(torch, p, x):
    return torch.nn.functional.instance_norm(x, weight=p.get("scale"), bias=p.get("bias"))


@pytest.mark.parametrize("affine", [True, False])
def test_instance_norm(affine):
    hold_module(InstanceNorm(affine), instance_norm, (2, 4, 6, 3))


def test_mirrored_edges():
    def theirs(torch, p, x):
        return torch.nn.functional.pad(x, (3, 3, 3, 3), mode="reflect")

    hold(lambda params, x: mirrored(x, 3), theirs, {}, (2, 6, 5, 3))


@pytest.mark.parametrize("affine", [True, False])
def test_a_disc_of_patches(affine):
    def theirs(torch, p, x):
        def act(h):
            return torch.nn.functional.leaky_relu(h, 0.2)

        h = act(conv2d(torch, p["conv_0"], x, stride=2, padding=1))
        for i, stride in ((1, 2), (2, 1)):
            h = conv2d(torch, p[f"conv_{i}"], h, stride=stride, padding=1)
            h = act(instance_norm(torch, p.get(f"norm_{i}", {}), h))
        return conv2d(torch, p["logits"], h, padding=1)

    def as_map(params, x):
        return Patches(2, 3, affine).apply({"params": params}, x, train=True).reshape(2, 2, 2, 1)

    shape = (2, 16, 16, 3)
    params = Patches(2, 3, affine).init(jax.random.key(0), jnp.zeros(shape), train=True)["params"]
    hold(as_map, theirs, params, shape)


def test_the_u_net_without_dropout():
    def theirs(torch, p, x):
        f, skips, h = torch.nn.functional, [], x
        for i in range(3):
            h = conv2d(torch, p[f"down_{i}"], f.leaky_relu(h, 0.2) if i else h, stride=2, padding=1)
            h = instance_norm(torch, p[f"norm_{i}"], h) if i == 1 else h
            skips.append(h)
        h = skips.pop()
        for i in (2, 1):
            h = f.conv_transpose2d(h.relu(), *upside_down(p[f"up_{i}"]), stride=2, padding=1)
            h = torch.cat([skips.pop(), instance_norm(torch, p[f"up_norm_{i}"], h)], 1)
        return f.conv_transpose2d(h.relu(), *upside_down(p["out"]), stride=2, padding=1).tanh()

    net = pix2pix.Generator((8, 8, 2), width=3)
    hold_module(net, theirs, (2, 8, 8, 3), True)


def test_cyclegans_generator():
    def theirs(torch, p, x):
        f = torch.nn.functional

        def pad(x, n):
            return f.pad(x, (n, n, n, n), mode="reflect")

        def normed(x):
            return instance_norm(torch, {}, x)

        h = normed(conv2d(torch, p["first"], pad(x, 3))).relu()
        h = normed(conv2d(torch, p["down_0"], h, stride=2, padding=1)).relu()
        y = normed(conv2d(torch, p["block_0"]["Conv_0"], pad(h, 1))).relu()
        h = h + normed(conv2d(torch, p["block_0"]["Conv_1"], pad(y, 1)))
        how = {"stride": 2, "padding": 1, "output_padding": 1}
        h = normed(f.conv_transpose2d(h, *upside_down(p["up_0"]), **how)).relu()
        return conv2d(torch, p["out"], pad(h, 3)).tanh()

    net = cyclegan.Generator((8, 8, 2), width=3, blocks=1, halvings=1)
    hold_module(net, theirs, (2, 8, 8, 3), True)
