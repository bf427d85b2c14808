"""Which statistics batch norm uses, in training and in samples.

In training it uses those of the batch. gen's are those of its fakes. disc's are separate for reals
and fakes, which take a pass each, or common to both with disc.one_batch (Play.pair). Penalties make
their own passes. Each pass of an update moves the running averages: a <- keep a + (1 - keep) s.

Samples of a player are made with its running averages. Where gen's weights are averaged, so are its
running averages (ema.decay), and samples are made with both averages. With ema.standing_batches,
samples are made with standing statistics instead (Brock et al. 2019): the batch statistics at the
very weights that samples are drawn with, averaged over that many batches of fresh fakes. They are
not used in training and not stored in checkpoints.
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
    """ConfigError if standing statistics are asked for and gen has no batch norm."""
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
    """The state with standing statistics in place of the averages that samples would use."""
    params, vars = averaged(state, name)
    found = {STATISTICS: standing(parts, jax.random.fold_in(state.key, STANDING), params, vars)}
    if name not in state.averages:
        return state.with_player(name, vars=vars | found)
    return state.replace(averages=state.averages | {name: state.averages[name] | found})


def standing(parts: Parts, key: Array, params: PyTree, vars: PyTree) -> PyTree:
    """Batch statistics of gen, averaged over parts.standing_batches batches of an update's size.

    A training pass turns averages a and batch statistics s into keep a + (1 - keep) s. Starting
    from a = 0 gives (1 - keep) s, and starting from a = 1 gives the same plus keep.
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
