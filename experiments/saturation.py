"""Does shifting the logit alone rescue the minimax game? MonoFlow's shifts beside non-saturating.

gan-jax sweep --config saturation --sweep digits --workdir runs/saturation         # four seeds
gan-jax sweep --config saturation --sweep small --workdir runs/saturation_small    # two, 500 steps

gen's loss is log(1 - sig(s + C)). minimax is C = 0, whose gradient vanishes on fakes that disc is
sure of; Yi et al. 2023 (MonoFlow) state that C = 3 to 5 makes it train. The data are 4,000 MNIST
digits; the networks are the default perceptrons with equal rates, where disc is soon sure.
"""

from gan_jax.config import get_config as defaults
from gan_jax.sweep import chain, param, product, seeds


def get_config():
    c = defaults()
    c.steps = 2_000
    c.eval_every_steps = c.sample_every_steps = c.checkpoint_every_steps = 1_000
    return c


SHIFTS = param("objective_args.shift", [3.0, 5.0])
GENS = chain(
    param("objective", ["minimax", "non_saturating"]),
    product(param("objective", ["monoflow_shifted"]), SHIFTS),
)
SHORT = {"steps": 500, "eval_every_steps": 500, "sample_every_steps": 500}
SWEEPS = {
    "digits": product(GENS, seeds(4)),
    "small": product(GENS, [SHORT | {"checkpoint_every_steps": 500}], seeds(2)),
}
