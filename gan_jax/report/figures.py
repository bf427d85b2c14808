"""The figures that teachers draw by hand, as numbers computed with the objectives' own code.

Gen's loss against D; disc's best answer to two Gaussians, N(-d/2, 1) (data) and N(d/2, 1) (gen);
divergences between these two as they move apart, and the resulting pull on gen. All in float64.
"""

import functools
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import sigmoid

from gan_jax.config.arguments import numbers_of
from gan_jax.objectives import OBJECTIVES, THEORY
from gan_jax.objectives.fgan import F_DIVERGENCES, f_divergence, js, kl, total_variation
from gan_jax.place import fetch
from gan_jax.types import Array

Divergence = Callable[[Any, Any], Array]  # (p, q), each [N] -> a number
Name = TypeVar("Name", bound=Hashable)
CELLS = 2000  # of the line: an even number, so that no point lies on the kink of |p - q|
STEP = 1e-4  # of the finite difference in d
REAL_LOGIT = 0.0  # the logit of all reals in gen's loss

# The divergences of textbooks, by their names there.
DIVERGENCES: dict[str, Divergence] = {
    "JS": js,
    "total variation": total_variation,
    "KL(p, q)": kl,
    "KL(q, p)": lambda p, q: kl(q, p),
    **{
        name: functools.partial(f_divergence, F_DIVERGENCES[key].f)
        for name, key in {
            "squared Hellinger": "hellinger",
            "Jeffreys": "jeffreys",
            "Pearson \u03c7\u00b2": "pearson",
            "Neyman \u03c7\u00b2": "neyman",
        }.items()
    },
}


class Chosen(NamedTuple):
    """An objective of logits with the numbers that a config gives it."""

    name: str
    numbers: tuple[tuple[str, float], ...] = ()

    @property
    def label(self) -> str:
        """The name, with numbers that are not the defaults: minimax; blend (zeta 3)."""
        default = numbers_of(OBJECTIVES[self.name])
        changed = [f"{k} {v:g}" for k, v in self.numbers if v != default[k]]
        return self.name + (f" ({', '.join(changed)})" if changed else "")


class Curve(NamedTuple):
    """A function on a grid, and its slope there."""

    value: np.ndarray
    slope: np.ndarray


def chosen(configs: Iterable[Mapping[str, Any]]) -> list[Chosen]:
    """The objectives of logits that these configs name, each once, with the numbers they take."""
    found: list[Chosen] = []
    for config in configs:
        name, args = config.get("objective"), config.get("objective_args")
        if not isinstance(name, str) or name not in OBJECTIVES:
            continue
        numbers = tuple(
            (key, float(value))
            for key, value in (args.items() if isinstance(args, Mapping) else ())
            if key in numbers_of(OBJECTIVES[name])
            and type(value) in (int, float)
            and abs(value) < 1e300
        )
        found.append(Chosen(name, numbers))
    return list(dict.fromkeys(found))


def gen_losses(
    objectives: Sequence[Chosen], logit_N: np.ndarray, real_logit: float = REAL_LOGIT
) -> dict[Chosen, Curve]:
    """Gen's loss [N] if all fakes have a logit and all reals real_logit; its slope in the logit.

    For an objective that treats each example by itself, the slope is what one fake gets.
    """

    def along(objective: Chosen) -> Callable[[Array], tuple[Array, Array]]:
        def loss(logit: Array) -> Array:
            real_B, fake_B = jnp.full(1, real_logit), logit[None]
            numbers = dict(objective.numbers)
            return OBJECTIVES[objective.name](real_B, fake_B, **numbers).gen.mean()

        return jax.vmap(jax.value_and_grad(loss))

    found = _all_at_once([along(o) for o in objectives], np.asarray(logit_N, float))
    return {o: Curve(*pair) for o, pair in zip(objectives, found, strict=True)}


def _all_at_once(functions: Sequence[Callable[..., Any]], *inputs: np.ndarray) -> list[Any]:
    """What each function returns, in float64; one program for all, as compiling is the cost."""

    def together(*inputs: Array) -> list[Any]:
        return [function(*inputs) for function in functions]

    with jax.enable_x64(True):
        quickly = {"xla_backend_optimization_level": 0}
        return fetch(jax.jit(together, compiler_options=quickly)(*inputs))


def looks_at_reals(objective: Chosen) -> bool:
    """Whether gen's loss depends on disc's logits of reals too."""
    theory = THEORY[objective.name]
    return theory.paired or not theory.per_example


def best_disc(x_N: np.ndarray, d: float) -> np.ndarray:
    """[N] D*(x) = p / (p + q) between the two Gaussians. Goodfellow 2014, eq. 2.

    It is the sigmoid of the logit that minimax's theory claims to be the best.
    """
    best_logit = THEORY["minimax"].logit
    assert best_logit
    with jax.enable_x64(True):
        p_N, q_N = (jnp.asarray(density(x_N, mean)) for mean in (-d / 2, d / 2))
        return np.asarray(sigmoid(best_logit(p_N, q_N)))


def density(x: np.ndarray, mean: Any) -> np.ndarray:
    """N(mean, 1) at x."""
    return np.exp(-((x - mean) ** 2) / 2) / np.sqrt(2 * np.pi)


def apart(divergences: Mapping[Name, Divergence], d_M: np.ndarray) -> dict[Name, Curve]:
    """Each divergence [M] between the two Gaussians at the distances d, and its slope in d.

    The slope is a central difference: derivatives of p / q would square q, which may be 1e-200.
    NaN or infinite where float64 cannot hold the terms.
    """
    p_3MxN, q_3MxN = two_gaussians(np.concatenate([d_M - STEP, d_M, d_M + STEP]))
    found = _all_at_once([jax.vmap(f) for f in divergences.values()], p_3MxN, q_3MxN)
    parts = [values_3M.reshape(3, -1) for values_3M in found]
    with np.errstate(invalid="ignore"):
        return {
            name: Curve(value_M, (high_M - low_M) / (2 * STEP))
            for name, (low_M, value_M, high_M) in zip(divergences, parts, strict=True)
        }


def two_gaussians(d_M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Data and gen [M, CELLS]: the probabilities of the cells into which a part of the line is cut.

    The part is wide enough for q^3 / p^2, the term of a claim whose peak is farthest out, at 5d/2.
    """
    d_Mx1 = np.asarray(d_M)[:, None]
    x_MxN = (2.5 * np.abs(d_Mx1) + 8) * np.linspace(-1, 1, CELLS)
    masses = (density(x_MxN, mean) for mean in (-d_Mx1 / 2, d_Mx1 / 2))
    p_MxN, q_MxN = (mass / mass.sum(axis=1, keepdims=True) for mass in masses)
    return p_MxN, q_MxN


def claim(objective: Chosen) -> tuple[Divergence | None, str]:
    """What gen minimises if disc is at its best, as THEORY claims; or None, and the reason."""
    theory, default = THEORY[objective.name], numbers_of(OBJECTIVES[objective.name])
    if theory.gen_divergence is None:
        return None, theory.reason
    if {**default, **dict(objective.numbers)} != {**default, **theory.numbers}:
        needs = ", ".join(f"{k} {v:g}" for k, v in {**default, **theory.numbers}.items())
        return None, f"worked out for {needs}"
    return theory.gen_divergence, ""
