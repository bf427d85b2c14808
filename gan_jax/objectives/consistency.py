"""Consistency penalties: disc's logits should hardly change when its input changes a little.

Signatures are those of penalties.py. zcr perturbs latents and also adds a term to gen's loss.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax.objectives.logits import add, square_norm, widen
from gan_jax.types import Array, Critic

Augment = Callable[[Array, Array], Array]  # (x, key) -> x of the same shape


def flip_and_shift(x_BxHxWxC: Array, key: Array) -> Array:
    """Mirrors each image with probability 1/2 and shifts it by up to an eighth of its sides.

    Borders are filled by reflection. Zhang et al. 2020 (CR-GAN), section 3.
    """
    k_flip, k_rows, k_columns = jax.random.split(key, 3)
    batch, height, width, channels = x_BxHxWxC.shape
    up, left = height // 8, width // 8
    flip = jax.random.bernoulli(k_flip, shape=(batch, 1, 1, 1))
    mirrored = jnp.where(flip, x_BxHxWxC[:, :, ::-1], x_BxHxWxC)
    padded = jnp.pad(mirrored, ((0, 0), (up, up), (left, left), (0, 0)), mode="reflect")
    row = jax.random.randint(k_rows, (batch,), 0, 2 * up + 1)
    column = jax.random.randint(k_columns, (batch,), 0, 2 * left + 1)

    def cut(image, i, j):
        return jax.lax.dynamic_slice(image, (i, j, 0), (height, width, channels))

    return jax.vmap(cut)(padded, row, column)


def jitter(x: Array, key: Array, *, scale=0.05) -> Array:
    """x + scale * N(0, 1), in the units of x."""
    return x + (scale * jax.random.normal(key, x.shape)).astype(x.dtype)


def augment(x: Array, key: Array) -> Array:
    """flip_and_shift for images [B, H, W, C], jitter for anything else."""
    return (flip_and_shift if x.ndim == 4 else jitter)(x, key)


def cr(
    critic: Critic, real: Array, fake: Array, key: Array, *, augment: Augment = augment
) -> Array:
    """(s_x - s_T(x))^2 with T = augment. Zhang et al. 2020 (CR-GAN), weight 10.

    Returns one number per logit of the critic.
    """
    return (widen(critic(real)) - widen(critic(augment(real, key)))) ** 2


def bcr(
    critic: Critic, real: Array, fake: Array, key: Array, *, augment: Augment = augment
) -> Array:
    """cr on reals plus cr on fakes. Zhao et al. 2021 (bCR), weight 10."""
    k_real, k_fake = jax.random.split(key)
    on_fakes = cr(critic, fake, real, k_fake, augment=augment)
    return add(cr(critic, real, fake, k_real, augment=augment), on_fakes)


def zcr_disc(critic: Critic, gen: Callable[[Array], Array], z: Array, dz: Array) -> Array:
    """disc's (s_G(z) - s_G(z + dz))^2, [B]. Zhao et al. 2021 (zCR).

    dz is small noise that the caller draws, the same for disc's term and gen's; gen maps [B, Z] to
    [B, ...].
    """
    return (widen(critic(gen(z))) - widen(critic(gen(z + dz)))) ** 2


def zcr_gen(gen: Callable[[Array], Array], z: Array, dz: Array) -> Array:
    """gen's -norm2(G(z) - G(z + dz))^2, [B], a distance between images. Zhao et al. 2021."""
    return -square_norm(widen(gen(z)) - widen(gen(z + dz)))
