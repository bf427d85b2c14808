"""The conditional GAN of Mirza and Osindero 2014 on MNIST: log-likelihood by Parzen windows, nats.

Centres are 1,000 samples of each digit. Sigma, and the best of each seed's measurements during
training, are chosen on validation images. Settings are those of experiments/cgan2014.py; the paper
does not give the number of epochs.
"""

import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gan_jax.metrics.parzen import SigmaAtEdgeError
from gan_jax.reproduce.goodfellow2014 import flat_samples
from gan_jax.reproduce.goodfellow2014_protocol import Protocol, make_protocol
from gan_jax.reproduce.goodfellow2014_recipe import STEPS_PER_EPOCH, TRAIN
from gan_jax.reproduce.methods import Row
from gan_jax.reproduce.training import Trained, refused, train
from gan_jax.reproduce.work import (
    BESIDE,
    NOTHING,
    Published,
    Size,
    Work,
    base_config,
    make_row,
)
from gan_jax.types import State

RECORDED, QUICK = Size(3, 100 * STEPS_PER_EPOCH), Size(2, 20)
COLUMNS = BESIDE
NAME, LAST = "conditional adversarial nets", "conditional adversarial nets, last look"
PUBLISHED: Published = (132.0, 1.8)
OTHERS: dict[str, Published] = {"adversarial nets": (225, 2), "deep GSN": (214, 1.1)}
LOOK_EPOCHS = 10
DIFFERS = (
    "the ramp of the momentum is over 250 epochs, and the first weights are drawn, as in the 2014 "
    "code: the paper says neither",
    "dropout after each hidden layer: the paper does not say where",
)


def settings(seed: int, steps: int) -> ConfigDict:
    """As experiments/cgan2014.py."""
    c = base_config("mnist", seed, steps, 100)
    c.data.split, c.data.low = TRAIN, 0.0
    c.latent.law, c.latent.low, c.latent.high = "uniform", 0.0, 1.0
    c.dynamics.name, c.disc.loss_scale = "simultaneous", 0.5
    for player in (c.gen, c.disc):
        player.net, player.condition = "cgan2014", "concat"
        player.optimizer, player.lr = "sgd", 0.1
        player.schedule, player.lr_decay, player.lr_end = "exponential", 1 / 1.00004, 1e-6
        player.momentum, player.momentum_end = 0.5, 0.7
        player.momentum_steps = 250 * STEPS_PER_EPOCH
    c.eval_every_steps = c.checkpoint_every_steps = LOOK_EPOCHS * STEPS_PER_EPOCH
    return c


def run(work: Work) -> Iterator[dict[str, Any]]:
    """The paper's other rows, then our seeds at their best validation likelihood and at the end."""
    for name, number in OTHERS.items():
        yield make_row(name, [], number, why_not="published only")
    protocol = make_protocol(work.quick)
    configs = work.size.configs([settings(s, work.size.steps) for s in range(work.size.seeds)])
    if work.quick:
        for config in configs:
            config.eval_every_steps = work.size.steps // 2
    yield from work.methods.recorded(NAME, configs) or work.methods.measured(
        NAME, configs, our_rows(work, configs, protocol)
    )


def our_rows(work: Work, configs: list[ConfigDict], protocol: Protocol) -> list[Row]:
    """Trains the seeds. If validation still rises at the end, the numbers are not compared."""
    trained = train(work.folder, NAME, configs, functools.partial(measure, configs[0], protocol))
    looks = [[(step, *found) for step, found in of_seed if found] for of_seed in trained.measured]
    epochs = f"{configs[0].steps / STEPS_PER_EPOCH:g} epochs: the paper's are not recorded"
    differs = [epochs, *DIFFERS, *work.size.differs, *refused(trained.states)]
    why_not = "--quick" if work.quick else "validation still rises" if still_rises(trained) else ""
    best = [max(of_seed, key=lambda look: look[1], default=None) for of_seed in looks]
    last = [of_seed[-1] if of_seed else None for of_seed in looks]
    return [
        row_of(NAME, best, PUBLISHED, differs, why_not) | {"history": looks},
        row_of(LAST, last, NOTHING, differs, why_not),
    ]


def row_of(
    name: str,
    looks: list[Any],
    published: Published,
    differs: list[str],
    why_not: str,
) -> Row:
    """The row of one measurement per seed, (step, validation nats, sigma, test nats), or None."""
    row = make_row(
        name, [look[3] if look else math.nan for look in looks], published, differs, why_not
    )
    epochs = [look[0] / STEPS_PER_EPOCH if look else None for look in looks]
    return row | {"epochs": epochs, "sigma": [look[2] if look else None for look in looks]}


def measure(config: ConfigDict, protocol: Protocol, states: State) -> list[Any]:
    """Each row's [validation nats, sigma, test nats]; None if sigma is at the grid's edge."""
    found: list[Any] = []
    for x_NxD in flat_samples(config, states, protocol.centres):
        try:
            test = protocol.score(x_NxD)
            valid = protocol._replace(test_NxD=protocol.valid_NxD).score(x_NxD)
        except SigmaAtEdgeError:
            found.append(None)
        else:
            found.append([valid.mean, test.sigma, test.mean])
    return found


def still_rises(trained: Trained) -> bool:
    """Whether the seeds' mean validation likelihood is highest at the last measurement."""
    looks = [[found[0] if found else -math.inf for _, found in each] for each in trained.measured]
    mean = np.mean(looks, 0)
    return len(mean) == 0 or int(np.argmax(mean)) == len(mean) - 1
