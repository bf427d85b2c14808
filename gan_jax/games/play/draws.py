"""A step's draws of reals and latents; with gen.batch_factor gen has more fakes than disc."""

import jax
import jax.numpy as jnp

from gan_jax.games.play import GEN_DROPOUT, LATENT, Play
from gan_jax.games.play.parts import Parts
from gan_jax.types import Array, Batch, Draw, PyTree


def make_draws(parts: Parts, batch: Batch, keys: Array) -> Draw:
    """A step's draws: each has its own key, from which its latents are drawn."""
    factor = 1 + parts.more_fakes

    def latent(key: Array) -> Array:
        n = factor * batch.x.shape[1]
        return parts.latent(jax.random.fold_in(key, LATENT), n)

    reals = repeat(Batch(batch.x, batch.label if parts.classes else None), len(keys))
    asked = parts.request(keys, again(reals.label, factor, axis=1))
    return Draw(reals, jax.vmap(latent)(keys), keys, asked)


def as_many_fakes(draw: Draw) -> Draw:
    """The draw with only its first fakes, one per real; gen.batch_factor may make more."""
    n = len(draw.batch.x)
    label = None if draw.label is None else draw.label[:n]
    return draw._replace(z=None if draw.z is None else draw.z[:n], label=label)


def as_many_reals(draw: Draw) -> Draw:
    """The draw with its reals repeated to the number of its fakes, if gen.batch_factor makes more.

    An objective of pairs, such as rpgan, then has a real for each fake; means do not change.
    """
    factor = 1 if draw.z is None else len(draw.z) // len(draw.batch.x)
    return draw._replace(batch=again(draw.batch, factor))


def again(tree: PyTree, factor: int, axis: int = 0) -> PyTree:
    """Arrays repeated `factor` times along an axis."""
    if factor == 1:
        return tree
    return jax.tree.map(lambda a: jnp.concatenate([a] * factor, axis), tree)


def make_fakes(parts: Parts, play: Play, draw: Draw) -> dict:
    """The fakes that all losses of a draw share; none if gen.batch_factor makes them differ."""
    if parts.more_fakes:
        return {}
    return play.precompute("gen", draw.z, GEN_DROPOUT, label=draw.label)


def repeat(batch: Batch, n: int) -> Batch:
    """The K batches of examples; if there are n > K draws, they start over from the first."""
    if n <= len(batch.x):
        return batch
    again = jnp.arange(n) % len(batch.x)
    return jax.tree.map(lambda a: a[again], batch)
