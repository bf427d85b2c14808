"""BigGAN: wide residual networks, conditional batch norm, orthogonal weights. Brock et al. 2019.

The defaults are the authors' settings for CIFAR-10, at every size: gen's norms have a scale and a
bias for each class. The paper's larger nets have shared=128 and is_hierarchical=True: their norms
depend on an embedding of the label, shared by all norms, and on a chunk of z for each block. Disc's
spectral norm is set by disc.normalise.
"""

import jax.numpy as jnp

from gan_jax.host.errors import ConfigError
from gan_jax.nets import sngan
from gan_jax.nets.layers import INITS
from gan_jax.nets.layers.images import halvings, square
from gan_jax.nets.layers.narrow import like
from gan_jax.types import Array

# Channels by side of the image, in units of width. GENS: of the first map and after each block.
# DISCS: after each block, and how many blocks halve.
GENS = {64: (16, 16, 8, 4, 2), 128: (16, 16, 8, 4, 2, 1), 256: (16, 16, 8, 8, 4, 2, 1)}
DISCS = {
    64: ((1, 2, 4, 8, 16), 4),
    128: ((1, 2, 4, 8, 16, 16), 5),
    256: ((1, 2, 4, 8, 8, 16, 16), 6),
}


class Generator(sngan.Generator):
    """z [B, Z] -> x [B, H, W, C].

    width: the unit of which channels are multiples. shared: the size of the label's embedding; 0:
    none. is_hierarchical: z is split into a chunk for the first layer and one for each block.
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
        """The first layer's input, z or its first chunk, and what each block's norms depend on.

        That is the label, or its embedding joined with the block's chunk of z.
        """
        vectors: list[list[Array]] = [[] for _ in range(blocks)]
        if self.is_hierarchical:
            if z.shape[-1] % (blocks + 1) or (label is not None and not self.shared):
                raise ConfigError(
                    f"gen.args.is_hierarchical splits latents of {z.shape[-1]} numbers into "
                    f"{blocks + 1} chunks: expected a latent.dim that is a multiple of that, and "
                    "gen.args.shared above 0 if gen.condition is 'norm'"
                )
            z, *chunks = jnp.split(z, blocks + 1, -1)
            vectors = [[chunk] for chunk in chunks]
        if label is not None and self.shared:
            init = INITS[self.weights](self.gain, self.labels.classes)[0]
            e = like(z, self.param("shared", init, (self.labels.classes, self.shared)))[label]
            vectors = [[e, *each] for each in vectors]
        return z, [jnp.concatenate(each, -1) if each else label for each in vectors]


class Discriminator(sngan.Discriminator):
    """x [B, H, W, C] -> logits [B]. See sngan. width: the unit of which channels are multiples."""

    width: int = 64
    is_wide: bool = True
    weights: str = "orthogonal"
    residual_gain: float = 1.0

    def widths(self) -> tuple[tuple[int, ...], int]:
        """As many channels as the published nets have."""
        side = square(self.shape, "disc", "biggan")
        times, n = DISCS.get(side, ((4,) * 4, 2))
        return tuple(self.width * each for each in times), n
