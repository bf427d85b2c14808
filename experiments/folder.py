"""A convolutional GAN on your own images, in colour, at 32x32: R1 and an average of gen.

gan-jax train --config folder --workdir runs/own --config.data.dir=DIR
gan-jax train --config folder:classes --workdir runs/own --config.data.dir=DIR

classes: gen draws the class it is asked for; DIR holds one folder of images for each class.
"""

from ml_collections import ConfigDict

from gan_jax.config import choose
from gan_jax.config import get_config as defaults

VARIANTS = ("plain", "classes")


def get_config(variant: str = "plain"):
    c, variant = defaults(), choose("variant", variant, VARIANTS)
    c.data.name, c.data.size, c.data.channels = "folder", 32, 3
    c.gen.net = c.disc.net = "dcgan"
    c.gen.args = ConfigDict({"channels": (128, 64, 32)})
    c.disc.args = ConfigDict({"channels": (32, 64, 128)})
    if variant == "classes":
        c.gen.condition, c.disc.condition = "norm", "projection"
    c.penalty.name, c.penalty.weight = "r1", 1.0  # few images: without it disc memorises them
    c.batch_size, c.steps = 32, 10_000
    c.ema.decay = 0.995
    c.eval_every_steps = c.checkpoint_every_steps = 1_000
    c.sample_every_steps = 500
    return c
