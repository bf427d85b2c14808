"""ring and grid: how well two papers' settings cover a mixture's modes.

PacGAN (Lin et al. 2018, table 1) has 100,000 fixed points. batch_size counts samples here, so 100
decisions per update on packs of m samples are a batch of 100 m. The Unrolled demo (Metz et al.
2017) is run on eight distinct modes, and compared with VEEGAN's table 1 (Srivastava et al. 2017).
Drifting (2602.04770) has no published row.
"""

import functools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from gan_jax.data import grid, ring
from gan_jax.evaluate.pictures import points as pointplots
from gan_jax.metrics.modes import mode_statistics, sampling_floor
from gan_jax.reproduce.methods import Row
from gan_jax.reproduce.training import refused, train
from gan_jax.reproduce.work import (
    NOTHING,
    Columns,
    Published,
    Size,
    Work,
    base_config,
    make_row,
    ours,
    samples,
    shortened,
    theirs,
)

RECORDED, QUICK = Size(5, 40_000), Size(2, 20)
SAMPLES, SHOWN, POINTS, DECISIONS = 2_500, 500, 100_000, 100
NUMBERS = ("modes", "high_quality", "reverse_kl")
DISTRIBUTIONS = {"ring": ring, "grid": grid}
JUNK = "reverse KL with a bin for what is off the modes"


def pacgan(dist: str, seed: int, steps: int, pack: int) -> ConfigDict:
    """PacGAN's settings with `pack` samples per decision."""
    c = base_config(dist, seed, steps, pack * DECISIONS)
    c.data.points, c.disc.pack = POINTS, pack
    c.latent.dim, c.dynamics.name = 2, "simultaneous"
    c.gen.args.hidden, c.gen.args.act, c.gen.args.batch_norm = (400,) * 4, "relu", True
    c.disc.net, c.disc.args.units, c.disc.args.pieces = "maxout", (200,) * 3, 5
    c.disc.args.keep_input = c.disc.args.keep_hidden = 1.0
    for player in (c.gen, c.disc):
        player.args.weights, player.args.gain = "normal", 0.02
        player.lr, player.b1 = 1e-4, 0.8
    return c


def unrolled(dist: str, seed: int, steps: int, unroll_steps: int) -> ConfigDict:
    """The Unrolled demo's settings; 0 unrolled steps is the plain game, both moving at once."""
    c = base_config(dist, seed, steps, 512)
    c.objective, c.latent.dim = "minimax", 256
    c.dynamics.name = "unrolled" if unroll_steps else "simultaneous"
    if unroll_steps:
        c.dynamics.args.unroll_steps = unroll_steps
    for player in (c.gen, c.disc):
        player.args.hidden, player.args.act = (128, 128), "tanh"
        player.args.weights, player.args.gain = "orthogonal", 1.4
        player.b1 = 0.5
    c.gen.lr, c.disc.lr = 1e-3, 1e-4
    return c


# The factor of drifting's radii, chosen from four values on three seeds: with less, samples stay at
# the first mode that they reach; with more, they are spread around the modes.
SCALES = {"ring": 2.0, "grid": 4.0}


def drifting(dist: str, seed: int, steps: int) -> ConfigDict:
    """A gen that drifts towards the data, without a disc, with the networks of objectives_ring."""
    c = base_config(dist, seed, steps, 256)
    c.game, c.game_args.scale, c.latent.dim = "drifting", SCALES[dist], 2
    c.gen.args.hidden, c.gen.args.act, c.gen.lr = (128, 128), "relu", 1e-3
    c.ema.decay = 0.99
    return c


class Method(NamedTuple):
    """A row of a paper's table, and how it is trained here."""

    settings: Callable[..., ConfigDict]  # (distribution, seed, steps)
    steps: int  # of the published settings
    differs: tuple[str, ...] = ()
    why_not: str = ""  # why its number is not comparable with ours, whatever the steps


PACGAN_DIFFERS = (
    "every seed sees the same 100,000 points",
    "packs are drawn anew in each epoch: the code's points are packed once",
    "batch norm over all fakes of an update: the code's over each 100",
)
UNKNOWN = "VEEGAN's own settings are not known here"
METHODS = {
    "GAN": Method(functools.partial(pacgan, pack=1), 400_000, PACGAN_DIFFERS[:1]),
    "PacGAN2": Method(functools.partial(pacgan, pack=2), 400_000, PACGAN_DIFFERS),
    "GAN, the Unrolled demo's settings": Method(
        functools.partial(unrolled, unroll_steps=0), 25_000, why_not=UNKNOWN
    ),
    "5 unrolled steps, the Unrolled demo's settings": Method(
        functools.partial(unrolled, unroll_steps=5), 25_000, why_not=UNKNOWN
    ),
    "drifting": Method(drifting, 5_000, why_not="its paper has no such table"),
}


def published(
    pacgan: Mapping[str, Sequence[Published]], veegan: Sequence[Sequence[float]]
) -> dict[str, dict[str, Published]]:
    """{method: {number: published}} from both papers' tables."""
    found = {name: dict(zip(NUMBERS, row, strict=False)) for name, row in pacgan.items()}
    return (
        found
        | {
            name: {what: (value, None) for what, value in zip(NUMBERS, row, strict=False)}
            for name, row in zip(list(METHODS)[2:4], veegan, strict=True)
        }
        | {"drifting": {}}
    )


def run(
    dist: str, published: Mapping[str, Mapping[str, Published]], demo: str, work: Work
) -> Iterator[dict[str, Any]]:
    """The rows of a table. demo: how its data differ from those of the Unrolled demo."""
    for name, numbers in published.items():
        if name not in METHODS:
            for what, number in numbers.items():
                yield make_row(f"{name}: {label(dist, what)}", [], number, why_not="published only")
            continue
        method, size = METHODS[name], work.size
        steps = min(size.steps, method.steps)
        configs = size.configs([method.settings(dist, s, steps) for s in range(size.seeds)])
        yield from work.methods.recorded(name, configs) or work.methods.measured(
            name, configs, train_method(dist, name, configs, numbers, demo, work)
        )


def train_method(
    dist: str,
    name: str,
    configs: Sequence[ConfigDict],
    numbers: Mapping[str, Published],
    demo: str,
    work: Work,
) -> list[Row]:
    """A method's rows; the first has samples of the first seed, for the picture."""
    method = METHODS[name]
    short = shortened(configs[0].steps, method.steps)
    trained = train(work.folder, f"{dist}: {name}", configs)
    x_SxNxD = samples(configs[0], trained.states, SAMPLES)
    differs = [
        *(short, *method.differs, *work.size.differs),
        *(demo if method.why_not == UNKNOWN else "", *refused(trained.states)),
    ]
    rows = [
        make_row(
            f"{name}: {label(dist, what)}",
            each,
            numbers.get(what, NOTHING),
            [text for text in differs if text],
            method.why_not or short,
        )
        for what, each in measure(dist, x_SxNxD).items()
    ]
    rows[0]["points"] = x_SxNxD[0, :SHOWN].round(3).tolist()
    return rows


def centres_of(dist: str) -> np.ndarray:
    """The means of a distribution's modes, [K, 2]."""
    return np.asarray(DISTRIBUTIONS[dist].centres())


def measure(dist: str, x_SxNxD: np.ndarray) -> dict[str, list[float]]:
    """{what: one number per seed}."""
    sigma = float(DISTRIBUTIONS[dist].scale())
    found = [mode_statistics(x, centres_of(dist), sigma) for x in x_SxNxD]
    return {
        "modes": [float(s.modes) for s in found],
        "high_quality": [100 * s.high_quality for s in found],
        "reverse_kl": [s.reverse_kl for s in found],
        "reverse_kl_with_junk": [s.reverse_kl_with_junk for s in found],
    }


def label(dist: str, what: str) -> str:
    """A number's name with its best possible value."""
    k = len(centres_of(dist))
    floor = sampling_floor(k, SAMPLES)
    return {
        "modes": f"modes of {k}",
        "high_quality": "high quality, %",
        "reverse_kl": f"reverse KL, nats (floor {floor:.4f})",
        "reverse_kl_with_junk": JUNK,
    }[what]


def shorten(rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], Columns]:
    """One row per method for a short page, with published and measured numbers in one cell."""
    methods: dict[str, dict[str, Any]] = {}
    for row in rows:
        name, what = row["name"].split(": ", 1)
        method = methods.setdefault(name, {"name": name, "verdicts": {}, "differs": {}})
        method[what] = f"{theirs(row)} / {ours(row)}"
        method["differs"] |= dict.fromkeys(row["differs"])
        if row["published"] is not None:
            method["verdicts"].setdefault(row["verdict"], []).append(what.partition(",")[0])
    first = next(iter(methods.values()))
    shown = [what for what in first if what not in ("name", "verdicts", "differs", JUNK)]
    return list(methods.values()), {
        "published / measured": lambda row: row["name"],
        **{what: operator.itemgetter(what) for what in shown},
        "verdict": lambda row: _in_words(row["verdicts"]),
    }


def _in_words(verdicts: Mapping[str, Sequence[str]]) -> str:
    """A single verdict alone; several verdicts each with the numbers that they are about."""
    if len(verdicts) < 2:
        return next(iter(verdicts), "nothing published")
    return "; ".join(f"{', '.join(whats)}: {verdict}" for verdict, whats in verdicts.items())


def picture(dist: str, work: Work, rows: Sequence[Row]) -> np.ndarray | None:
    """Samples of the first seed of each method whose rows have samples."""
    shown = {row["name"].split(": ")[0]: row["points"] for row in rows if row.get("points")}
    if not shown or not pointplots.available():
        return None
    figure = pointplots.make_figure((4 * len(shown), 4.2), 80)
    reach = 1.25 * abs(centres_of(dist)).max()
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for axes, (name, points) in zip(panels, shown.items(), strict=True):
        axes.scatter(*np.asarray(points).T, s=5, lw=0, alpha=0.5, color=pointplots.FAKE)
        axes.scatter(*centres_of(dist).T, s=20, marker="+", lw=0.8, color=pointplots.REAL)
        axes.set_title(name, fontsize=9)
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    return pointplots.pixels(figure)
