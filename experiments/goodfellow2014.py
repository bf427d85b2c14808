"""The MNIST run of the 2014 paper: relu against maxout with dropout, both players moving at once.

Goodfellow et al. 2014, "Generative Adversarial Nets", with the configuration the authors published.

    gan-jax train --config goodfellow2014 --workdir runs/goodfellow2014
"""

import math

from gan_jax.config import get_config as defaults

STEPS_PER_EPOCH = 500


def get_config(data: str = "mnist"):
    c = defaults()
    c.data.name = data
    c.data.split = "train[:50000]" if data == "mnist" else "train"
    c.data.low = 0.0
    c.steps, c.batch_size = 250 * STEPS_PER_EPOCH, 100
    c.latent.law, c.latent.low, c.latent.high = "uniform", -math.sqrt(3), math.sqrt(3)
    c.dynamics.name = "simultaneous"
    c.disc.loss_scale = 0.5
    for player in (c.gen, c.disc):
        player.net, player.optimizer, player.lr = "maxout", "sgd", 0.1
        player.schedule, player.lr_decay, player.lr_end = "exponential", 1 / 1.000004, 1e-6
        player.momentum, player.momentum_end = 0.5, 0.7
        player.momentum_steps = 250 * STEPS_PER_EPOCH
    c.ema.decay, c.ema.warmup = 0.0, False  # as in the recorded rows
    return c
