"""A GAN on MNIST digits whose disc also names the digit, AC-GAN: Odena et al. 2017.

gan-jax train --config mnist_acgan --workdir runs/mnist_acgan

Compare with mnist_projection: gan-jax evaluate --workdir DIR --metrics labels,intra
"""

from gan_jax.config import get_config as defaults


def get_config():
    c = defaults()
    c.data.name = "mnist"
    c.gen.args.hidden, c.disc.args.hidden = (256, 512), (512, 256)
    c.gen.args.weights = c.disc.args.weights = "lecun"
    c.gen.args.batch_norm = True
    c.gen.condition, c.disc.condition = "concat", "acgan"
    c.penalty.name, c.penalty.weight = "r1", 0.1
    c.gen.lr, c.disc.lr = 1e-3, 4e-4
    c.steps = 20_000
    c.grid_samples = 100  # ten of each digit
    return c
