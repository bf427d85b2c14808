"""Objectives on eight Gaussians on a ring (radius 1, standard deviation .01), over seeds.

gan-jax sweep --config objectives_ring --sweep objectives --workdir runs/objectives
    nine objectives x four weights of R1 x eight seeds, 288 rows: one cohort, since rows differ in
    traced numbers only (the objectives are functions of logits)
gan-jax sweep --config objectives_ring --sweep all --workdir runs/ring_all
    every objective there is, 2,000 steps, eight seeds: four cohorts, since the two objectives of
    energies need an autoencoder for disc, ebgan's squared error is another program, and
    feature_matching passes through disc once more
gan-jax sweep --config objectives_ring --sweep penalties --workdir runs/ring_penalties
    rpgan with each penalty, and with each treatment of disc's last layer and gradients: a cohort
    each, since a penalty is compiled in; 2,000 steps, eight seeds
"""

from gan_jax.config import get_config as defaults
from gan_jax.sweep import chain, param, product, seeds

LOGITS = ["minimax", "non_saturating", "lsgan", "hinge", "wgan", "ragan", "rpgan"]
LOGITS += ["fgan_kl", "fgan_pearson"]
OTHERS = ["max_likelihood", "blend", "thresholded", "lazy", "fgan_gan", "fgan_hellinger"]
OTHERS += ["fgan_jeffreys", "fgan_js", "fgan_neyman", "fgan_reverse_kl", "fgan_total_variation"]
FGANS = [name for name in (*LOGITS, *OTHERS) if name.startswith("fgan_")]
RECENT = ["monoflow_linear", "monoflow_arcsinh", "monoflow_shifted", "gan_qp", "feature_matching"]
EVERY = [*LOGITS, *OTHERS, *(f"{name}_heuristic" for name in FGANS), *RECENT]


def get_config():
    c = defaults()
    c.data.name = "ring"
    c.steps, c.batch_size = 5_000, 256
    c.latent.dim = 2
    c.gen.args.hidden = c.disc.args.hidden = (128, 128)
    c.gen.args.act = c.disc.args.act = "relu"
    c.penalty.name, c.penalty.weight = "r1", 0.1
    c.gen.lr = c.disc.lr = 1e-3
    c.ema.decay, c.ema.warmup = 0.99, False  # as in the recorded results
    c.eval_samples = 2_500
    c.eval_every_steps = 2_500
    c.sample_every_steps, c.checkpoint_every_steps = 5_000, 500
    return c


def energies(objective: str, **args):
    """A row for an energy-based objective, whose disc is an autoencoder."""
    net = {"disc.net": "autoencoder", "disc.args.hidden": (128,), "disc.args.code": 1}
    numbers = {f"objective_args.{name}": value for name, value in args.items()}
    return [{"objective": objective, "penalty.weight": 0.0, **net, **numbers}]


def penalised(name: str = "none", weight: float = 0.0, **more: float):
    """A row with one penalty, and with further ones given as name=weight."""
    others = {f"penalties.{penalty}": value for penalty, value in more.items()}
    return [{"objective": "rpgan", "penalty.name": name, "penalty.weight": weight, **others}]


def treated(**leaves):
    """A row for rpgan with R1 + R2 and these leaves of disc and gen; __ stands for a dot."""
    return [penalised("r1r2", 0.1)[0] | {k.replace("__", "."): v for k, v in leaves.items()}]


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
    "penalties": product(
        param("steps", [2_000]),
        chain(
            penalised(),
            penalised("r1", 0.1),
            penalised("r1r2", 0.1),
            penalised("roth", 0.4),
            penalised("approximate_r1", 0.1, approximate_r2=0.1),
            penalised("approximate_r1", 0.1, approximate_r2=0.1, centring=0.01),
            penalised("zero_gp", 0.1),
            penalised("max_gp", 0.1),
            penalised("transport", 0.2, r1=0.1, r2=0.1),
            treated(disc__san=True),
            treated(gen__pull_decay=0.9),
            treated(gen__top_k=0.5, gen__top_k_decay=0.999),
        ),
        seeds(8),
    ),
}
