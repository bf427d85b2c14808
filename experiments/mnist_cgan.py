"""Conditional GANs on 5,000 MNIST digits: ways to tell disc the digit, by objective, over seeds.

gan-jax train --config mnist_cgan --workdir runs/mnist_cgan       # concat
gan-jax sweep --config mnist_cgan --workdir runs/conditions       # 48 rows
"""

from gan_jax.config import get_config as defaults
from gan_jax.sweep import param, product, seeds, zipit

CONDITIONS = zipit(
    param("gen.condition", ["none", "concat", "concat", "concat"]),
    param("disc.condition", ["none", "concat", "projection", "acgan"]),
)
OBJECTIVES = param("objective", ["non_saturating", "hinge", "rpgan"])
SWEEPS = {"conditions": product(CONDITIONS, OBJECTIVES, seeds(4))}


def get_config():
    c = defaults()
    c.data.split = "train+test"  # all 5,000 digits of the wheel
    c.gen.args.hidden, c.disc.args.hidden = (256, 512), (512, 256)
    c.gen.args.weights = c.disc.args.weights = "lecun"
    c.gen.args.batch_norm = True
    c.gen.condition = c.disc.condition = "concat"
    c.penalty.name, c.penalty.weight = "r1", 0.1
    c.gen.lr, c.disc.lr = 1e-3, 4e-4
    c.steps, c.log_every_steps = 4_000, 250
    c.eval_every_steps = c.sample_every_steps = c.checkpoint_every_steps = 1_000
    c.grid_samples = 100  # ten of each digit
    return c
