"""A conditional GAN on MNIST digits by projection, Miyato and Koyama 2018, on perceptrons.

gan-jax train --config mnist_projection --workdir runs/mnist_projection
gan-jax sample --workdir runs/mnist_projection --label 7 --out sevens.png
"""

from gan_jax.config import get_config as defaults


def get_config():
    c = defaults()
    c.data.name = "mnist"
    c.gen.args.hidden, c.disc.args.hidden = (256, 512), (512, 256)
    c.gen.args.weights = c.disc.args.weights = "lecun"
    c.gen.condition, c.gen.args.batch_norm = "norm", True  # conditional batch norm
    c.disc.condition = "projection"
    c.penalty.name, c.penalty.weight = "r1", 0.1
    c.gen.lr, c.disc.lr = 1e-3, 4e-4
    c.steps = 20_000
    c.grid_samples = 100  # ten of each digit
    return c
