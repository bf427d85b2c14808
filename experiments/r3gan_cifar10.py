"""R3GAN on CIFAR-10: rpgan with R1 and R2 on networks without norms. Huang et al. 2024.

gan-jax train --config r3gan_cifar10 --workdir runs/r3gan               # tfds:cifar10, prepared
gan-jax train --config r3gan_cifar10:tiny --workdir runs/r3gan_tiny     # digits, a minute on a CPU

Batches of 512, Adam with b1 0, the rate falling from 2e-4 to 5e-5 on a cosine over 2e7 images, and
gamma .05. Expected of the paper's whole recipe: FID 1.96, by Inception. Cost: not measured.

Differs, and so reaches less: b2 stays .9 where the paper's rises to .99, gamma where it falls to
.005, and the average's half-life is 5e6 images from the start (with ema.warmup) where it rises from
0, as only rates have a schedule here; theirs also augments, with a chance that rises to .55.
tiny is 28x28 digits with channels of 32 and 16.
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
    c.penalty.name, c.penalty.weight = "r1r2", 0.05 / 2
    c.latent.dim, c.batch_size, c.steps = 64, BATCH, int(IMAGES / BATCH)
    for player in (c.gen, c.disc):
        player.lr, player.lr_end, player.schedule = 2e-4, 5e-5, "cosine"
        player.b1, player.b2 = 0.0, 0.9
    c.ema.decay, c.grid_samples = 0.5 ** (BATCH / HALF_LIFE), 100  # ten of each class
    c.eval_every_steps = c.checkpoint_every_steps = 5_000
    return _tiny(c) if variant == "tiny" else c


def _tiny(c):
    c.data.name = "mnist5k"
    c.gen.args.channels, c.disc.args.channels = (32, 32, 16), (16, 32, 32)
    c.gen.args.blocks = c.disc.args.blocks = 1
    c.batch_size, c.steps, c.ema.decay = 32, 200, 0.99
    c.penalty.weight = 0.5
    c.gen.lr = c.disc.lr = 2e-3
    c.log_every_steps = 50
    c.eval_every_steps = c.sample_every_steps = c.checkpoint_every_steps = 100
    return c
