"""Translation, colouring and captions on emoji, where every answer is known: held-out things.

pix2pix from Twitter's drawing to Google's by L1 alone, by the GAN alone and by both (Isola et al.
2017, section 4.2), CycleGAN without pairs, with and without the terms that keep a picture what it
is, colouring by pix2pix, and both stages of StackGAN. Settings are those of the experiments
emoji_*. Beside each stands what copies of the input and the mean picture reach. A picture of the
first seed of each method is written beside the table, of held-out things drawn by a fixed seed;
some of these make up the table's own picture.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gan_jax.data import Origin
from gan_jax.data.support.opening import read_picture
from gan_jax.evaluate import make_evaluate, make_picture
from gan_jax.evaluate.pictures import grid as images
from gan_jax.games import Setup, make_setup
from gan_jax.host.files import write_atomically
from gan_jax.reproduce.methods import Row
from gan_jax.reproduce.training import refused, train
from gan_jax.reproduce.work import Size, Work, base_config, make_row, mean_and_error
from gan_jax.sweeps.cohort import init_rows, make_members, row
from gan_jax.sweeps.typeset import plus_minus
from gan_jax.types import State

RECORDED, QUICK = Size(2, 6_000), Size(2, 4)
STACKGAN_STEPS = 2_120 / RECORDED.steps  # of its stages, for each step of the others
CREDIT = Origin("emoji_pairs").credit
SIZE = 32  # pixels; 64 in StackGAN's second stage
BASELINES = {"copies": "_copy", "the mean picture": "_mean"}
SHOWN = {
    "nearest by pixels, %": ("retrieved_1", 100),
    "by features, %": ("retrieved_1_efficientnet_lite0", 100),
    "SSIM": ("ssim", 1),
    "L1": ("l1", 1),
    "chroma": ("chroma", 1),
    "category, %": ("caption_accuracy", 100),
    "Frechet": ("frechet_efficientnet_lite0", 1),
}


PICTURED = 20  # things
DRAWN = {  # the methods in the table's picture, and what stands side by side there
    "pix2pix, L1 + GAN": "Twitter's drawing, its translation, Google's drawing",
    "CycleGAN, cycle + identity": "Twitter's, translated, Google's, translated",
    "colouring, L1 + GAN": "Google's drawing in grey, coloured, and as it is",
    "StackGAN, stage II": "Google's drawing, three of the caption",
}


def _cell(name: str, times: float) -> Callable[[dict[str, Any]], str]:
    """A row's mean and error of a number that it may lack."""

    def text(found: dict[str, Any]) -> str:
        each = [times * value for value in found["found"].get(name, []) if value is not None]
        mean, error = mean_and_error(each)
        return plus_minus({"mean": mean, "standard_error": error}) if each else "-"

    return text


COLUMNS = {
    "row": lambda found: found["name"],
    **{title: _cell(*shown) for title, shown in SHOWN.items()},
    "seeds": lambda found: str(found["seeds"]),
}


def pix2pix(seed: int, steps: int, data: str = "emoji_pairs", **numbers: float) -> ConfigDict:
    """As experiments/emoji_pix2pix.py and emoji_colouring.py."""
    c = _config("pix2pix", data, seed, steps, 16)
    for player in (c.gen, c.disc):
        player.net, player.args.width = "pix2pix", 32
    c.disc.args.layers, c.disc.loss_scale = 1, 0.5
    c.game_args.update(numbers)
    return c


def cyclegan(seed: int, steps: int, **numbers: float) -> ConfigDict:
    """As experiments/emoji_cyclegan.py."""
    c = _config("cyclegan", "emoji_pairs", seed, steps, 1)
    c.objective, c.data.paired = "lsgan", False
    for player in (c.gen, c.disc):
        player.net, player.args.width, player.schedule = "cyclegan", 24, "half_linear"
    c.gen.args.blocks, c.disc.args.layers, c.disc.loss_scale = 3, 1, 0.5
    c.game_args.update(numbers)
    return c


def stackgan(seed: int, steps: int, stage: int = 1) -> ConfigDict:
    """As experiments/emoji_stackgan.py."""
    c = _config("stackgan", "emoji", seed, max(1, round(steps * STACKGAN_STEPS)), 64)
    c.data.size, c.game_args.stage = SIZE * stage, stage
    for player in (c.gen, c.disc):
        player.net, player.args.width, player.args.code = "stackgan", 32, 64
    return c


def _config(game: str, data: str, seed: int, steps: int, batch: int) -> ConfigDict:
    c = base_config(data, seed, steps, batch)
    c.game, c.data.size = game, SIZE
    c.ema.decay, c.ema.warmup = 0.995, True
    return c


# Methods in the order of the table: (seed, steps) -> config.
METHODS: dict[str, Callable[[int, int], ConfigDict]] = {
    "pix2pix, L1 alone": lambda seed, steps: pix2pix(seed, steps, adversarial=0.0),
    "pix2pix, GAN alone": lambda seed, steps: pix2pix(seed, steps, l1=0.0),
    "pix2pix, L1 + GAN": pix2pix,
    "CycleGAN, neither term": lambda seed, steps: cyclegan(seed, steps, cycle=0.0, identity=0.0),
    "CycleGAN, cycle": lambda seed, steps: cyclegan(seed, steps, identity=0.0),
    "CycleGAN, cycle + identity": cyclegan,
    "colouring, L1 + GAN": lambda seed, steps: pix2pix(seed, steps, "emoji_grey"),
    "StackGAN, stage I": stackgan,
    "StackGAN, stage II": lambda seed, steps: stackgan(seed, steps, 2),
}


def run(work: Work) -> Iterator[dict[str, Any]]:
    """Rows of each method; before those of a data set, what learning nothing reaches there."""
    told: set[str] = set()
    for name in METHODS:
        configs = configs_of(work, name)
        make_evaluate(
            make_setup(configs[0]), metrics_of(work, configs[0])
        )  # what cannot be is said
        rows = work.methods.recorded(name, configs) or work.methods.measured(
            name, configs, train_rows(work, name, configs)
        )
        data = configs[0].data.name
        yield from (found for found in rows if found["name"] == name or data not in told)
        told.add(data)


def configs_of(work: Work, name: str) -> list[ConfigDict]:
    """A method's configs, one a seed."""
    steps, seeds = work.size.steps, range(work.size.seeds)
    configs = work.size.configs([METHODS[name](seed, steps) for seed in seeds])
    for c in configs:
        c.log_every_steps = 2 if work.quick else 100
        c.eval_every_steps = c.checkpoint_every_steps = c.steps if work.quick else 1_000
        c.eval_samples = 20 if work.quick else 1_000
        if work.quick:
            c.data.size //= 2
            c.gen.args.width = c.disc.args.width = 8
    return configs


def metrics_of(work: Work, config: ConfigDict) -> tuple[str, ...]:
    """What is measured of a method. Features of a large network are left out to be quick."""
    captions = config.game == "stackgan"
    slow = "frechet_efficientnet_lite0" if captions else "retrieval"
    return ("captions" if captions else "translations", *(() if work.quick else (slow,)))


def train_rows(work: Work, name: str, configs: list[ConfigDict]) -> list[Row]:
    """Trains the seeds; the method's row, and those of the baselines on its data."""
    states = trained(work, name, configs)
    setup = make_setup(configs[0])
    found = [measure(work, setup, row(states, i)) for i in range(len(configs))]
    config = ConfigDict(configs[0])
    config.grid_samples = PICTURED
    drawn = make_picture(setup._replace(config=config))(row(states, 0))
    assert drawn is not None
    write_atomically(_file(work, name), images.png_bytes(drawn))
    differs = [*work.size.differs, *refused(states)]
    rows = [_row(name, found, "", differs)]
    if configs[0].game != "stackgan":
        baselines = [
            _row(f"{what} of {setup.data.name}", found[:1], end) for what, end in BASELINES.items()
        ]
        rows = [*baselines, *rows]
    return rows


def _file(work: Work, name: str) -> Path:
    stem = re.sub(r"\W+", "_", name).lower()
    return work.folder / f"{stem}.png"


def picture(work: Work, rows: Sequence[Row]) -> np.ndarray | None:
    """The pictures of DRAWN one under the other; those of rows from a file are not there."""
    found = [
        images.under(f"{name}: {what}", read_picture(file))
        for name, what in DRAWN.items()
        if (file := _file(work, name)).exists()
    ]
    return images.stacked(found) if found else None


def trained(work: Work, name: str, configs: list[ConfigDict]) -> State:
    """The states [M] of a method; stage II begins with the gen of stage I, trained before it."""
    if not name.endswith("stage II"):
        return train(work.folder, name, configs).states
    first = name.removesuffix("I")
    before = trained(work, first, configs_of(work, first))
    start = init_rows(make_members(configs))[0]
    players = start.players | {"gen_1": before.players["gen_1"]}
    return train(work.folder, name, configs, start=start.replace(players=players)).states


def measure(work: Work, setup: Setup, state: State) -> dict[str, Any]:
    """The numbers of one seed."""
    found = make_evaluate(setup, metrics_of(work, setup.config))(state)
    return {name.removeprefix("eval/"): value for name, value in found.items()}


def _row(name: str, found: Sequence[dict[str, Any]], end: str, differs: Sequence[str] = ()) -> Row:
    """A row whose first number is the share of pictures that are the nearest, or of categories.

    found: the numbers of each seed; end: of the names that are meant.
    """
    values = {
        each: [numbers[f"{each}{end}"] for numbers in found]
        for each, _ in SHOWN.values()
        if f"{each}{end}" in found[0]
    }
    first = next(iter(values.values()))
    return make_row(name, [float(v) for v in np.asarray(first)], differs=differs, found=values)
