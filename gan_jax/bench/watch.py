"""The cost of diagnostics: the signals of every 200 steps, as a share of the run's time."""

from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.bench import products
from gan_jax.bench.mlp import DISC, GEN, Side, make_loop, random_images
from gan_jax.bench.sweep import settings
from gan_jax.config import get_config, hypers
from gan_jax.evaluate.signals import Shown, make_signals
from gan_jax.games import make_setup
from gan_jax.host.compiling import jit_quickly
from gan_jax.training.steps import init_state
from gan_jax.types import Batch

CASES = ["digits", "ring", "gaussian1d"]
STEPS = {"digits": 100, "ring": 100, "gaussian1d": 50}
THEIRS: dict[str, str] = {}  # no other library: only the share counts


def make_ours(case: str) -> Side:
    """The demo's perceptrons on 28x28 digits at batch 64, a row of the ring's sweep, gaussian1d."""
    config = get_config() if case == "digits" else settings(case)
    if case == "digits":
        config.gen.args.hidden, config.disc.args.hidden = GEN, DISC
    setup, shown = make_setup(config), Shown(Batch(jnp.zeros(0)), None)
    if case == "digits":
        x = jnp.asarray(random_images()[:128])
        real, held_out = setup.data.to_range(x).reshape(2, 64, *x.shape[1:])
        shown = Shown(Batch(real), Batch(held_out))
    state, numbers = init_state(setup, jax.random.key(0)), hypers(config)
    signals = jit_quickly(make_signals(setup))
    run, found = make_loop(config)

    def look() -> None:
        jax.block_until_ready(signals(state, numbers, shown))

    def facts() -> dict[str, Any]:
        n = STEPS[case] // 5
        step, once = products.seconds(lambda: run(n), 5) / n, products.seconds(look, 20)
        whole = config.diagnose_every_steps * step
        return found() | {"diagnostics_share": once / (once + whole)}

    return run, facts


def remark(case: dict[str, Any]) -> str:
    """The share of diagnostics."""
    return f"diagnostics {case['diagnostics_share']:.2%} of the time"
