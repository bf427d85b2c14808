"""What the values of a config must satisfy; `problems` tells all that is wrong with one."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from gan_jax.config import LATENT_LAWS, OPTIMIZERS, POLICIES, PRECISIONS, SCHEDULES
from gan_jax.leaves import attempt, choose, flatten


# What a value must satisfy, by the path's last words. One row a rule: test, and what to say.
def _finite(test: Callable[[float], bool]) -> Callable[[float], bool]:
    return lambda v: math.isfinite(v) and test(v)


AT_LEAST_1 = (lambda v: 1 <= v < 2**31, "an integer in [1, 2^31)")  # counts are int32 on a device
AT_LEAST_0 = (lambda v: 0 <= v < 2**31, "an integer in [0, 2^31)")
POSITIVE = (_finite(lambda v: v > 0), "a finite number above 0")
NOT_NEGATIVE = (_finite(lambda v: v >= 0), "a finite number of at least 0")
SHARE = (_finite(lambda v: 0 <= v < 1), "a number in [0, 1)")
FINITE = (_finite(lambda v: True), "a finite number")
_PLAYER_RULES = {
    "lr": NOT_NEGATIVE,
    "b1": SHARE,
    "b2": SHARE,
    "eps": POSITIVE,
    "momentum": SHARE,
    "momentum_end": SHARE,
    "momentum_steps": AT_LEAST_0,
    "schedule_steps": AT_LEAST_0,
    "lr_decay": (_finite(lambda v: 0 < v <= 1), "a number in (0, 1]"),
    "lr_end": NOT_NEGATIVE,
    "clip": NOT_NEGATIVE,
    "weight_decay": NOT_NEGATIVE,
}
RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "seed": (lambda v: 0 <= v < 2**32, "an integer in [0, 2^32)"),
    **dict.fromkeys(
        ("steps", "batch_size", "devices", "dynamics.k_disc", "dynamics.k_gen", "latent.dim")
        + ("log_every_steps", "eval_every_steps", "sample_every_steps", "checkpoint_every_steps")
        + ("keep_checkpoints", "eval_samples", "grid_samples", "disc.pack", "penalty.every_steps"),
        AT_LEAST_1,
    ),
    **{f"{player}.{k}": rule for player in ("gen", "disc") for k, rule in _PLAYER_RULES.items()},
    "penalty.weight": NOT_NEGATIVE,
    "disc.loss_scale": POSITIVE,
    "disc.clip_weights": NOT_NEGATIVE,
    "disc.instance_noise": NOT_NEGATIVE,
    "disc.instance_noise_steps": AT_LEAST_0,
    "gen.rescale_gradient": NOT_NEGATIVE,
    "data.low": (lambda v: v in (-1.0, 0.0), "-1.0 or 0.0"),
    "data.device_mb": AT_LEAST_0,
    "data.points": AT_LEAST_0,
    "latent.low": FINITE,
    "latent.high": FINITE,
    "ema.decay": SHARE,
    "stop_at_equilibrium": AT_LEAST_0,
    "diagnose_every_steps": AT_LEAST_0,
    "nonfinite.limit": AT_LEAST_0,
    "equilibrium_band": (_finite(lambda v: 0 < v < 0.5), "a number in (0, 0.5)"),
}
CHOICES = {
    "latent.law": LATENT_LAWS,
    "precision": PRECISIONS,
    "nonfinite.policy": POLICIES,
    **{f"{player}.optimizer": OPTIMIZERS for player in ("gen", "disc")},
    **{f"{player}.schedule": SCHEDULES for player in ("gen", "disc")},
}


class Refusal(NamedTuple):
    """Leaves that do not go together, and why. `leaves` is an example."""

    leaves: dict[str, Any]
    applies: Callable[[ConfigDict], bool]
    why: str


REFUSALS = (
    Refusal(
        {"disc.pack": 2, "disc.view": "moments"},
        lambda c: c.disc.pack > 1 and c.disc.view == "moments",
        "disc.pack above 1 joins samples, and disc.view 'moments' has joined the whole batch",
    ),
    Refusal(
        {"disc.view": "moments", "batch_size": 1},
        lambda c: c.disc.view == "moments" and c.batch_size == 1,
        "disc.view 'moments' takes a batch_size of at least 2: one sample has no spread",
    ),
    Refusal(
        {"disc.pack": 2, "eval_samples": 1},
        lambda c: c.disc.pack > c.eval_samples,
        "disc.pack is above eval_samples, which have to fill a pack at least: raise eval_samples",
    ),
    Refusal(
        {"disc.normalise": "gradient", "disc.net": "autoencoder", "objective": "began"},
        lambda c: c.disc.normalise == "gradient" and c.disc.net == "autoencoder",
        "disc.normalise 'gradient' bounds a logit by 1, and an energy is no logit",
    ),
)


def doubts(config: ConfigDict) -> list[str]:
    """What a run may do and is hardly meant to; the rows of a sweep often are."""
    name, weight = config.penalty.name, config.penalty.weight
    if name != "none" and not weight:
        return [f"penalty {name} is off: penalty.weight is 0"]
    return [f"penalty.weight {weight} is of no penalty: penalty.name is none"] * (
        name == "none" and weight > 0
    )


def problems(config: ConfigDict) -> list[str]:
    """A line each; experiment.check also looks up the names."""
    flat = flatten(config)
    found = [
        f"{path} is {flat[path]!r}: expected {expected}"
        for path, (test, expected) in RULES.items()
        if not test(flat[path])
    ]
    for path, choices in CHOICES.items():
        found += attempt(choose, path, flat[path], choices)
    for name in ("eval_every_steps", "sample_every_steps", "checkpoint_every_steps"):
        if config.log_every_steps > 0 and flat[name] % config.log_every_steps:
            found.append(
                f"{name} is {flat[name]}: expected a multiple of log_every_steps, "
                f"{config.log_every_steps}"
            )
    batches = config.steps * config.dynamics.k_disc  # counted in int32 on a device
    if batches >= 2**31 > max(config.steps, config.dynamics.k_disc):
        found.append(f"steps times dynamics.k_disc is {batches}: expected below {2**31}")
    if config.disc.pack > 0 and config.batch_size % config.disc.pack:
        found.append(
            f"disc.pack is {config.disc.pack}: "
            f"expected a divisor of batch_size, {config.batch_size}"
        )
    if config.devices > 0 and config.batch_size % config.devices:
        found.append(
            f"devices is {config.devices}: expected a divisor of batch_size, {config.batch_size}"
        )
    found += [refusal.why for refusal in REFUSALS if refusal.applies(config)]
    if config.latent.law == "uniform" and not config.latent.low < config.latent.high:
        found.append(f"latent.low is {config.latent.low}: expected below {config.latent.high}")
    return found
