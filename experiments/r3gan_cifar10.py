"""R3GAN on CIFAR-10: rpgan with R1 and R2 on networks without norms. Huang et al. 2024.

gan-jax train --config r3gan_cifar10 --workdir runs/r3gan               # tfds:cifar10, prepared
gan-jax train --config r3gan_cifar10:tiny --workdir runs/r3gan_tiny     # digits, a minute on a CPU

Batches of 512, Adam with b1 0. Four numbers follow a cosine over 2e7 images: the rate from 2e-4 to
5e-5, b2 from .9 to .99, gamma from .05 to .005, the average's half-life from 0 to 5e6 images.
Expected with the paper's whole recipe: FID 1.96 by Inception. Cost: not measured.

Differs: the authors also augment, with a probability that rises to .55; in their step gen moves
first, on latents of its own. tiny is 28x28 digits with channels of 32 and 16, over 200 steps.
"""

from gan_jax.config import choose
from gan_jax.config import get_config as defaults

VARIANTS = ("cifar10", "tiny")
BATCH, IMAGES, HALF_LIFE = 512, 2e7, 5e6  # the latter two in images


def get_config(variant: str = "cifar10"):
    c, variant = defaults(), choose("variant", variant, VARIANTS)
    c.data.name, c.objective = "tfds:cifar10", "rpgan"
    c.gen.net = c.disc.net = "r3gan"
    c.gen.condition, c.disc.condition = "concat", "projection"
    c.latent.dim, c.batch_size = 64, BATCH
    c.steps, c.schedule_images = int(IMAGES / BATCH), int(IMAGES)
    for player in (c.gen, c.disc):
        player.lr, player.lr_end, player.schedule = 2e-4, 5e-5, "cosine"
        player.b2, player.b2_end, player.b2_schedule = 0.9, 0.99, "cosine"
        player.b1 = 0.0
    c.penalty.name, c.penalty.schedule = "r1r2", "cosine"
    c.penalty.weight, c.penalty.weight_end = 0.05 / 2, 0.005 / 2  # gamma / 2
    c.ema.decay, c.ema.decay_end, c.ema.schedule = 0.0, 0.5 ** (BATCH / HALF_LIFE), "cosine"
    c.ema.warmup, c.grid_samples = False, 100  # ten of each class
    c.eval_every_steps = c.checkpoint_every_steps = 5_000
    return _tiny(c) if variant == "tiny" else c


def _tiny(c):
    c.data.name = "mnist5k"
    c.gen.args.channels, c.disc.args.channels = (32, 32, 16), (16, 32, 32)
    c.gen.args.blocks = c.disc.args.blocks = 1
    c.batch_size, c.steps, c.schedule_images = 32, 200, 200 * 32
    c.penalty.weight, c.penalty.weight_end, c.ema.decay_end = 0.5, 0.05, 0.5 ** (4 / 200)
    c.gen.lr = c.disc.lr = 2e-3
    c.log_every_steps = 50
    c.eval_every_steps = c.sample_every_steps = c.checkpoint_every_steps = 100
    return c
