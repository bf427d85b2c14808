"""The conditional GAN of Mirza and Osindero 2014 on MNIST, both players moving at once.

gan-jax train --config experiments/cgan2014.py --workdir runs/cgan2014
"""

from gan_jax.config import get_config as defaults

STEPS_PER_EPOCH = 500


def get_config(data: str = "mnist"):
    c = defaults()
    c.data.name = data
    c.data.split = "train[:50000]" if data == "mnist" else "train"
    c.data.low = 0.0
    c.steps, c.batch_size = 100 * STEPS_PER_EPOCH, 100
    c.latent.law, c.latent.low, c.latent.high = "uniform", 0.0, 1.0
    c.dynamics.name, c.disc.loss_scale = "simultaneous", 0.5
    for player in (c.gen, c.disc):
        player.net, player.condition = "cgan2014", "concat"
        player.optimizer, player.lr = "sgd", 0.1
        player.schedule, player.lr_decay, player.lr_end = "exponential", 1 / 1.00004, 1e-6
        player.momentum, player.momentum_end = 0.5, 0.7
        player.momentum_steps = 250 * STEPS_PER_EPOCH
    c.grid_samples = 100  # ten of each digit
    c.ema.decay, c.ema.warmup = 0.0, False  # as in the recorded rows
    return c
