"""R3GAN's step with all its schedules, against one written in PyTorch from the paper's formulas.

Both in float64, from the same weights, on the same reals, latents and labels: the extra `parity`.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gan_jax.config import hypers
from gan_jax.dynamics.step import draw_keys
from gan_jax.games import make_setup
from gan_jax.training.steps import init_state, make_train_step
from gan_jax.types import Batch

STEPS, BATCH, IMAGES, CLASSES, GROUP = 5, 4, 32, 10, 4
TOLERANCE = 1e-9  # of the largest weight
RATE, B2, GAMMA, HALF_LIFE = (2e-3, 5e-4), (0.9, 0.99), (0.5, 0.05), (0, IMAGES / 4)  # in images


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def recipe():
    """The experiment's own, smaller: 8x8 digits, schedules over 8 steps of which 5 are taken."""
    path = next(p for p in tiny.EXPERIMENTS if p.stem == "r3gan_cifar10")
    c = tiny.edit(tiny.experiment(path, "tiny"), data__name="digits", batch_size=BATCH)
    c.gen.args.channels, c.disc.args.channels, c.latent.dim = (8, 4), (4, 8), 6
    c.gen.args.group = c.disc.args.group = GROUP
    c.gen.args.embedding, c.schedule_images, c.steps = 5, IMAGES, STEPS
    c.penalty.weight, c.penalty.weight_end = (gamma / 2 for gamma in GAMMA)
    for player in (c.gen, c.disc):
        player.lr, player.lr_end = RATE
    c.ema.decay_end = 0.5 ** (BATCH / HALF_LIFE[1])
    return c


@pytest.mark.usefixtures("x64")
def test_five_steps_are_those_of_the_formulas():
    torch, c = tiny.torch_or_skip(), recipe()
    setup, rng = make_setup(c), np.random.default_rng(0)
    state, numbers = init_state(setup, jax.random.key(0)), hypers(c)
    players = {
        name: player.replace(params=jax.tree.map(functools.partial(some, rng), player.params))
        for name, player in state.players.items()
    }
    first = {name: player.params for name, player in players.items()}
    state = state.replace(players=players, averages={"gen": first["gen"]})
    theirs = Reference(torch, first)
    step = jax.jit(make_train_step(setup))
    for t in range(STEPS):
        x = jnp.asarray(rng.uniform(-1, 1, (1, BATCH, 8, 8, 1)))
        batch = Batch(x, jnp.asarray(rng.integers(0, CLASSES, (1, BATCH)), jnp.int32))
        keys = draw_keys(jax.random.fold_in(state.key, t), setup.game)
        z = setup.game.draw(batch, keys).z[0]
        state, metrics = step(state, batch, numbers)
        losses = theirs.step(t, *(np.array(a) for a in (x[0], batch.label[0], z)))
        assert float(metrics["gen_loss"]) == pytest.approx(losses[1], rel=TOLERANCE)
    for name in ("gen", "disc"):
        hold(state.players[name].params, theirs.params[name])
        assert gap(first[name], theirs.params[name]) > 1e-3  # they have moved
    hold(state.averages["gen"], theirs.average)


def some(rng, leaf):
    return jnp.asarray(rng.normal(0, 0.3, leaf.shape))


def gap(tree, tensors):
    """The largest difference over the largest of all."""
    pairs = list(zip(jax.tree.leaves(tree), jax.tree.leaves(tensors), strict=True))
    largest = max(np.abs(np.asarray(a)).max() for a, _ in pairs)
    return max(np.abs(np.asarray(a) - b.detach().numpy()).max() for a, b in pairs) / largest


def hold(tree, tensors):
    assert gap(tree, tensors) < TOLERANCE


def cosine(ends, images):
    """R3GAN's cosine_decay_with_warmup, without a warm-up."""
    start, end = ends
    left = (1 + math.cos(math.pi * images / IMAGES)) / 2
    return start + (1 - left) * (end - start)


class Reference:
    """Images are NCHW here; params are dicts of tensors, kernels [k, k, C, F] as they came."""

    def __init__(self, torch, params):
        self.torch = torch
        own = functools.partial(jax.tree.map, lambda a: torch.tensor(np.array(a)))
        self.params = {name: own(tree) for name, tree in params.items()}
        self.average = own(params["gen"])
        self.squares = {name: self.zeros(tree) for name, tree in self.params.items()}

    def zeros(self, tree):
        return jax.tree.map(self.torch.zeros_like, tree)

    def step(self, t, x, label, z):
        torch, images = self.torch, t * BATCH
        x, label, z = (torch.tensor(a) for a in (x.transpose(0, 3, 1, 2), label.astype(int), z))
        disc_loss = self.update("disc", t, lambda own: self.disc_loss(own, images, x, label, z))
        gen_loss = self.update("gen", t, lambda own: self.gen_loss(own, x, label, z))
        half_life = cosine(HALF_LIFE, images)
        beta = 0.5 ** (BATCH / max(half_life, 1e-8))
        self.average = jax.tree.map(
            lambda a, w: beta * a + (1 - beta) * w, self.average, self.params["gen"]
        )
        return disc_loss, gen_loss

    def disc_loss(self, disc, images, x, label, z):
        """softplus(-(D(x) - D(G(z)))) + gamma / 2 (norm2(grad D(x))^2 + norm2(grad D(G(z)))^2)."""
        torch = self.torch
        fake = self.gen(self.params["gen"], z, label).detach()
        x, fake = x.clone().requires_grad_(), fake.requires_grad_()
        real_B, fake_B = self.disc(disc, x, label), self.disc(disc, fake, label)
        slopes = torch.autograd.grad(real_B.sum() + fake_B.sum(), (x, fake), create_graph=True)
        r1, r2 = (slope.square().sum((1, 2, 3)) for slope in slopes)
        gamma = cosine(GAMMA, images)
        loss = torch.nn.functional.softplus(-(real_B - fake_B))
        return (loss + gamma / 2 * (r1 + r2)).mean()

    def gen_loss(self, gen, x, label, z):
        """softplus(-(D(G(z)) - D(x)))."""
        real_B = self.disc(self.params["disc"], x, label)
        fake_B = self.disc(self.params["disc"], self.gen(gen, z, label), label)
        return self.torch.nn.functional.softplus(-(fake_B - real_B)).mean()

    def update(self, name, t, loss_of):
        """Adam with b1 0, whose other moment is corrected by the present b2."""
        lr, b2 = cosine(RATE, t * BATCH), cosine(B2, t * BATCH)
        own = jax.tree.map(lambda w: w.clone().requires_grad_(), self.params[name])
        loss = loss_of(own)
        leaves, treedef = jax.tree.flatten(own)
        slopes = jax.tree.unflatten(treedef, self.torch.autograd.grad(loss, leaves))
        self.squares[name] = jax.tree.map(
            lambda v, g: b2 * v + (1 - b2) * g * g, self.squares[name], slopes
        )
        self.params[name] = jax.tree.map(
            lambda w, v, g: w - lr * g / ((v / (1 - b2 ** (t + 1))).sqrt() + 1e-8),
            *(self.params[name], self.squares[name], slopes),
        )
        return float(loss.detach())

    def gen(self, p, z, label):
        """z and the label's embedding -> a linear map, times a basis; blocks, twice the size."""
        z = self.torch.cat([z, p["embedding"]["linear"]["kernel"][label]], 1)
        h = (z @ p["start"]["linear"]["kernel"])[:, :, None, None] * p["basis"].permute(2, 0, 1)
        h = self.block(p["block_0_0"], h)
        h = self.doubled(self.conv(p["widen_1"], h))
        return self.conv(p["out"], self.block(p["block_1_0"], h))

    def disc(self, p, x, label):
        h = self.block(p["block_0_0"], self.conv(p["in"], x))
        h = self.block(p["block_1_0"], self.conv(p["widen_1"], self.halved(h)))
        h = (h * p["basis"].permute(2, 0, 1)).sum((2, 3))
        embedding = p["embedding"]["linear"]["kernel"][label]
        return (h @ p["features"]["linear"]["kernel"] * embedding).sum(1)

    def block(self, p, x):
        h = self.act(self.conv(p["conv_0"], x), p["bias_0"])
        h = self.act(self.conv(p["conv_1"], h, x.shape[1] * 2 // GROUP), p["bias_1"])
        return x + self.conv(p["conv_2"], h)

    def conv(self, p, x, groups=1):
        kernel = p["kernel"].permute(3, 2, 0, 1)
        return self.torch.conv2d(x, kernel, padding=kernel.shape[-1] // 2, groups=groups)

    def act(self, h, bias):
        return self.torch.nn.functional.leaky_relu(h + bias[:, None, None], 0.2)

    def doubled(self, x):
        how = {"stride": 2, "padding": 1, "groups": x.shape[1]}
        return self.torch.conv_transpose2d(x, 4 * self.filter(x.shape[1]), **how)

    def halved(self, x):
        return self.torch.conv2d(x, self.filter(x.shape[1]), None, 2, 1, 1, x.shape[1])

    def filter(self, channels):
        """(1, 2, 1) on pixels doubled or averaged: (1, 3, 3, 1)."""
        one = self.torch.tensor([1.0, 3, 3, 1], dtype=self.torch.float64) / 8
        return self.torch.outer(one, one).repeat(channels, 1, 1, 1)
