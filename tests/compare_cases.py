"""What compare_checkouts.py runs: TABLE names cases by words, and EDITS says what a word changes.

To compare something more, add a word and put it, with others, into the table.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Edits = Mapping[str, Any]  # {"gen.lr": 0.01}: leaves of a config by dotted path


class Kind(NamedTuple):
    """How the rows of a case are run."""

    chunk: int | None  # rows at a time; None: all of them, 0: a single run, of the first row
    devices: int = 1


KINDS = {
    "single": Kind(0),
    "map": Kind(1),
    "vmap": Kind(None),
    "chunks": Kind(2),
    "single-on-2": Kind(0, 2),
    "map-on-2": Kind(1, 2),
    "vmap-on-2": Kind(None, 2),
}
STEPS, DISPATCHES = 2, 2  # steps of a dispatch, at whose end a rollback acts


def of(section: str, **leaves: Any) -> Edits:
    return {f"{section}.{name}": value for name, value in leaves.items()}


def both(**leaves: Any) -> Edits:
    return {**of("gen", **leaves), **of("disc", **leaves)}


def objective(name: str, **args: float) -> Edits:
    return {"objective": name, "objective_args": args}


def penalty(name: str, weight: float = 0.5, **args: float) -> Edits:
    return of("penalty", name=name, weight=weight, every_steps=1, args=args)


def dynamics(name: str, **args: float) -> Edits:
    return of("dynamics", name=name, args=args)


BASE: Edits = {
    **of("dynamics", name="alternating", k_disc=1, k_gen=1, args={}),
    **of("data", name="ring", args={"sigma": 0.05}, points=0, split="train", low=-1.0),
    **of("latent", law="normal", dim=3, low=-1.0, high=1.0),
    **of("ema", decay=0.9, warmup=False),
    **both(net="mlp", optimizer="adam", lr=0.01, b1=0.5, b2=0.9, eps=1e-8, clip=0.0),
    **both(momentum=0.0, momentum_end=0.0, momentum_steps=0, weight_decay=0.0),
    **both(schedule="constant", schedule_steps=0, lr_decay=1.0, lr_end=0.0),
    **of("gen", args={"hidden": (8,)}, rescale_gradient=0.0),
    **of("disc", args={"hidden": (12,)}, view="sample", pack=1, normalise="none", loss_scale=1.0),
    **of("disc", clip_weights=0.0, instance_noise=0.0, instance_noise_steps=0),
    **objective("non_saturating"),
    **penalty("none", 0.0),
    "data.device_mb": 64,
    "nonfinite.policy": "stop",
    "stop_at_equilibrium": 0,
    "precision": "default",
    "batch_size": 8,
    "log_every_steps": STEPS,
    "steps": STEPS * DISPATCHES,
}
NOT_IN_BOTH = ("ema.warmup",)  # leaves that one of the editions lacks
ROWS: Sequence[Edits] = (
    {"seed": 0, "disc.lr": 0.02},
    {"seed": 1, "gen.lr": 0.02, "disc.b1": 0.0},
    {"seed": 2, "disc.loss_scale": 0.5},
)

PLAIN = ("non_saturating", "max_likelihood", "thresholded", "lsgan", "hinge", "wgan", "ragan")
FGAN = ("kl", "reverse_kl", "pearson", "neyman", "hellinger", "jeffreys", "js", "gan")
FGAN += ("total_variation",)
OBJECTIVES: dict[str, Edits] = {
    "minimax": objective("minimax", smooth_real=0.1, smooth_fake=0.05),
    "blend": objective("blend", zeta=2.0, m=0.5),
    "lazy": objective("lazy", d_eps=0.1, g_eps=0.2),
    **{name: objective(name) for name in (*PLAIN, "rpgan")},
    **{name: objective(name) for f in FGAN for name in (f"fgan_{f}", f"fgan_{f}_heuristic")},
}
# Leaves whose value has updates refused, since gradients are then not finite
REFUSED: dict[str, Edits] = {
    "refused": of("disc", instance_noise=3e38, instance_noise_steps=2),  # both, in two steps
    "refused_disc": of("disc", loss_scale=float("inf")),
    "refused_gen": of("gen", rescale_gradient=float("inf")),
}

DIGITS = of("data", name="digits", args={})
NORM = of("gen", args={"hidden": (8,), "batch_norm": True})
DROPOUT = of("disc", net="maxout", args={"units": (6,), "pieces": 2, "gain": 0.5})
NOISE = of("disc", instance_noise=0.3, instance_noise_steps=3)
SPECTRAL = of("disc", normalise="spectral")
CONV = {"channels": (6, 4), "gain": 0.2, "batch_norm": False}
ENERGY = of("disc", net="autoencoder", args={"hidden": (8,), "code": 4})

EDITS: dict[str, Edits] = {
    "plain": {},
    "hard": {
        **NORM,
        **DROPOUT,
        **SPECTRAL,
        **NOISE,
        **penalty("lecam"),
    },  # all that keeps something
    # Dynamics
    **{name: dynamics(name) for name in ("simultaneous", "extragradient", "optimistic")},
    "unrolled": dynamics("unrolled", unroll_steps=2),
    "consensus": dynamics("consensus", gamma=0.5),
    "sga": dynamics("sga", weight=0.7, epsilon=0.1),
    "cgd": dynamics("cgd", eta=0.2, iterations=3),
    **{f"k{i}{j}": of("dynamics", k_disc=i, k_gen=j) for i in (1, 2, 3) for j in (1, 2, 3)},
    # Objectives and penalties
    **OBJECTIVES,
    "objectives": {},  # each in a row of its own
    "began": {**ENERGY, **objective("began", rate=0.1)},
    "ebgan": {**ENERGY, **objective("ebgan", margin=1.0, weight=0.3)},
    **{name: penalty(name) for name in ("r1", "r2", "r1r2", "zero_gp", "cr", "bcr", "lecam")},
    "wgan_gp": penalty("wgan_gp", 2.0, target=0.5),
    "dragan": penalty("dragan", 2.0, c=0.4, target=0.8),
    "zcr": penalty("zcr", 2.0, scale=0.3, gen_weight=0.5),
    "every_3": of("penalty", every_steps=3),
    # Networks, and what disc is given
    "norm": NORM,
    "dropout": DROPOUT,
    "mean": {**DIGITS, **DROPOUT, **of("gen", net="maxout", args={"hidden": (8,)})},
    "conv": {**DIGITS, **both(net="dcgan", args=CONV)},
    "conv_norm": {**DIGITS, **both(net="dcgan", args={**CONV, "batch_norm": True})},
    "dense": {**DIGITS, **both(net="dcgan", args={**CONV, "dense": 5})},
    "spectral": SPECTRAL,
    "gradient": of("disc", normalise="gradient"),
    "pack": of("disc", pack=2),
    "moments": of("disc", view="moments"),
    "noise": of("disc", instance_noise=0.3),
    "noise_ends": NOISE,
    # Optimisers
    "sgd": both(optimizer="sgd", lr=0.1),
    "rmsprop": both(optimizer="rmsprop"),
    "mixed": {**of("gen", optimizer="rmsprop"), **of("disc", optimizer="sgd")},
    "momentum": both(optimizer="sgd", momentum=0.5, momentum_end=0.9, momentum_steps=3),
    "linear": both(schedule="linear", lr_end=0.001),
    "cosine": both(schedule="cosine"),
    "exponential": both(schedule="exponential", lr_decay=0.5, lr_end=0.004),
    "short": both(schedule_steps=2),
    "clip": both(clip=0.1),
    "decay": both(weight_decay=0.1),
    "clip_weights": of("disc", clip_weights=0.1),
    "rescale": of("gen", rescale_gradient=0.5),
    **REFUSED,
    "skip": {"nonfinite.policy": "skip"},
    "rollback": {"nonfinite.policy": "rollback"},
    # Data and the rest
    "digits": DIGITS,
    "low": of("data", low=0.0),
    "host": of("data", device_mb=0),
    "line": of("data", name="gaussian1d", args={}),
    "points": of("data", points=20),
    "uniform": of("latent", law="uniform", low=-0.5),
    "no_ema": of("ema", decay=0.0),
    "bfloat16": {"precision": "bfloat16"},
    "highest": {"precision": "highest"},
}
# Kinds, and the cases that are run in each of them. Of a case's words the later ones win.
TABLE = {
    "single map vmap": """
        plain, hard, mean low, conv_norm, simultaneous, unrolled, extragradient, optimistic,
        consensus, sga, cgd, k23, k32, digits k22, began, ebgan, r1, zcr, lecam every_3, r1 every_3,
        gradient, pack, line moments, optimistic clip_weights, noise, rescale, points,
        refused rollback, hard refused_disc skip, hard refused_gen rollback
    """,
    "single vmap": """
        hard simultaneous, hard unrolled, hard extragradient, hard optimistic, hard consensus,
        hard sga, hard cgd, k12, k13, k21, k31, k33, ragan, spectral r1r2, wgan_gp, dragan,
        conv cr, conv bcr, pack r1, pack lecam, pack zcr, line moments r1, no_ema, uniform,
        sgd cosine short decay, rmsprop exponential clip, linear clip_weights, mixed, momentum,
        bfloat16
    """,
    "single": """
        conv_norm unrolled, conv_norm cgd, hard k12, hard k21, hard k32, rmsprop unrolled,
        momentum unrolled, unrolled clip_weights, extragradient clip decay, sgd, sgd linear,
        sgd exponential, rmsprop linear, rmsprop cosine, exponential, cosine, norm k12, dropout r2,
        minimax, lazy, wgan, rpgan, fgan_kl_heuristic, hard rpgan, hard ragan, zero_gp,
        began spectral k21, began unrolled, began optimistic, digits ebgan r1,
        hard r1, hard zcr, hard r1 every_3, conv_norm r1r2, conv spectral, conv_norm spectral,
        gradient r1, conv gradient rpgan, conv_norm pack zcr, line moments zcr, line moments lecam,
        line moments cr, line moments spectral noise, dense, mean, digits host, highest,
        rescale k12, noise_ends pack r1, hard no_ema, hard refused skip,
        hard simultaneous refused_disc skip, hard extragradient refused_gen skip,
        optimistic refused_disc rollback, hard unrolled refused_gen skip,
        hard consensus refused skip, cgd refused_disc rollback, k33 refused_disc rollback
    """,
    "map vmap": "objectives, hard objectives",
    "chunks": "plain, objectives",
    "single-on-2": "plain, hard, digits k12, line moments r1, conv_norm, optimistic refused skip",
    "map-on-2 vmap-on-2": "plain, digits",
}


def rows_of(words: Sequence[str]) -> list[Edits]:
    """What each row of a case changes besides. The last one has no update refused."""
    if "objectives" in words:
        return [{"seed": seed, **edits} for seed, edits in enumerate(OBJECTIVES.values())]
    leaves = [leaf for word in words for leaf in REFUSED.get(word, {}) if "steps" not in leaf]
    return [*ROWS[:-1], {**ROWS[-1], **dict.fromkeys(leaves, 0.1)}]


def leaves_of(case: str, kind: Kind) -> list[Edits]:
    """All leaves of each row of a case."""
    words = case.split()
    edits = {leaf: value for word in words for leaf, value in EDITS[word].items()}
    devices = {"devices": kind.devices if kind.chunk == 0 else 1}
    return [{**BASE, **edits, **row, **devices} for row in rows_of(words)]


def rows(only: Sequence[str] | None) -> list[str]:
    """The table's rows, such as "vmap hard cgd"; with words, those that have one of them."""
    found = [
        f"{kind} {' '.join(case.split())}"
        for kinds, cases in TABLE.items()
        for case in cases.split(",")
        for kind in kinds.split()
    ]
    return [row for row in found if not only or {*only} & {*row.split()}]
