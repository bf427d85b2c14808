"""A GAN that maps uniform noise to N(4, 1.25^2); disc sees the moments of a batch.

gan-jax train --config gaussian1d --workdir runs/gaussian1d
gan-jax train --config gaussian1d:raw --workdir runs/raw   # disc sees the values
"""

from gan_jax.config import get_config as defaults


def get_config(view: str = "moments"):
    c = defaults()
    c.data.name = "gaussian1d"
    c.steps = 5_000  # rounds
    c.batch_size = 500
    c.dynamics.k_disc = c.dynamics.k_gen = 20
    c.latent.law, c.latent.dim, c.latent.low, c.latent.high = "uniform", 1, 0.0, 1.0
    c.disc.view = {"raw": "sample"}.get(view, view)
    c.gen.args.hidden, c.gen.args.act = (5, 5), "tanh"
    c.disc.args.hidden, c.disc.args.act = (10, 10), "sigmoid"
    for player in (c.gen, c.disc):
        player.optimizer, player.lr, player.momentum = "sgd", 1e-3, 0.9
    c.ema.decay, c.ema.warmup = 0.0, False  # as in the recorded rows
    c.eval_samples = 10_000
    c.eval_every_steps = c.sample_every_steps = 500
    return c
