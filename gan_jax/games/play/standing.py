"""Which statistics batch norm goes by, in training and in samples.

In training those of the batch: of disc one pass over reals and one over fakes, so that each side
has its own, or with disc.one_batch one over both (Play.pair); of gen those of its fakes. Penalties
pass what they look at by itself. Each pass of an update moves the running averages, by the layer's
share `keep`.

Samples of a player are made with its running averages. Where gen has an average of its weights,
that has an average of the running averages too (ema.decay), and samples are made with those.
With ema.standing_batches they are made with standing statistics instead (Brock et al. 2019): the
means, over so many batches of fresh fakes, of what the batch statistics are at the very weights
that samples are drawn with. Training does not see them, and no checkpoint holds them.
"""

import jax
import jax.numpy as jnp

from gan_jax.games.play import averaged
from gan_jax.games.play.parts import Parts
from gan_jax.host.errors import ConfigError
from gan_jax.types import Array, PyTree, State

STATISTICS = "batch_stats"  # flax's name for running averages, among the vars
STANDING = 57  # the role of the key


def check_standing(parts: Parts) -> None:
    """ConfigError where statistics are asked for of a gen that has none."""
    if not parts.standing_batches:
        return
    k_net, k_z = jax.random.split(jax.random.key(0))
    _, vars = jax.eval_shape(lambda: parts.gen.init(k_net, parts.latent(k_z, 2)))
    if STATISTICS not in vars:
        raise ConfigError(
            f"ema.standing_batches is {parts.standing_batches}, and gen has no batch norm: "
            "expected 0, or a gen.net or gen.args.batch_norm with it"
        )


def settled(parts: Parts, name: str, state: State) -> State:
    """The state with standing statistics in the place of those that samples would be made with."""
    params, vars = averaged(state, name)
    found = {STATISTICS: standing(parts, jax.random.fold_in(state.key, STANDING), params, vars)}
    if name not in state.averages:
        return state.with_player(name, vars=vars | found)
    return state.replace(averages=state.averages | {name: state.averages[name] | found})


def standing(parts: Parts, key: Array, params: PyTree, vars: PyTree) -> PyTree:
    """The mean statistics of parts.standing_batches batches of gen, each of an update's size.

    A pass in training makes keep a + (1 - keep) s of averages a and statistics s. So from a = 0 it
    makes (1 - keep) s, and from a = 1 that and keep.
    """

    def batch(key: Array) -> dict[str, Array]:
        k_z, k_label, k_pass = jax.random.split(key, 3)
        n = parts.batch_size * (1 + parts.more_fakes)
        label = jax.random.randint(k_label, (n,), 0, max(parts.classes, 1))
        given = {"label": label} if "label" in parts.gen.takes else {}
        return {"x": parts.latent(k_z, n), "key": k_pass, **given}

    def after(batch: dict[str, Array], a: float) -> PyTree:
        at = jax.tree.map(lambda s: jnp.full_like(s, a), vars[STATISTICS])
        found = parts.gen.apply(params, {**vars, STATISTICS: at}, train=True, **batch)
        return found[1][STATISTICS]

    k_keep, k_means = jax.random.split(key)
    keys = jax.random.split(k_means, parts.standing_batches)
    one = batch(k_keep)
    keep = jax.tree.map(jnp.subtract, after(one, 1.0), after(one, 0.0))
    shares = jax.lax.map(lambda key: after(batch(key), 0.0), keys)
    return jax.tree.map(lambda share, keep: share.mean(0) / (1 - keep), shares, keep)
