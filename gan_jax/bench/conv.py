"""Convolutional networks: our step against the fastest of PyTorch's own.

channels_32 and channels_64 are the DCGAN on digits. alone is the latter with one step a dispatch,
to compare with its step in a loop. sngan and r3gan are two of these nets' residual blocks with 64
channels at 16x16, trained to output zeros.
"""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.bench import products
from gan_jax.bench.mlp import IMAGES, LATENT, Side, fastest, make_careful, make_loop, repeat
from gan_jax.config import get_config
from gan_jax.nets.layers.residual import DiscBlock
from gan_jax.nets.r3gan import Block

CHANNELS = {"channels_32": 32, "channels_64": 64, "alone": 64}  # at 14x14; twice as many at 7x7
SIDE, WIDTH, RATE = 16, 64, 1e-3  # of the blocks; their rate of gradient descent
BLOCKS: dict[str, Callable[[], Any]] = {
    "sngan": lambda: DiscBlock(WIDTH),
    "r3gan": lambda: Block(8),
}
CASES = [*CHANNELS, *BLOCKS]
STEPS = {"channels_32": 40, "channels_64": 20, "alone": 20, "sngan": 20, "r3gan": 20}
THEIRS = {"best": "make_best"}
BATCH, SLOPE = 64, 0.2


def make_ours(case: str) -> Side:
    """The networks of experiments/mnist_dcgan.py, without disc's dense layer of 256; or blocks."""
    if case in BLOCKS:
        return make_blocks(case)
    side = make_dcgan(case)
    if case != "alone":
        return side
    run, facts = side
    return repeat(lambda: run(1)), facts


def make_blocks(case: str) -> Side:
    """Gradient descent on two blocks, in one program of n steps."""
    blocks, x = [BLOCKS[case]() for _ in range(2)], images_of_blocks()
    params = [net.init(jax.random.key(i), x) for i, net in enumerate(blocks)]

    def loss(params: list, x: jax.Array) -> jax.Array:
        for net, its in zip(blocks, params, strict=True):
            x = net.apply(its, x)
        return jnp.square(x).mean()

    @jax.jit
    def steps(params: list, x: jax.Array, n: jax.Array) -> list:
        def step(_: Any, params: list) -> list:
            slopes = jax.grad(loss)(params, x)
            return jax.tree.map(lambda p, g: p - RATE * g, params, slopes)

        return jax.lax.fori_loop(0, n, step, params)

    many = steps.lower(params, x, 1).compile()

    def run(n: int) -> None:
        nonlocal params
        params = jax.block_until_ready(many(params, x, jnp.int32(n)))

    return run, lambda: products.facts(many, lambda: products.seconds(lambda: run(20), 1) / 20)


def images_of_blocks() -> jax.Array:
    """Random numbers where a block's input would be."""
    return jax.random.normal(jax.random.key(0), (BATCH, SIDE, SIDE, WIDTH))


def make_dcgan(case: str) -> Side:
    """The DCGAN in the loop that `gan-jax train` dispatches."""
    config, c = get_config(), CHANNELS[case]
    config.batch_size, config.log_every_steps = BATCH, STEPS[case]
    config.gen.net = config.disc.net = "dcgan"
    config.gen.args.channels, config.disc.args.channels = (2 * c, c), (c, 2 * c)
    config.disc.loss_scale, config.ema.decay = 0.5, 0.0
    return make_loop(config)


def make_best(case: str) -> Side:
    """The fastest of eager and torch.compile, each with channels first and channels last."""
    import torch

    def side(compile: Callable, layout: Any) -> Callable[[int], None]:
        if case in BLOCKS:
            return _blocks(case, compile, layout)
        images = (torch.rand(IMAGES, 1, 28, 28) * 2 - 1).contiguous(memory_format=layout)
        gen, disc = (net.to(memory_format=layout) for net in _players(CHANNELS[case]))
        return make_careful(BATCH, images, gen, disc, compile)

    layouts = torch.contiguous_format, torch.channels_last
    ways = itertools.product((lambda f: f, torch.compile), layouts)
    return fastest([side(*way) for way in ways]), dict


def _blocks(case: str, compile: Callable, layout: Any) -> Callable[[int], None]:
    import torch
    from torch import nn

    def body() -> Any:
        if case == "sngan":
            act, wide = nn.ReLU, [nn.Conv2d(WIDTH, WIDTH, 3, 1, 1) for _ in range(2)]
            return nn.Sequential(act(), wide[0], act(), wide[1])
        groups = 2 * WIDTH // 16
        return nn.Sequential(
            nn.Conv2d(WIDTH, 2 * WIDTH, 1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(2 * WIDTH, 2 * WIDTH, 3, 1, 1, groups=groups),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(2 * WIDTH, WIDTH, 1, bias=False),
        )

    bodies = nn.ModuleList([body() for _ in range(2)]).to(memory_format=layout)
    x = torch.randn(BATCH, WIDTH, SIDE, SIDE).contiguous(memory_format=layout)
    optimizer = torch.optim.SGD(bodies.parameters(), RATE)

    @compile
    def loss(x: Any) -> Any:
        for body in bodies:
            x = x + body(x)
        return x.square().mean()

    def step() -> None:
        optimizer.zero_grad()
        loss(x).backward()
        optimizer.step()

    return repeat(step)


def _players(c: int) -> tuple[Any, Any]:
    from torch import nn

    gen = nn.Sequential(
        nn.Linear(LATENT, 2 * c * 49, bias=False),
        nn.Unflatten(1, (2 * c, 7, 7)),
        nn.BatchNorm2d(2 * c),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * c, c, 4, 2, 1, bias=False),
        nn.BatchNorm2d(c),
        nn.ReLU(),
        nn.ConvTranspose2d(c, 1, 4, 2, 1),
        nn.Tanh(),
    )
    disc = nn.Sequential(
        nn.Conv2d(1, c, 4, 2, 1),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(c, 2 * c, 4, 2, 1),
        nn.LeakyReLU(SLOPE),
        nn.Flatten(),
        nn.Linear(2 * c * 49, 1),
    )
    return gen, disc
