"""Objectives on eight Gaussians on a ring (radius 1, standard deviation .01), over seeds.

gan-jax sweep --config objectives_ring --sweep objectives --workdir runs/objectives
    nine objectives x four weights of R1 x eight seeds, 288 rows: one cohort, since rows differ in
    traced numbers only (the objectives are functions of logits)
gan-jax sweep --config objectives_ring --sweep all --workdir runs/ring_all
    every objective there is, 2,000 steps, eight seeds: three cohorts, since the two objectives of
    energies need an autoencoder for disc, and ebgan's squared error is another program
"""

from gan_jax.config import get_config as defaults
from gan_jax.sweep import chain, param, product, seeds

LOGITS = ["minimax", "non_saturating", "lsgan", "hinge", "wgan", "ragan", "rpgan"]
LOGITS += ["fgan_kl", "fgan_pearson"]
OTHERS = ["max_likelihood", "blend", "thresholded", "lazy", "fgan_gan", "fgan_hellinger"]
OTHERS += ["fgan_jeffreys", "fgan_js", "fgan_neyman", "fgan_reverse_kl", "fgan_total_variation"]
FGANS = [name for name in (*LOGITS, *OTHERS) if name.startswith("fgan_")]
EVERY = [*LOGITS, *OTHERS, *(f"{name}_heuristic" for name in FGANS)]


def get_config():
    c = defaults()
    c.data.name = "ring"
    c.steps, c.batch_size = 5_000, 256
    c.latent.dim = 2
    c.gen.args.hidden = c.disc.args.hidden = (128, 128)
    c.gen.args.act = c.disc.args.act = "relu"
    c.penalty.name, c.penalty.weight = "r1", 0.1
    c.gen.lr = c.disc.lr = 1e-3
    c.ema.decay, c.ema.warmup = 0.99, False  # as the recorded results
    c.eval_samples = 2_500
    c.eval_every_steps = 2_500
    c.sample_every_steps, c.checkpoint_every_steps = 5_000, 500
    return c


def energies(objective: str, **args):
    """A row for an objective of energies: disc is an autoencoder."""
    net = {"disc.net": "autoencoder", "disc.args.hidden": (128,), "disc.args.code": 1}
    numbers = {f"objective_args.{name}": value for name, value in args.items()}
    return [{"objective": objective, "penalty.weight": 0.0, **net, **numbers}]


SWEEPS = {
    "objectives": product(
        param("objective", LOGITS), param("penalty.weight", [0.0, 0.01, 0.1, 1.0]), seeds(8)
    ),
    "all": product(
        param("steps", [2_000]),
        chain(
            product(param("objective", EVERY), param("penalty.weight", [0.1])),
            energies("began"),
            product(energies("ebgan", margin=0.5), param("disc.args.error", ["l2"])),
        ),
        seeds(8),
    ),
}
