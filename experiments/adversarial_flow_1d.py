"""Maps noise to three Gaussians on the line; a transport term selects the map that moves it least.

gan-jax train --config adversarial_flow_1d --workdir runs/flow
gan-jax train --config adversarial_flow_1d:uniform --workdir runs/flow_uniform
gan-jax sweep --config adversarial_flow_1d --workdir runs/flows     # with the term and without it
gan-jax reproduce adversarial_flow_1d --workdir runs/adversarial_flow_1d   # the maps, in numbers

Lin et al. 2025 (adversarial flow models): rpgan with approximate R1 and R2, centred logits, and in
gen's loss a transport term .2 (G(z) - z)^2, whose weight falls to .005.
"""

from gan_jax.config import get_config as defaults
from gan_jax.sweep import param, product, seeds


def get_config(law: str = "normal"):
    c = defaults()
    c.data.name = "mixture1d"
    c.steps, c.batch_size = 3_000, 256
    c.objective = "rpgan"
    c.latent.law, c.latent.dim = law, 1
    c.gen.args.hidden = c.disc.args.hidden = (64, 64)
    c.penalty.name, c.penalty.weight = "transport", 0.2
    c.penalty.args.end, c.penalty.args.steps = 0.025, c.get_ref("steps")
    c.penalties.approximate_r1 = c.penalties.approximate_r2 = 0.1
    c.penalties.centring = 0.01
    for player in (c.gen, c.disc):
        player.lr, player.b1, player.b2 = 1e-3, 0.0, 0.99
    c.ema.decay, c.ema.warmup = 0.0, False  # as in the recorded rows
    return c


SWEEPS = {"transport": product(param("penalty.weight", [0.2, 0.0]), seeds(8))}
