"""BiGAN on permutation-invariant MNIST: a generator and its inverse. Donahue et al. 2017.

gan-jax train --config mnist_bigan --workdir runs/mnist_bigan
gan-jax train --config mnist_bigan:mnist --workdir runs/bigan   # all 60,000
gan-jax evaluate --workdir runs/bigan --metrics nearest_neighbour --config.eval_samples=10000
gan-jax sweep --config mnist_bigan:mnist --workdir runs/bigan_seeds

The networks and rates are those of the authors' code, but for 25 epochs instead of 400. Pictures
show samples on the left; on the right, held-out digits with their reconstructions below them.
"""

from gan_jax.config import choose
from gan_jax.config import get_config as defaults
from gan_jax.sweep import seeds

STEPS_PER_EPOCH = 468


def get_config(variant: str = "mnist5k"):
    c = defaults()
    c.game = "bigan"
    c.data.name, c.data.low = choose("variant", variant, ("mnist5k", "mnist")), 0.0
    c.latent.law, c.latent.dim = "uniform", 50
    c.steps, c.batch_size = 25 * STEPS_PER_EPOCH, 128
    for player in (c.gen, c.disc):  # the encoder uses gen's numbers too
        player.net, player.lr, player.weight_decay = "bigan", 2e-4, 2.5e-5
    c.ema.decay = 0.99
    return c


SWEEPS = {"seeds": seeds(3)}
