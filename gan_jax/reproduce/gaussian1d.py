"""The 1-D Gaussian GAN over 16 seeds: does gen turn uniform noise into N(4, 1.25^2)?

The tutorial shows one run and no number. This table has |mean - 4| and |std - 1.25| of 10,000
samples over seeds, for a disc that sees a batch's four moments and for one that sees raw values.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gan_jax.data import gaussian1d
from gan_jax.metrics.divergence import ks_distance
from gan_jax.reproduce.training import train
from gan_jax.reproduce.work import Size, Work, base_config, samples

COLUMNS = {
    "what disc sees: number": lambda row: row["name"],
    "measured": lambda row: f"{row['measured']:.3f} ± {row['standard_error']:.3f}",
    "seeds": lambda row: str(row["seeds"]),
}
MEAN, STD, CLOSE = 4.0, 1.25, 0.1
RECORDED, QUICK, SAMPLES = Size(16, 5_000), Size(4, 200), 10_000
VIEWS = {"moments": "moments", "raw": "sample"}


def settings(view: str, seed: int, rounds: int) -> ConfigDict:
    """As experiments/gaussian1d.py."""
    c = base_config("gaussian1d", seed, rounds, 500)
    c.disc.view = view
    c.dynamics.k_disc = c.dynamics.k_gen = 20
    c.latent.law, c.latent.dim, c.latent.low, c.latent.high = "uniform", 1, 0.0, 1.0
    c.gen.args.hidden, c.gen.args.act = (5, 5), "tanh"
    c.disc.args.hidden, c.disc.args.act = (10, 10), "sigmoid"
    for player in (c.gen, c.disc):
        player.optimizer, player.lr, player.momentum = "sgd", 1e-3, 0.9
    return c


def run(work: Work) -> Iterator[dict[str, Any]]:
    """Rows for both views; a step is a round of 20 + 20 updates."""
    size = work.size
    for name, view in VIEWS.items():
        configs = size.configs([settings(view, s, size.steps) for s in range(size.seeds)])
        yield from work.methods.recorded(name, configs) or work.methods.measured(
            name, configs, rows(name, measure(work, name, configs), size.differs)
        )


def measure(work: Work, name: str, configs: list[ConfigDict]) -> dict[str, np.ndarray]:
    """Trains the seeds as one program; {what: one number per seed} for the final gen."""
    x_MxN = samples(configs[0], train(work.folder, name, configs).states, SAMPLES)[..., 0]
    return {
        "mean": x_MxN.mean(1),
        "std": x_MxN.std(1),
        "ks": np.asarray([ks_distance(x, np.asarray(gaussian1d.cdf(x))) for x in x_MxN]),
    }


def rows(
    name: str, found: dict[str, np.ndarray], differs: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Medians of the errors over seeds, and the share of seeds for which both are small."""
    errors = {"mean": abs(found["mean"] - MEAN), "std": abs(found["std"] - STD)}
    close = np.maximum(errors["mean"], errors["std"]) < CLOSE
    medians = {
        "median abs(mean - 4)": errors["mean"],
        "median abs(std - 1.25)": errors["std"],
        "median KS distance": found["ks"],
    }
    out = [
        _row(f"{name}: {what}", float(np.median(x)), _median_error(x), x, differs)
        for what, x in medians.items()
    ]
    share = float(close.mean())
    error = float(np.sqrt(share * (1 - share) / len(close)))
    name = f"{name}: share of seeds within 0.1 of both"
    return [*out, _row(name, share, error, close, differs)]


def _median_error(x: np.ndarray) -> float:
    """The bootstrap's standard error of a median, with a fixed seed."""
    draws = np.random.default_rng(0).choice(x, (2000, len(x)))
    return float(np.median(draws, 1).std())


def _row(
    name: str, measured: float, error: float, each: np.ndarray, differs: Sequence[str] = ()
) -> dict[str, Any]:
    return {
        "name": name,
        "published": None,
        "published_error": None,
        "measured": measured,
        "standard_error": error,
        "seeds": len(each),
        "each": [float(v) for v in each],
        "differs": list(differs),
        "verdict": "not comparable: the tutorial gives no number",
    }
