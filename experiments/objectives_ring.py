"""Nine objectives x four weights of R1 x eight seeds on eight Gaussians on a ring: 288 rows.

gan-jax sweep --config experiments/objectives_ring.py --workdir runs/ring
One cohort: the rows differ in traced numbers only (the objectives are functions of logits). The
ring is tight: radius 1, standard deviation .01.
"""

from gan_jax.config import get_config as defaults
from gan_jax.sweep import param, product, seeds

OBJECTIVES = [
    "minimax",
    "non_saturating",
    "lsgan",
    "hinge",
    "wgan",
    "ragan",
    "rpgan",
    "fgan_kl",
    "fgan_pearson",
]


def get_config():
    c = defaults()
    c.data.name = "ring"
    c.steps, c.batch_size = 5_000, 256
    c.latent.dim = 2
    c.gen.args.hidden = c.disc.args.hidden = (128, 128)
    c.gen.args.act = c.disc.args.act = "relu"
    c.penalty.name = "r1"
    c.gen.lr = c.disc.lr = 1e-3
    c.ema.decay = 0.99
    c.eval_samples = 2_500
    c.eval_every_steps = 2_500
    c.sample_every_steps = c.checkpoint_every_steps = 5_000
    return c


SWEEPS = {
    "objectives": product(
        param("objective", OBJECTIVES), param("penalty.weight", [0.0, 0.01, 0.1, 1.0]), seeds(8)
    ),
}
