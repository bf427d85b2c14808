"""What diagnostics cost: the signals of every 200 steps, as a share of the time of the run."""

from typing import Any

from gan_jax.bench import matmul
from gan_jax.bench.mlp import Side

CASES = ["digits", "ring", "gaussian1d"]
STEPS = {"digits": 100, "ring": 100, "gaussian1d": 50}
THEIRS: dict[str, str] = {}  # nobody's: what counts is the share


def make_ours(case: str) -> Side:
    """The demo's perceptrons on 28x28 digits at batch 64, a row of the ring's sweep, gaussian1d."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from gan_jax.bench.mlp import DISC, GEN, IMAGES
    from gan_jax.bench.sweep import settings
    from gan_jax.config import get_config, hypers
    from gan_jax.data import Arrays, open_data, pipeline
    from gan_jax.evaluate.signals import Shown, make_signals
    from gan_jax.games import make_setup
    from gan_jax.place import place_batch
    from gan_jax.training.steps import init_state, jit_loop, make_train_many
    from gan_jax.types import Batch

    config, arrays, shown = get_config(), None, Shown(Batch(jnp.zeros(0)), None)
    if case == "digits":
        config.gen.args.hidden, config.disc.args.hidden = GEN, DISC
        x = np.random.default_rng(0).integers(0, 256, (IMAGES, 28, 28, 1), dtype=np.uint8)
        arrays = Arrays(x, None)
        in_range = open_data(config).to_range(jnp.asarray(x[:128]))
        shown = Shown(Batch(in_range[:64]), Batch(in_range[64:]))
    else:
        config = settings(case)
    setup = make_setup(config)
    state, numbers = init_state(setup, jax.random.key(0)), hypers(config)
    source, key = pipeline.make_source(config, arrays, place_batch()), jax.random.key(1)
    order = source(key, np.int32(0))
    many = jit_loop(make_train_many(setup)).lower(state, *order, numbers, np.int32(1)).compile()
    signals = jax.jit(make_signals(setup))

    def run(n: int) -> None:
        nonlocal state
        state, metrics = many(state, *order, numbers, np.int32(n))
        jax.block_until_ready(metrics)

    def look() -> None:
        jax.block_until_ready(signals(state, numbers, shown))

    def facts() -> dict[str, Any]:
        found, n = matmul.products(many), STEPS[case] // 5
        step, once = matmul.seconds(lambda: run(n), 5) / n, matmul.seconds(look, 20)
        whole = config.diagnose_every_steps * step
        return {
            "matmul_fraction": matmul.seconds(matmul.make_alone(found), 20) / step,
            "flops": sum(p.flops for p in found),
            "diagnostics_share": once / (once + whole),
        }

    return run, facts
