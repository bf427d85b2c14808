"""InfoGAN on MNIST: ten categories and two continuous codes. Chen et al. 2016, with their settings.

gan-jax train --config mnist_infogan --workdir runs/mnist_infogan
gan-jax train --config mnist_infogan:mnist --workdir runs/infogan   # all 60,000
gan-jax sweep --config mnist_infogan:mnist --workdir runs/infogan_seeds

Samples show a row for each category and a column for each value of a code. eval/code_error is the
error of the inferred category as a classifier of held-out digits, 5 % in the paper.
"""

from gan_jax.config import choose
from gan_jax.config import get_config as defaults
from gan_jax.sweep import seeds


def get_config(variant: str = "mnist5k"):
    c = defaults()
    c.game = "infogan"
    c.data.name, c.data.low = choose("variant", variant, ("mnist5k", "mnist")), 0.0
    c.latent.law, c.latent.dim = "uniform", 62
    c.steps, c.batch_size = 5_000, 128
    for player, channels in ((c.gen, (128, 64)), (c.disc, (64, 128))):
        player.net, player.args.channels, player.args.dense = "dcgan", channels, 1024
        player.args.batch_norm = True
    c.disc.args.slope = 0.1
    c.gen.lr, c.disc.lr = 1e-3, 2e-4
    c.ema.decay = 0.99
    c.eval_every_steps = c.sample_every_steps = c.checkpoint_every_steps = 500
    return c


SWEEPS = {"seeds": seeds(5)}
