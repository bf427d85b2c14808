"""CycleGAN between two synthetic distributions in the plane: a square's border and a ring.

gan-jax train --config cyclegan_shapes --workdir runs/cyclegan
gan-jax sweep --config cyclegan_shapes --workdir runs/cyclegan_cycle
    four weights of the cycle term x four seeds, 16 rows in one program: without the term, either
    direction may discard what the other would need to undo it
"""

from gan_jax.config import get_config as defaults
from gan_jax.sweep import param, product, seeds


def get_config():
    c = defaults()
    c.game, c.data.name = "cyclegan", "square_ring"
    c.game_args.cycle, c.game_args.identity = 1.0, 0.0  # no colours to keep
    c.steps, c.batch_size = 3_000, 128
    c.gen.args.hidden = c.disc.args.hidden = (128, 128)
    c.gen.args.act = c.disc.args.act = "relu"
    c.penalty.name, c.penalty.weight = "r1", 0.1
    c.gen.lr = c.disc.lr = 1e-3
    c.ema.decay = 0.99
    c.eval_samples = 2_500
    c.sample_every_steps = 500
    return c


SWEEPS = {"cycle": product(param("game_args.cycle", [0.0, 0.1, 1.0, 10.0]), seeds(4))}
