"""The perceptron GAN on digits: our step against two PyTorch versions of the same training."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from gan_jax.bench import products
from gan_jax.config import get_config, hypers
from gan_jax.data import Arrays, pipeline
from gan_jax.games import Setup, make_setup
from gan_jax.place import place_batch
from gan_jax.training.steps import init_state, jit_loop, make_train_many

BATCHES = {"batch_64": 64, "batch_256": 256}
CASES = [*BATCHES]
STEPS = {"batch_64": 100, "batch_256": 50}
THEIRS = {"tutorial": "make_tutorial", "best": "make_best"}
LATENT, IMAGES = 100, 5000
GEN, DISC = (256, 512, 1024), (1024, 512, 256)
RATE, BETAS = 2e-4, (0.5, 0.999)

Side = tuple[Callable[[int], Any], Callable[[], dict[str, Any]]]


def make_ours(case: str) -> Side:
    """The perceptrons of experiments/mnist_mlp.py."""
    config = get_config()
    config.batch_size, config.log_every_steps = BATCHES[case], STEPS[case]
    config.gen.args.hidden, config.disc.args.hidden = GEN, DISC
    config.disc.loss_scale, config.ema.decay = 0.5, 0.0
    return make_loop(config)


def make_loop(config: Any) -> Side:
    """The loop that `gan-jax train` dispatches, with the order of examples that it computes."""
    setup = make_setup(config)
    run, lowered = loop_of(setup, None if setup.data.synthetic else Arrays(random_images(), None))
    many = lowered.compile()
    return run, lambda: products.facts(many, lambda: products.seconds(lambda: run(20), 1) / 20)


def loop_of(setup: Setup, arrays: Arrays | None) -> tuple[Callable[[int], None], Any]:
    """A function that trains for n steps, and its program as lowered."""
    config = setup.config
    source = pipeline.make_source(config, arrays, place_batch())
    state, numbers = init_state(setup, jax.random.key(0)), hypers(config)
    key = jax.random.key(1)
    args = (state, *source(key, np.int32(0)), numbers, np.int32(1))
    lowered = jit_loop(make_train_many(setup)).lower(*args)
    many, step = lowered.compile(), 0

    def run(n: int) -> None:
        nonlocal state, step
        state, metrics = many(state, *source(key, np.int32(step)), numbers, np.int32(n))
        step += n
        jax.block_until_ready(metrics)

    return run, lowered


def random_images() -> np.ndarray:
    """Random images, as many and as large as those of mnist5k."""
    return np.random.default_rng(0).integers(0, 256, (IMAGES, 28, 28, 1), dtype=np.uint8)


def make_tutorial(case: str) -> Side:
    """The loop as tutorials write it: retain_graph, nothing detached, BCE of a sigmoid."""
    import torch

    batch, images = BATCHES[case], _images()
    gen, disc = perceptron((LATENT, *GEN, 784)), perceptron((784, *DISC, 1))
    gen.append(torch.nn.Tanh())
    disc.append(torch.nn.Sigmoid())
    gen_opt = torch.optim.Adam(gen.parameters(), RATE, BETAS)
    disc_opt = torch.optim.Adam(disc.parameters(), RATE, BETAS)
    bce = torch.nn.BCELoss()

    def step() -> None:
        real = images[torch.randint(0, IMAGES, (batch,))]
        ones, zeros = torch.ones(batch, 1), torch.zeros(batch, 1)
        fake = gen(torch.randn(batch, LATENT))
        disc_opt.zero_grad()
        disc_loss = (bce(disc(real), ones) + bce(disc(fake), zeros)) / 2
        disc_loss.backward(retain_graph=True)
        disc_opt.step()
        gen_opt.zero_grad()
        bce(disc(fake), ones).backward()
        gen_opt.step()

    return repeat(step), dict


def make_best(case: str) -> Side:
    """The same training, as fast as PyTorch allows: the faster of eager and torch.compile."""
    import torch

    def side(compile: Callable) -> Callable[[int], None]:
        gen, disc = perceptron((LATENT, *GEN, 784)), perceptron((784, *DISC, 1))
        gen.append(torch.nn.Tanh())
        return make_careful(BATCHES[case], _images(), gen, disc, compile)

    return fastest([side(lambda f: f), side(torch.compile)]), dict


def fastest(sides: list[Callable[[int], None]]) -> Callable[[int], None]:
    """The side that takes the least time for 20 steps."""
    return min(sides, key=lambda run: products.seconds(lambda: run(20), 1))


def make_careful(
    batch: int, images: Any, gen: Any, disc: Any, compile: Callable
) -> Callable[[int], None]:
    """Fused Adam, one pass over reals and fakes, detached fakes, softplus of logits, disc frozen
    while gen moves."""
    import torch
    from torch.nn.functional import softplus

    gen_opt = torch.optim.Adam(gen.parameters(), RATE, BETAS, fused=True)
    disc_opt = torch.optim.Adam(disc.parameters(), RATE, BETAS, fused=True)
    make_fakes = compile(gen)

    @compile
    def disc_loss(real: Any, fake: Any) -> Any:
        s = disc(torch.cat([real, fake]))
        return (softplus(-s[:batch]).mean() + softplus(s[batch:]).mean()) / 2

    @compile
    def gen_loss(fake: Any) -> Any:
        return softplus(-disc(fake)).mean()

    def step() -> None:
        fake = make_fakes(torch.randn(batch, LATENT))
        disc_opt.zero_grad()
        disc_loss(images[torch.randint(0, IMAGES, (batch,))], fake.detach()).backward()
        disc_opt.step()
        gen_opt.zero_grad()
        disc.requires_grad_(False)
        gen_loss(fake).backward()
        disc.requires_grad_(True)
        gen_opt.step()

    return repeat(step)


def repeat(step: Callable[[], None]) -> Callable[[int], None]:
    """A side that runs PyTorch's step n times."""

    def run(n: int) -> None:
        for _ in range(n):
            step()

    return run


def _images() -> Any:
    import torch

    return torch.rand(IMAGES, 784) * 2 - 1


def perceptron(widths: tuple[int, ...], act: str = "LeakyReLU") -> Any:
    """A perceptron in PyTorch, with act between its layers."""
    from torch import nn

    pairs = itertools.pairwise(widths)
    layers = [layer for pair in pairs for layer in (nn.Linear(*pair), getattr(nn, act)())]
    return nn.Sequential(*layers[:-1])
