"""BigGAN on CIFAR-10, with the settings of the authors' script. Brock et al. 2019, appendix C.2.

gan-jax train --config biggan_cifar10 --workdir runs/biggan             # tfds:cifar10, prepared
gan-jax train --config biggan_cifar10:tiny --workdir runs/biggan_tiny   # digits, a minute on a CPU

Batch norm and a projection by labels, spectral norm in both networks, hinge loss, weights from
N(0, .02), Adam (0, .999) at 2e-4, four disc updates a step on 50 images each, a moving average of
gen's weights with decay .9999, 500 epochs. Expected: FID 14.7 by Inception (the paper). Cost: not
measured.

Samples are made with standing statistics over 100 batches, as in the paper. Differs: with
ema.warmup the average starts in step 0, in the paper in step 1,000; there is no orthogonal
regularisation, which the authors' script leaves out too. tiny is 28x28 digits, an eighth as wide.
"""

from gan_jax.config import choose
from gan_jax.config import get_config as defaults

VARIANTS = ("cifar10", "tiny")


def get_config(variant: str = "cifar10"):
    c, variant = defaults(), choose("variant", variant, VARIANTS)
    c.data.name, c.objective = "tfds:cifar10", "hinge"
    c.gen.net = c.disc.net = "biggan"
    c.gen.args.weights = c.disc.args.weights = "normal"
    c.gen.args.gain = c.disc.args.gain = 0.02
    c.gen.condition, c.disc.condition, c.latent.labels = "norm", "projection", "uniform"
    c.disc.normalise = "spectral"
    c.latent.dim, c.batch_size = 128, 50
    c.dynamics.k_disc, c.steps = 4, 125_000
    for player in (c.gen, c.disc):
        player.lr, player.b1, player.b2 = 2e-4, 0.0, 0.999
    c.ema.decay, c.grid_samples = 0.9999, 100  # ten of each class
    c.ema.standing_batches = 100
    c.eval_every_steps = c.checkpoint_every_steps = 5_000
    return _tiny(c) if variant == "tiny" else c


def _tiny(c):
    c.data.name = "mnist5k"
    c.gen.args.width = c.disc.args.width = 8
    c.dynamics.k_disc, c.batch_size, c.steps = 1, 32, 300
    c.gen.lr, c.disc.lr, c.ema.decay = 1e-3, 2e-3, 0.99
    c.ema.standing_batches = 10
    c.log_every_steps = 50
    c.eval_every_steps = c.sample_every_steps = c.checkpoint_every_steps = 150
    return c
