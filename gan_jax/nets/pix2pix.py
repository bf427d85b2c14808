"""A U-Net that maps pictures to pictures, and a disc of patches. Isola et al. 2017 (pix2pix).

The paper's nets have width 64 for 256x256 images: 8 halvings in gen, 3 in disc, whose patches have
70x70 pixels. The paper's batch norm over a batch of one image is instance norm.
"""

from flax import linen as nn
from jax import numpy as jnp

from gan_jax.host.errors import ConfigError
from gan_jax.nets.layers import activation
from gan_jax.nets.layers.convolution import Conv, ConvTranspose
from gan_jax.nets.layers.patches import InstanceNorm, Patches
from gan_jax.types import Array


class Generator(nn.Module):
    """x [B, H, W, C] -> [B, *shape] with the same sides.

    On the way up, each map is joined with the map of its size from the way down. halvings: how many
    there are; 0: until a side is odd, so powers of two end at one pixel. Channels double from
    `width` to at most eight times that. Dropout on the first `dropouts` maps of the way up keeps
    the share `keep` wherever a key is given, also in samples: it is gen's only noise.
    """

    shape: tuple[int, ...]
    width: int = 64
    halvings: int = 0
    dropouts: int = 3
    keep: float = 0.5
    slope: float = 0.2
    out: str = "tanh"
    weights: str = "normal"
    gain: float = 0.02

    translates = True

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        n, how = halvings(x.shape[1:], self.halvings), (self.weights, self.gain)
        widths = [self.width * min(2**i, 8) for i in range(n)]
        maps = [Conv(widths[0], *how, False, name="down_0")(x)]
        for i in range(1, n):
            h = Conv(widths[i], *how, False, name=f"down_{i}")(nn.leaky_relu(maps[-1], self.slope))
            # The last map may be a single pixel, which instance norm would turn into 0.
            maps.append(InstanceNorm(name=f"norm_{i}")(h) if i < n - 1 else h)
        h = maps.pop()
        for i in reversed(range(1, n)):
            h = ConvTranspose(widths[i - 1], *how, False, name=f"up_{i}")(nn.relu(h))
            h = InstanceNorm(name=f"up_norm_{i}")(h)
            if i >= n - self.dropouts:
                h = nn.Dropout(1 - self.keep, deterministic=not self.has_rng("dropout"))(h)
            h = jnp.concatenate([maps.pop(), h], -1)
        return activation(self.out)(ConvTranspose(self.shape[-1], *how, name="out")(nn.relu(h)))


class Discriminator(Patches):
    """x [B, H, W, C] -> logits [B, P] of patches; its fields are those of layers.patches.Patches.

    In the game pix2pix, x is two pictures joined along their channels.
    """


def halvings(shape: tuple[int, ...], asked: int) -> int:
    """How often gen halves images of that shape. ConfigError unless it can, at least twice."""
    if len(shape) != 3:
        raise ConfigError(f"gen.net 'pix2pix' maps images to images, not examples of shape {shape}")
    most = min(n & -n for n in shape[:2]).bit_length() - 1  # how often 2 divides both sides
    if most < 2 or asked not in (0, *range(2, most + 1)):
        raise ConfigError(
            f"gen.args.halvings is {asked}: expected 0 or 2 to {most} for images of "
            f"{shape[0]}x{shape[1]}, whose sides can be halved {most} times"
        )
    return asked or most
