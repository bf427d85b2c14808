"""Regularisers: instance noise, weight clipping, slicing, and which gradients gen learns from."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.dynamics.schedule import between
from gan_jax.games.play import Play
from gan_jax.games.play.last_layer import with_direction_alone
from gan_jax.games.play.parts import Parts
from gan_jax.games.play.terms import Memory
from gan_jax.nets.layers import logit_of
from gan_jax.objectives import scale_gradient
from gan_jax.objectives.logits import mean_of_top
from gan_jax.types import Array, Hypers, Player


def noisy(parts: Parts, play: Play, h: Hypers, role: int, x: Array) -> Array:
    """x + std N(0, 1). std falls linearly to 0 over instance_noise_steps; at 0 steps it stays.

    Instance noise, Sonderby et al. 2017, Arjovsky and Bottou 2017; in the units of x.
    """
    if not parts.is_noisy:
        return x
    noise, steps = h.game["instance_noise"], h.game["instance_noise_steps"]
    std = between("linear", noise, 0.0, steps, play.step)
    return x + (std * jax.random.normal(play.key(role), x.shape)).astype(x.dtype)


def clip_weights(parts: Parts, name: str, player: Player, h: Hypers) -> Player:
    """Clips every weight of a discriminator to [-c, c]. Arjovsky et al. 2017, algorithm 1."""
    if not (parts.clips and name.startswith("disc")):
        return player
    c = h.game["clip_weights"]
    return player.replace(params=jax.tree.map(lambda w: jnp.clip(w, -c, c), player.params))


def mean_of_fakes(parts: Parts, play: Play, h: Hypers, loss_B: Array, fake_B: Array) -> Array:
    """The mean loss of fakes; with gen.top_k, only of the share with the largest logits.

    The share starts at 1 and is multiplied by gen.top_k_decay in each step until it is gen.top_k.
    """
    if not parts.selects:
        return loss_B.mean()
    share = jnp.maximum(h.game["top_k"], h.game["top_k_decay"] ** play.step)
    return mean_of_top(loss_B, fake_B, jnp.maximum(jnp.round(share * len(loss_B)), 1))


def first_pull() -> Memory:
    """The initial memory of normed_pull: a mean square, and the number of updates it averages."""
    return {"pull": jnp.zeros(()), "pulls": jnp.zeros(())}


def normed_pull(play: Play, h: Hypers, fake: Array, pull: Array) -> tuple[Array, Memory]:
    """The fakes, whose gradient from disc is divided by its running size; also the new memory.

    Lin et al. 2025 (adversarial flow models): the divisor is sqrt(EMA of sum(g^2) * size of g),
    this update's gradient g included, so gen's update does not depend on the scale of disc's
    logits. pull is g; it is written twice in the program, and the compiler computes it once.
    """
    pull = lax.stop_gradient(pull)
    decay = jnp.where(play.memory["pulls"] > 0, h.game["pull_decay"], 0.0)
    size = decay * play.memory["pull"] + (1 - decay) * jnp.sum(pull**2) * pull.size
    factor = jnp.where(size > 0, lax.rsqrt(jnp.where(size > 0, size, 1)), 1)
    return scale_gradient(fake, factor), {"pull": size, "pulls": play.memory["pulls"] + 1}


def direction_alone(
    play: Play, name: str, real: Array, fake: Array, roles: tuple[int, int], **given: Any
) -> tuple[Array, Array]:
    """disc's logits of reals and fakes, as functions of the direction of its last layer only."""
    alone = play.aside().with_params(name, with_direction_alone)
    ys = alone.pair(name, lax.stop_gradient(real), lax.stop_gradient(fake), roles, **given)
    return logit_of(ys[0]), logit_of(ys[1])
