"""Regularisers: instance noise, clipped weights, which fakes gen learns from."""

import jax
import jax.numpy as jnp

from gan_jax.games.play import Play
from gan_jax.games.play.parts import Parts
from gan_jax.objectives.logits import mean_of_top
from gan_jax.types import Array, Hypers, Player


def noisy(parts: Parts, play: Play, h: Hypers, role: int, x: Array) -> Array:
    """x + std N(0, 1). std falls linearly to 0 over instance_noise_steps; at 0 steps it stays.

    Instance noise, Sonderby et al. 2017, Arjovsky and Bottou 2017; in the units of x.
    """
    if not parts.is_noisy:
        return x
    std, steps = h.game["instance_noise"], h.game["instance_noise_steps"]
    left = jnp.where(steps > 0, jnp.maximum(1 - play.step / jnp.maximum(steps, 1), 0), 1)
    return x + (std * left * jax.random.normal(play.key(role), x.shape)).astype(x.dtype)


def clip_weights(parts: Parts, name: str, player: Player, h: Hypers) -> Player:
    """Clips every weight of a discriminator to [-c, c]. Arjovsky et al. 2017, algorithm 1."""
    if not (parts.clips and name.startswith("disc")):
        return player
    c = h.game["clip_weights"]
    return player.replace(params=jax.tree.map(lambda w: jnp.clip(w, -c, c), player.params))


def mean_of_fakes(parts: Parts, play: Play, h: Hypers, loss_B: Array, fake_B: Array) -> Array:
    """The mean loss of fakes; with gen.top_k, of the share with the largest logits.

    The share falls from 1 by the factor gen.top_k_decay a step, until it is gen.top_k.
    """
    if not parts.selects:
        return loss_B.mean()
    share = jnp.maximum(h.game["top_k"], h.game["top_k_decay"] ** play.step)
    return mean_of_top(loss_B, fake_B, jnp.maximum(jnp.round(share * len(loss_B)), 1))
