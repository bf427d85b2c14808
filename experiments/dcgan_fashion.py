"""A DCGAN on Fashion-MNIST with the settings of Radford et al. 2015, at 28x28.

gan-jax data prepare fashion_mnist --from DIR_WITH_IDX_FILES
gan-jax train --config dcgan_fashion --workdir runs/dcgan_fashion
gan-jax train --config dcgan_fashion:tiny --workdir runs/dcgan_tiny     # digits, a minute on a CPU

Adam (.5, .999) at 2e-4, batches of 128, z uniform in [-1, 1), weights from N(0, .02), batch norm in
both. Expected: all ten kinds of clothes by step 5,000; the paper reports no number for these data.
Cost: not measured. mnist_dcgan:fashion_mnist is the narrower one, with a dense layer in disc.

Differs: two doublings from 7x7, with 256 and 128 channels; the paper's four lead to 64x64 pixels.
"""

from gan_jax.config import choose
from gan_jax.config import get_config as defaults

VARIANTS = ("fashion_mnist", "tiny")


def get_config(variant: str = "fashion_mnist"):
    c, variant = defaults(), choose("variant", variant, VARIANTS)
    c.data.name, c.latent.law, c.batch_size = "fashion_mnist", "uniform", 128
    c.gen.net = c.disc.net = "dcgan"
    c.gen.args.channels, c.disc.args.channels = (256, 128), (128, 256)
    c.disc.args.batch_norm = True
    c.gen.lr = c.disc.lr = 2e-4
    c.steps = 10_000
    return _tiny(c) if variant == "tiny" else c


def _tiny(c):
    c.data.name, c.batch_size, c.steps = "mnist5k", 32, 600
    c.gen.args.channels, c.disc.args.channels = (32, 16), (16, 32)
    c.gen.lr, c.disc.lr, c.ema.decay = 2e-3, 1e-3, 0.99
    c.log_every_steps = 50
    c.eval_every_steps = c.sample_every_steps = c.checkpoint_every_steps = 300
    return c
