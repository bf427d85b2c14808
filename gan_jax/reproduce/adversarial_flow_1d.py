"""Which map from noise to three Gaussians gen learns, with and without the transport term.

Lin et al. 2025 (adversarial flow models) show pictures but no numbers. This table has the mean
distance of gen's map from the quantile map F^-1(Phi(z)), which moves the noise least, and from the
maps of the other seeds.
"""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict
from scipy.special import ndtri

from gan_jax.data import mixture1d
from gan_jax.games import make_setup
from gan_jax.reproduce.methods import Row
from gan_jax.reproduce.training import Trained, refused, train
from gan_jax.reproduce.work import Size, Work, base_config, make_row, ours
from gan_jax.types import State

COLUMNS = {
    "noise, gen's loss": lambda row: row["name"],
    "from the quantile map": ours,
    "from other seeds' maps": lambda row: f"{row['between']:.3f}",
    "order kept, share": lambda row: f"{row['order']:.1%}",
    "seeds": lambda row: str(row["seeds"]),
}
RECORDED, QUICK = Size(8, 3_000), Size(2, 20)
WEIGHT, END, PLACES = 0.2, 0.025, 400  # of the term; points of the noise where maps are compared
LAWS = ("normal", "uniform")
TERMS = {"with the transport term": WEIGHT, "without": 0.0}


def settings(law: str, weight: float, seed: int, steps: int) -> ConfigDict:
    """As experiments/adversarial_flow_1d.py."""
    c = base_config("mixture1d", seed, steps, 256)
    c.objective = "rpgan"
    c.latent.law, c.latent.dim = law, 1
    c.gen.args.hidden = c.disc.args.hidden = (64, 64)
    c.penalty.name, c.penalty.weight = "transport", weight
    c.penalty.args.end, c.penalty.args.steps = END, steps
    c.penalties.approximate_r1 = c.penalties.approximate_r2 = 0.1
    c.penalties.centring = 0.01
    for player in (c.gen, c.disc):
        player.lr, player.b1, player.b2 = 1e-3, 0.0, 0.99
    return c


def run(work: Work) -> Iterator[dict[str, Any]]:
    """A row for each noise with the term, and one without; the two are trained as one cohort."""
    size = work.size
    for law in LAWS:
        configs = size.configs(
            [settings(law, w, s, size.steps) for w in TERMS.values() for s in range(size.seeds)]
        )
        cohort: list[Trained] = []
        for i, term in enumerate(TERMS):
            name, mine = f"{law}, {term}", range(i * size.seeds, (i + 1) * size.seeds)
            its = [configs[j] for j in mine]
            recorded = work.methods.recorded(name, its)
            if not recorded:
                cohort = cohort or [train(work.folder, law, configs)]
                trained = cohort[0].only(mine)
                differs = [*size.differs, *refused(trained.states)]
                recorded = work.methods.measured(
                    name, its, [make_flow_row(name, law, maps(its[0], trained.states), differs)]
                )
            yield from recorded


def places(law: str) -> np.ndarray:
    """The noise's quantiles at (i + 1/2) / PLACES, in ascending order."""
    u = (np.arange(PLACES) + 0.5) / PLACES
    return ndtri(u) if law == "normal" else 2 * u - 1


def quantile_map() -> np.ndarray:
    """The mixture's quantiles at the same probabilities: the images under the increasing map."""
    grid = np.linspace(-8, 8, 40_001)
    u = (np.arange(PLACES) + 0.5) / PLACES
    return np.interp(u, np.asarray(mixture1d.cdf(jnp.asarray(grid))), grid)


def maps(config: ConfigDict, states: State) -> np.ndarray:
    """The images of the places under each row's gen, [M, PLACES]."""
    sampler = make_setup(config).game.sampler
    z = jnp.asarray(places(config.latent.law)[:, None], float)
    return np.asarray(jax.vmap(sampler.sample, (0, None, None))(states, z, None))[..., 0]


def make_flow_row(name: str, law: str, x_MxP: np.ndarray, differs: list[str]) -> Row:
    """Mean absolute distances, and the share of neighbouring places whose order is kept."""
    apart = abs(x_MxP[:, None] - x_MxP[None]).mean(2)
    others = ~np.eye(len(x_MxP), dtype=bool)
    return make_row(
        name,
        abs(x_MxP - quantile_map()).mean(1).tolist(),
        differs=differs,
        between=float(apart[others].mean()) if len(x_MxP) > 1 else 0.0,
        order=float((np.diff(x_MxP, axis=1) > 0).mean()),
        maps=x_MxP[:, :: PLACES // 40].round(3).tolist(),
    ) | {"verdict": "not comparable: the paper gives no number"}
