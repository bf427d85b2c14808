"""What the 2014 table trains: the published configuration and its variants, and for how long."""

import copy
import math
from collections.abc import Sequence
from typing import Any

from ml_collections import ConfigDict

from gan_jax.config import assign
from gan_jax.reproduce.work import Size, base_config

STEPS_PER_EPOCH, RAMP = 500, 250  # epochs of the momentum's ramp
OBJECTIVES, VARIANT_EPOCHS = ("minimax", "max_likelihood"), 150
PRECISE_EPOCHS = 60  # of the row that shows the effect of rounding
VARIED_EPOCHS = 130  # of the rows that show the effects of the recipe's own choices
LOOK_EPOCHS = 10  # between measurements of the validation likelihood
LONG_EPOCHS, LONG_LOOK = 500, 50  # longer runs are measured less often
RATE, DECAY = 0.1, 1.000004  # the rate is divided by DECAY in each update
LOWER, LOWER_EPOCHS, LOWER_LOOK = 10, 30, 5  # divisor; epochs: all, per measurement
TRAIN, VALID, TEST = "train[:50000]", "train[50000:]", "test"
OURS, PRECISE = "adversarial nets", "at the device's own precision"
LOWERED = f"{OURS}, then {LOWER_EPOCHS} epochs at 1/{LOWER} of the rates"
LOWER_WHY = (
    f"the rates divided by {LOWER} at once: the schedule would take "
    f"{math.log(LOWER) / math.log(DECAY) / STEPS_PER_EPOCH:,.0f} epochs for it"
)
# The latents of the configuration's first version; weights drawn as is usual today.
VARIED: dict[str, dict[str, Any]] = {
    "Gaussian latents": {"latent.law": "normal"},
    "first weights by fan-in": {
        f"{player}.args.{leaf}": value
        for player in ("gen", "disc")
        for leaf, value in (("weights", "lecun"), ("gain", 1.0))
    },
}
Plan = dict[str, list[ConfigDict]]  # {row: its seeds} of a cohort


def settings(seed: int, steps: int, objective: str = "non_saturating", k: int = 1) -> ConfigDict:
    """As experiments/goodfellow2014.py; steps count those of k = 1, schedules run in epochs."""
    c = base_config("mnist", seed, steps // k, 100)
    c.objective, c.data.split, c.data.low = objective, TRAIN, 0.0
    c.latent.law, c.latent.low, c.latent.high = "uniform", -math.sqrt(3), math.sqrt(3)
    c.dynamics.name = "simultaneous" if k == 1 else "alternating"
    c.dynamics.k_disc, c.disc.loss_scale = k, 0.5
    for player, batches in ((c.gen, k), (c.disc, 1)):
        player.net, player.optimizer, player.lr = "maxout", "sgd", RATE
        player.schedule, player.lr_end = "exponential", 1e-6
        player.lr_decay = 1 / DECAY**batches  # per update of the player
        player.momentum, player.momentum_end = 0.5, 0.7
        player.momentum_steps = RAMP * STEPS_PER_EPOCH // batches
    look = LOOK_EPOCHS if steps <= LONG_EPOCHS * STEPS_PER_EPOCH else LONG_LOOK
    c.eval_every_steps = c.checkpoint_every_steps = look * STEPS_PER_EPOCH // k
    return c


def lowered(seeds: Sequence[ConfigDict]) -> Plan:
    """More epochs at lower rates, which the schedule itself would reach much later."""
    found = copy.deepcopy(list(seeds))
    for c in found:
        c.steps += min(c.steps, LOWER_EPOCHS * STEPS_PER_EPOCH)
        c.eval_every_steps = LOWER_LOOK * STEPS_PER_EPOCH
        for player in (c.gen, c.disc):
            player.lr /= LOWER
    return {LOWERED: found}


def plans(size: Size) -> list[Plan]:
    """The cohorts; if the precision is not the device's own, one more row is trained at that."""
    few = min(size.steps, VARIED_EPOCHS * STEPS_PER_EPOCH)
    short = min(size.steps, VARIANT_EPOCHS * STEPS_PER_EPOCH)
    seeds = size.configs([settings(seed, size.steps) for seed in range(size.seeds)])
    variants = size.configs([settings(0, short, objective) for objective in OBJECTIVES])
    beside = settings(0, min(size.steps, PRECISE_EPOCHS * STEPS_PER_EPOCH))
    epochs = beside.steps / STEPS_PER_EPOCH
    unrounded = f"{OURS}, {epochs:g} epochs {PRECISE}"
    return [
        {OURS: seeds},
        *([{unrounded: [beside]}] if size.differs else []),
        {f"{OURS}, {c.objective}": [c] for c in variants},
        {f"{OURS}, k_disc = 2": size.configs([settings(0, short, k=2)])},
        *({f"{OURS}, {name}": size.configs([varied(few, by)])} for name, by in VARIED.items()),
    ]


def varied(steps: int, by: dict[str, Any]) -> ConfigDict:
    """The first seed's config with some leaves changed."""
    config = settings(0, steps)
    for leaf, value in by.items():
        assign(config, leaf, value)
    return config
