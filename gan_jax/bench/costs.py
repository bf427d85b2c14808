"""The time of a step on the ring with each penalty and dynamics, beside the gradients it needs.

`gradients` counts backward passes through a network's loss: 2 for a plain step (disc's and gen's).
A gradient of a gradient counts as one more.
"""

from gan_jax.bench.mlp import Side, make_loop
from gan_jax.bench.sweep import settings

UNROLLED, CG = 5, 10  # the defaults of unrolled and cgd
PENALTIES = {
    "r1": 4,  # the slope in x, and its gradient in the weights
    "r2": 4,
    "r1r2": 4,  # the slope in x of the step's own logits, and its gradient in the weights
    "roth": 4,
    "approximate_r1": 3,  # one more batch through disc
    "approximate_r2": 3,
    "wgan_gp": 4,
    "zero_gp": 4,
    "max_gp": 4,
    "dragan": 4,
    "cr": 3,
    "bcr": 4,
    "lecam": 2,  # of the step's own logits
    "centring": 2,
    "zcr": 3,
    "transport": 2,
}
DYNAMICS = {
    "simultaneous": 2,
    "alternating": 2,
    "unrolled": 2 + 2 * UNROLLED,  # K updates of disc, and back through each
    "extragradient": 4,
    "optimistic": 2,
    "consensus": 4,  # v, J^T v
    "sga": 6,  # v, J^T v, J v
    "cgd": 2 + 4 * CG,  # v, and J and J^T of both players in each iteration
}
CASES = ["plain", *(f"penalty_{name}" for name in PENALTIES), *(f"dynamics_{n}" for n in DYNAMICS)]
STEPS = dict.fromkeys(CASES, 100)
THEIRS: dict[str, str] = {}  # no other library: the plain step is the reference


def gradients(case: str) -> int:
    """The least number of gradients in a step."""
    kind, _, name = case.partition("_")
    return {"plain": {}, "penalty": PENALTIES, "dynamics": DYNAMICS}[kind].get(name, 2)


def make_ours(case: str) -> Side:
    """The ring of the sweep benchmark, non-saturating, with the case's penalty or dynamics."""
    config = settings("ring")
    config.objective, config.penalty.name = "non_saturating", "none"
    kind, _, name = case.partition("_")
    if kind == "penalty":
        config.penalty.name, config.penalty.weight = name, 0.1
    if kind == "dynamics":
        config.dynamics.name = name
    run, facts = make_loop(config)
    return run, lambda: facts() | {"gradients": gradients(case)}
