"""SNGAN's residual networks on CIFAR-10. Miyato et al. 2018, with the authors' configuration.

gan-jax train --config sngan_cifar10 --workdir runs/sngan               # tfds:cifar10, prepared
gan-jax train --config sngan_cifar10:conditional --workdir runs/sngan_conditional
gan-jax train --config sngan_cifar10:tiny --workdir runs/sngan_tiny     # digits, a minute on a CPU

Hinge loss, spectral norm in disc, Adam (0, .9) at 2e-4, falling linearly to 0, 50,000 steps of five
disc updates on 64 images and one of gen on 128. Expected: FID 21.7 without labels (the paper, table
2), by Inception. Cost: not measured. conditional adds Miyato and Koyama 2018: batch norm by labels,
projection.

Differs: in each step disc moves first, in the authors' code gen; half of gen's latents are those of
disc's last update. tiny is 28x28 digits at a sixteenth of the width.
"""

from gan_jax.config import choose
from gan_jax.config import get_config as defaults

VARIANTS = ("cifar10", "conditional", "tiny")


def get_config(variant: str = "cifar10"):
    c, variant = defaults(), choose("variant", variant, VARIANTS)
    c.data.name, c.objective = "tfds:cifar10", "hinge"
    c.gen.net = c.disc.net = "sngan"
    c.disc.normalise = "spectral"
    c.latent.dim, c.gen.batch_factor = 128, 2
    c.dynamics.k_disc, c.steps = 5, 50_000
    for player in (c.gen, c.disc):
        player.lr, player.b1, player.b2, player.schedule = 2e-4, 0.0, 0.9, "linear"
    c.eval_every_steps = c.checkpoint_every_steps = 5_000
    if variant != "cifar10":
        c.gen.condition, c.disc.condition, c.latent.labels = "norm", "projection", "uniform"
        c.grid_samples = 100  # ten of each class
    return _tiny(c) if variant == "tiny" else c


def _tiny(c):
    c.data.name = "mnist5k"
    c.gen.args.channels, c.disc.args.channels, c.disc.args.halvings = (32, 16, 16), (16, 16, 16), 2
    c.dynamics.k_disc, c.batch_size, c.steps = 1, 32, 400
    c.gen.lr, c.disc.lr, c.ema.decay = 2e-3, 4e-3, 0.99
    c.log_every_steps = 50
    c.eval_every_steps = c.sample_every_steps = c.checkpoint_every_steps = 200
    return c
