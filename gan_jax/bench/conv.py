"""The DCGAN on digits: our step against the fastest of PyTorch's own convolutions."""

import itertools
from collections.abc import Callable
from typing import Any

from gan_jax.bench.mlp import IMAGES, LATENT, Side, fastest, make_careful, make_loop
from gan_jax.config import get_config

CHANNELS = {"channels_32": 32, "channels_64": 64}  # at 14x14; twice as many at 7x7
CASES = [*CHANNELS]
STEPS = {"channels_32": 40, "channels_64": 20}
THEIRS = {"best": "make_best"}
BATCH, SLOPE = 64, 0.2


def make_ours(case: str) -> Side:
    """The networks of experiments/mnist_dcgan.py, without disc's dense layer of 256."""
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
        images = (torch.rand(IMAGES, 1, 28, 28) * 2 - 1).contiguous(memory_format=layout)
        gen, disc = (net.to(memory_format=layout) for net in _players(CHANNELS[case]))
        return make_careful(BATCH, images, gen, disc, compile)

    layouts = torch.contiguous_format, torch.channels_last
    ways = itertools.product((lambda f: f, torch.compile), layouts)
    return fastest([side(*way) for way in ways]), dict


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
