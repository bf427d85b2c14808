"""Does lazy R1 + R2 fail where R1 + R2 in every step works? 25 Gaussians, eight seeds.

Huang et al. 2024 (R3GAN), appendix E, says that lazy regularisation (every 8 steps, 8 times the
weight) fails on toys. Settings are those of the D2L toolkit's 25 Gaussians.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gan_jax.data import grid
from gan_jax.metrics import mode_statistics
from gan_jax.reproduce.methods import Row
from gan_jax.reproduce.training import Trained, refused, train
from gan_jax.reproduce.work import Size, Work, base_config, make_row, ours, samples

RECORDED, QUICK = Size(8, 20_000), Size(2, 50)
SAMPLES, LAZY = 2_500, 8
SPACING, SIGMA, GAMMA = 2.0, 0.05, 1.0
OBJECTIVES = ("non_saturating", "rpgan")
COLUMNS = {
    "objective, R1 + R2": lambda row: row["name"],
    "modes of 25": ours,
    "high quality": lambda row: f"{row['high_quality']:.1%}",
    "reverse KL with a bin for what is off the modes": lambda row: (
        f"{row['reverse_kl_with_junk']:.3f}"
    ),
    "seeds": lambda row: str(row["seeds"]),
}


def settings(objective: str, every: int, seed: int, steps: int) -> ConfigDict:
    """One row."""
    c = base_config("grid", seed, steps, 256)
    c.objective = objective
    c.data.args.spacing, c.data.args.sigma = SPACING, SIGMA
    c.latent.dim = 64
    c.gen.args.hidden = c.disc.args.hidden = (256, 256)
    c.gen.args.act, c.disc.args.slope = "relu", 0.2
    c.penalty.name, c.penalty.weight, c.penalty.every_steps = "r1r2", GAMMA / 2, every
    for player in (c.gen, c.disc):
        player.lr, player.b1, player.b2 = 2e-4, 0.0, 0.99
    return c


def run(work: Work) -> Iterator[dict[str, Any]]:
    """A row for each objective and interval; each interval is one cohort."""
    size, seeds = work.size, work.size.seeds
    for every in (1, LAZY):
        how = "every step" if every == 1 else f"every {every} steps"
        rows = [(o, s) for o in OBJECTIVES for s in range(seeds)]
        configs = size.configs([settings(o, every, s, size.steps) for o, s in rows])
        cohort = functools.cache(functools.partial(train, work.folder, f"R1 + R2 {how}", configs))
        for i, objective in enumerate(OBJECTIVES):
            name, mine = f"{objective}, {how}", range(i * seeds, (i + 1) * seeds)
            its = [configs[j] for j in mine]
            yield from work.methods.recorded(name, its) or work.methods.measured(
                name, its, [_measure(name, size, configs[0], cohort().only(mine))]
            )


def _measure(name: str, size: Size, config: ConfigDict, trained: Trained) -> Row:
    x_SxNxD = samples(config, trained.states, SAMPLES)
    return _row(name, x_SxNxD, [*size.differs, *refused(trained.states)])


def _row(name: str, x_SxNxD: np.ndarray, differs: Sequence[str] = ()) -> dict[str, Any]:
    centres = np.asarray(grid.centres(spacing=SPACING))
    each = [mode_statistics(x, centres, SIGMA) for x in x_SxNxD]
    return make_row(
        name,
        [s.modes for s in each],
        differs=["the paper shows pictures, no numbers", *differs],
        high_quality=float(np.mean([s.high_quality for s in each])),
        reverse_kl_with_junk=float(np.mean([s.reverse_kl_with_junk for s in each])),
    ) | {"verdict": "not comparable: the paper gives no number"}
