"""BigGAN: wide residual networks, conditional batch norm, orthogonal weights. Brock et al. 2019.

Without args they are those that its code has for CIFAR-10, at any size: gen's norms have a scale
and a bias for each class. The larger ones have shared=128 and is_hierarchical=True: norms by an
embedding of the label that all share, beside a chunk of z for each block. Disc's spectral norm is
disc.normalise.
"""

import jax.numpy as jnp

from gan_jax.host.errors import ConfigError
from gan_jax.nets import sngan
from gan_jax.nets.layers import INITS
from gan_jax.nets.layers.images import halvings, square
from gan_jax.nets.layers.narrow import like
from gan_jax.types import Array

# side -> channels as multiples of width: gen's first map and blocks; disc's blocks, how many halve
GENS = {64: (16, 16, 8, 4, 2), 128: (16, 16, 8, 4, 2, 1), 256: (16, 16, 8, 8, 4, 2, 1)}
DISCS = {
    64: ((1, 2, 4, 8, 16), 4),
    128: ((1, 2, 4, 8, 16, 16), 5),
    256: ((1, 2, 4, 8, 8, 16, 16), 6),
}


class Generator(sngan.Generator):
    """z [B, Z] -> x [B, H, W, C].

    width: what channels are multiples of. shared: numbers of the label's embedding; 0: none.
    is_hierarchical: z is cut into a chunk for the first layer and one for each block.
    """

    width: int = 64
    shared: int = 0
    is_hierarchical: bool = False
    weights: str = "orthogonal"
    residual_gain: float = 1.0
    spectral: bool = True

    def widths(self) -> tuple[int, ...]:
        """As many channels as the published nets have."""
        side = square(self.shape, "gen", "biggan")
        times = GENS.get(side, (4,) * (halvings(side) + 1))
        return tuple(self.width * n for n in times)

    def conditions(self, z: Array, label: Array | None, blocks: int) -> tuple[Array, list]:
        """z or its first chunk; the label, or its embedding and the block's chunk."""
        vectors: list[list[Array]] = [[] for _ in range(blocks)]
        if self.is_hierarchical:
            if z.shape[-1] % (blocks + 1) or (label is not None and not self.shared):
                raise ConfigError(
                    f"gen.args.is_hierarchical cuts latents of {z.shape[-1]} numbers into "
                    f"{blocks + 1} chunks: expected a multiple of that as latent.dim, and for "
                    "gen.condition 'norm' gen.args.shared above 0"
                )
            z, *chunks = jnp.split(z, blocks + 1, -1)
            vectors = [[chunk] for chunk in chunks]
        if label is not None and self.shared:
            init = INITS[self.weights](self.gain, self.labels.classes)[0]
            e = like(z, self.param("shared", init, (self.labels.classes, self.shared)))[label]
            vectors = [[e, *each] for each in vectors]
        return z, [jnp.concatenate(each, -1) if each else label for each in vectors]


class Discriminator(sngan.Discriminator):
    """x [B, H, W, C] -> logits [B]. See sngan; width: what channels are multiples of."""

    width: int = 64
    is_wide: bool = True
    weights: str = "orthogonal"
    residual_gain: float = 1.0

    def widths(self) -> tuple[tuple[int, ...], int]:
        """As many channels as the published nets have."""
        side = square(self.shape, "disc", "biggan")
        times, n = DISCS.get(side, ((4,) * 4, 2))
        return tuple(self.width * each for each in times), n
