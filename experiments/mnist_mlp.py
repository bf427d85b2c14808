"""A perceptron GAN on MNIST digits: Adam, half the sum of the cross-entropies, non-saturating gen.

gan-jax train --config mnist_mlp --workdir runs/mnist_mlp
gan-jax train --config mnist_mlp:mnist --workdir runs/mnist   # all 60,000
make demo                                                                    # :demo, 6,000 steps
gan-jax sweep --config mnist_mlp:demo --workdir runs/demo_seeds

The demo is conditional: it draws the digit that it is asked for.
"""

from gan_jax.config import choose
from gan_jax.config import get_config as defaults
from gan_jax.sweep import seeds

VARIANTS = ("mnist5k", "mnist", "demo")
SWEEPS = {"seeds": seeds(4)}


def get_config(variant: str = "mnist5k"):
    c, variant = defaults(), choose("variant", variant, VARIANTS)
    c.data.name = "mnist" if variant == "mnist" else "mnist5k"
    c.data.split = "train" if variant == "mnist" else "train+test"  # all 5,000 digits of the wheel
    c.gen.args.hidden = (256, 512, 1024)
    c.disc.args.hidden = (1024, 512, 256)
    c.gen.args.weights = c.disc.args.weights = "lecun"
    c.gen.lr, c.disc.lr = 1e-3, 4e-4  # with equal rates disc wins early and gen keeps few digits
    c.disc.loss_scale = 0.5
    c.ema.decay = 0.995
    if variant == "demo":
        _conditional(c)
        c.steps, c.log_every_steps, c.sample_every_steps = 6_000, 50, 200
        c.eval_every_steps = c.checkpoint_every_steps = 1_000
    return c


def _conditional(c):
    """Smaller networks that are told the digit, with R1."""
    c.gen.args.hidden, c.disc.args.hidden = (256, 512), (512, 256)
    c.gen.condition, c.gen.args.batch_norm = "norm", True
    c.disc.condition = "projection"
    c.penalty.name, c.penalty.weight = "r1", 0.1
    c.grid_samples = 100  # ten of each digit
