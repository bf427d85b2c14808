"""A perceptron GAN on MNIST digits: Adam, half the sum of the cross-entropies, non-saturating gen.

gan-jax train --config experiments/mnist_mlp.py --workdir runs/mnist_mlp
gan-jax train --config experiments/mnist_mlp.py:mnist --workdir runs/mnist   # all 60,000
"""

from gan_jax.config import get_config as defaults


def get_config(data: str = "mnist5k"):
    c = defaults()
    c.data.name = data
    c.data.split = {"mnist5k": "train+test"}.get(data, "train")
    c.gen.args.hidden = (256, 512, 1024)
    c.disc.args.hidden = (1024, 512, 256)
    c.disc.loss_scale = 0.5
    return c
