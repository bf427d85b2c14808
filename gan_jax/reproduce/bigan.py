"""BiGAN on permutation-invariant MNIST: the quality of enc and gen by epoch. Donahue et al. 2017.

As in the log of the authors' code: the accuracy on test images of one-nearest-neighbour
classification by training images, in the encoder's last hidden layer, and the mean distance of
samples to their nearest training image, with pixels in [0, 1]. Settings are those of
experiments/mnist_bigan.py, without an average.
"""

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gan_jax.evaluate.evaluators.draws import make_draw, unit
from gan_jax.evaluate.evaluators.encoded import labelled, make_encode, neighbour_accuracy
from gan_jax.games import Setup, make_setup
from gan_jax.metrics.memorise import nearest
from gan_jax.reproduce.methods import Row
from gan_jax.reproduce.training import refused, train
from gan_jax.reproduce.work import BESIDE, Size, Work, base_config, make_row
from gan_jax.sweeps.cohort import init_rows, make_members, row
from gan_jax.types import State

EPOCH, QUICK_EPOCH = 468, 2  # steps
RECORDED, QUICK = Size(3, 25 * EPOCH), Size(2, 25 * QUICK_EPOCH)
COLUMNS = BESIDE
METHOD = "BiGAN"
ACCURACY, DISTANCE = "1-NN accuracy, %", "distance of samples to the nearest real"
EPOCHS = (0, 1, 25, 200)
PUBLISHED = {ACCURACY: (96.84, 92.56, 96.28, 97.14), DISTANCE: (13.44, 7.19, 4.61, 4.33)}
SAMPLES, FEW = 1_000, 100  # whose distances are taken; few to be quick
DIFFERS = (
    "batch norm by running averages: the authors estimate it over 1,000 batches beforehand",
    "weight decay beside Adam: the authors add it to the gradient",
    "1,000 samples: the authors' number is not recorded",
)


def settings(data: str, seed: int, steps: int, epoch: int = EPOCH) -> ConfigDict:
    """As experiments/mnist_bigan.py, but measured at most once per epoch."""
    c = base_config(data, seed, steps, 128)
    c.game, c.data.low = "bigan", 0.0
    c.latent.law, c.latent.dim = "uniform", 50
    for player in (c.gen, c.disc):
        player.net, player.lr, player.weight_decay = "bigan", 2e-4, 2.5e-5
    c.log_every_steps = epoch // 4 or epoch
    c.eval_every_steps = c.sample_every_steps = c.checkpoint_every_steps = epoch
    return c


def run(work: Work) -> Iterator[dict[str, Any]]:
    """Rows of both numbers at each epoch; epochs that are not reached have only published ones."""
    size, data = work.size, "mnist5k" if work.quick else "mnist"
    made = [settings(data, s, size.steps, epoch_of(work)) for s in range(size.seeds)]
    configs = size.configs(made)
    yield from work.methods.recorded(METHOD, configs) or work.methods.measured(
        METHOD, configs, train_rows(work, configs)
    )


def epoch_of(work: Work) -> int:
    """The number of steps in what the table calls an epoch."""
    return QUICK_EPOCH if work.quick else EPOCH


def train_rows(work: Work, configs: list[ConfigDict]) -> list[Row]:
    """Trains the seeds and measures them during training."""
    at_epochs = functools.partial(measure, make_setup(configs[0]), work.quick)
    trained = train(work.folder, METHOD, configs, at_epochs)
    at_first = at_epochs(init_rows(make_members(configs))[0])
    differs = [*DIFFERS, *work.size.differs, *refused(trained.states)]
    rows = []
    for i, epoch in enumerate(EPOCHS):
        at = epoch * epoch_of(work)
        on_the_way = [
            numbers for of_seed in trained.measured for step, numbers in of_seed if step == at
        ]
        found = on_the_way if epoch else at_first
        why_not = "--quick" if work.quick else "" if found else "published only"
        for j, (what, published) in enumerate(PUBLISHED.items()):
            name, each = f"epoch {epoch}: {what}", [numbers[j] for numbers in found]
            rows.append(make_row(name, each, (published[i], None), differs * bool(each), why_not))
    return rows


def measure(setup: Setup, quick: bool, states: State) -> list[Any]:
    """[accuracy in %, distance] of each row at the table's epochs; None at other steps."""
    step, seeds = int(states.step[0]), len(states.step)
    if step not in {epoch * (QUICK_EPOCH if quick else EPOCH) for epoch in EPOCHS}:
        return [None] * seeds
    return [numbers_of(setup, row(states, i), FEW if quick else None) for i in range(seeds)]


def numbers_of(setup: Setup, state: State, few: int | None) -> list[float]:
    """The accuracy in % and the distance. few: the number of test images and samples; None: all."""
    arrays = setup.data.examples()
    assert arrays
    encode, held_out = make_encode(setup, "features"), labelled(setup.data.test(), few)
    accuracy = neighbour_accuracy(state, encode, labelled(arrays), held_out)
    fake, train = make_draw(setup)(state, few or SAMPLES), unit(arrays.x)
    flat = (np.reshape(x, (len(x), -1)) for x in (fake, train))
    return [100 * accuracy, float(nearest(*flat).distance.mean())]
