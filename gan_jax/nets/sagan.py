"""SAGAN at 32x32: SNGAN with self-attention, and spectral norm in gen too. Zhang et al. 2019.

In each net attention follows the second block, on maps of 16x16 in gen and 8x8 in disc. Disc's
spectral norm is set by disc.normalise.
"""

from gan_jax.nets import sngan


class Generator(sngan.Generator):
    """z [B, Z] -> x [B, H, W, C]. See sngan."""

    attention: tuple[int, ...] = (1,)
    spectral: bool = True


class Discriminator(sngan.Discriminator):
    """x [B, H, W, C] -> logits [B]. See sngan."""

    attention: tuple[int, ...] = (1,)
