"""A conditional convolutional GAN on Fashion-MNIST: conditional batch norm, projection, hinge.

gan-jax data prepare fashion_mnist --from DIR_WITH_IDX_FILES
gan-jax train --config fashion_conditional --workdir runs/fashion_conditional
"""

from ml_collections import ConfigDict

from gan_jax.config import get_config as defaults


def get_config():
    c = defaults()
    c.data.name, c.objective = "fashion_mnist", "hinge"
    c.gen.net = c.disc.net = "dcgan"
    c.gen.args = ConfigDict({"channels": (128, 64)})
    c.disc.args = ConfigDict({"channels": (64, 128)})
    c.gen.condition, c.disc.condition = "norm", "projection"
    c.disc.normalise = "spectral"
    c.disc.lr = 4e-4  # two time scales: Heusel et al. 2017
    c.steps = 30_000
    c.grid_samples = 100  # ten of each class
    return c
