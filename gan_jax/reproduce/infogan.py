"""InfoGAN's MNIST run: its category as a classifier of digits, with 5 % error. Chen et al. 2016.

Settings are those of the paper's appendix and code: experiments/mnist_infogan.py, without the
average of gen's weights. The ten categories are matched one-to-one with digits so as to minimise
the error on the 10,000 test images; labels are not used in training.
"""

from collections.abc import Iterator
from typing import Any

from ml_collections import ConfigDict

from gan_jax.evaluate.evaluators.encoded import category_error, labelled, make_encode
from gan_jax.games import make_setup
from gan_jax.reproduce.methods import Row
from gan_jax.reproduce.training import refused, train
from gan_jax.reproduce.work import BESIDE, Published, Size, Work, base_config, make_row, shortened
from gan_jax.sweeps.cohort import row
from gan_jax.types import State

RECORDED, QUICK = Size(5, 5_000), Size(2, 10)
COLUMNS = BESIDE
NAME = "error of the category, %"
PUBLISHED: Published = (5.0, None)
STATISTICS = "batch norm by running averages over reals and fakes: the paper does not say which"


def settings(data: str, seed: int, steps: int) -> ConfigDict:
    """As experiments/mnist_infogan.py."""
    c = base_config(data, seed, steps, 128)
    c.game, c.data.low = "infogan", 0.0
    c.latent.law, c.latent.dim = "uniform", 62
    for player, channels in ((c.gen, (128, 64)), (c.disc, (64, 128))):
        player.net, player.args.channels, player.args.dense = "dcgan", channels, 1024
        player.args.batch_norm = True
    c.disc.args.slope = 0.1
    c.gen.lr, c.disc.lr = 1e-3, 2e-4
    return c


def run(work: Work) -> Iterator[dict[str, Any]]:
    """The one row."""
    size, data = work.size, "mnist5k" if work.quick else "mnist"
    configs = size.configs([settings(data, s, size.steps) for s in range(size.seeds)])
    yield from work.methods.recorded(NAME, configs) or work.methods.measured(
        NAME, configs, train_rows(work, configs)
    )


def train_rows(work: Work, configs: list[ConfigDict]) -> list[Row]:
    """Trains the seeds, and states how their settings differ from the paper's."""
    states = train(work.folder, "infogan", configs).states
    short = shortened(configs[0].steps, RECORDED.steps)
    differs = [short, STATISTICS, *work.size.differs, *refused(states)]
    differs = [words for words in differs if words]
    errors = [100 * error for error in measure(configs[0], states, len(configs))]
    why_not = "--quick" if work.quick else short
    return [make_row(NAME, errors, PUBLISHED, differs, why_not)]


def measure(config: ConfigDict, states: State, seeds: int) -> list[float]:
    """The category's error on the test split for each seed."""
    setup = make_setup(config)
    encode, (x, label) = make_encode(setup, "category"), labelled(setup.data.test())
    return [category_error(encode(row(states, i), x), label) for i in range(seeds)]
