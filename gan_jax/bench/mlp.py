"""The perceptron GAN on digits: our step against two PyTorch versions of the same training."""

import itertools
from collections.abc import Callable
from typing import Any

from gan_jax.bench import matmul

CASES = ["batch_64", "batch_256"]
STEPS = {"batch_64": 100, "batch_256": 50}
THEIRS = {"tutorial": "make_tutorial", "best": "make_best"}
LATENT, IMAGES = 100, 5000
GEN, DISC = (256, 512, 1024), (1024, 512, 256)
RATE, BETAS = 2e-4, (0.5, 0.999)

Side = tuple[Callable[[int], Any], Callable[[], dict[str, Any]]]


def _batch(case: str) -> int:
    return int(case.removeprefix("batch_"))


def make_ours(case: str) -> Side:
    """The perceptrons of experiments/mnist_mlp.py."""
    from gan_jax.config import get_config

    config = get_config()
    config.batch_size, config.log_every_steps = _batch(case), STEPS[case]
    config.gen.args.hidden, config.disc.args.hidden = GEN, DISC
    return make_loop(config)


def make_loop(config: Any) -> Side:
    """The loop that `gan-jax train` dispatches, with the order of examples it computes."""
    import jax
    import numpy as np

    from gan_jax import config as config_lib
    from gan_jax.data import Arrays, pipeline
    from gan_jax.games import make_setup
    from gan_jax.place import place_batch
    from gan_jax.training.steps import init_state, jit_loop, make_train_many

    config.disc.loss_scale, config.ema.decay = 0.5, 0.0
    x = np.random.default_rng(0).integers(0, 256, (IMAGES, 28, 28, 1), dtype=np.uint8)
    source = pipeline.make_source(config, Arrays(x, None), place_batch())
    setup = make_setup(config)
    state, hypers = init_state(setup, jax.random.key(0)), config_lib.hypers(config)
    key = jax.random.key(1)
    args = (state, *source(key, np.int32(0)), hypers, np.int32(1))
    many = jit_loop(make_train_many(setup)).lower(*args).compile()
    step = 0

    def run(n: int) -> None:
        nonlocal state, step
        state, metrics = many(state, *source(key, np.int32(step)), hypers, np.int32(n))
        step += n
        jax.block_until_ready(metrics)

    def facts() -> dict[str, Any]:
        found = matmul.products(many)
        alone, whole = matmul.make_alone(found), 20
        pairs = [
            (matmul.seconds(alone, 20), matmul.seconds(lambda: run(whole), 1) / whole)
            for _ in range(3)
        ]
        return {
            "matmul_fraction": sorted(a / b for a, b in pairs)[len(pairs) // 2],
            "flops": sum(p.flops for p in found),
        }

    return run, facts


def make_tutorial(case: str) -> Side:
    """The tutorial's loop as it is written: retain_graph, nothing detached, BCE of a sigmoid."""
    import torch
    from torch import nn

    batch, images = _batch(case), _images()
    gen = _mlp((LATENT, *GEN, 784), nn.Tanh())
    disc = _mlp((784, *DISC, 1), nn.Sigmoid())
    gen_opt = torch.optim.Adam(gen.parameters(), RATE, BETAS)
    disc_opt = torch.optim.Adam(disc.parameters(), RATE, BETAS)
    bce = nn.BCELoss()

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

    return _repeat(step), dict


def make_best(case: str) -> Side:
    """The same training as well as PyTorch allows: the better of eager and torch.compile."""
    import torch

    def side(compile: Callable) -> Callable[[int], None]:
        gen, disc = _mlp((LATENT, *GEN, 784), torch.nn.Tanh()), _mlp((784, *DISC, 1))
        return make_careful(_batch(case), _images(), gen, disc, compile)

    return fastest([side(lambda f: f), side(torch.compile)]), dict


def fastest(sides: list[Callable[[int], None]]) -> Callable[[int], None]:
    """The one whose 20 steps take least."""
    import time

    def seconds(run: Callable[[int], Any]) -> float:
        run(5)
        start = time.perf_counter()
        run(20)
        return time.perf_counter() - start

    return min(sides, key=seconds)


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

    return _repeat(step)


def _repeat(step: Callable[[], None]) -> Callable[[int], None]:
    def run(n: int) -> None:
        for _ in range(n):
            step()

    return run


def _images() -> Any:
    import torch

    return torch.rand(IMAGES, 784) * 2 - 1


def _mlp(widths: tuple[int, ...], last: Any = None) -> Any:
    from torch import nn

    layers: list[Any] = []
    for a, b in itertools.pairwise(widths[:-1]):
        layers += [nn.Linear(a, b), nn.LeakyReLU(0.01)]
    layers.append(nn.Linear(widths[-2], widths[-1]))
    return nn.Sequential(*layers, *([last] if last else []))
