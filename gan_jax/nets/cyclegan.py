"""A residual net from picture to picture, and a disc of patches. Zhu et al. 2017 (CycleGAN).

The paper's nets have width 64, and 9 blocks for images of 256x256 or 6 for 128x128. Their instance
norm has neither scale nor bias.
"""

from flax import linen as nn

from gan_jax.host.errors import ConfigError
from gan_jax.nets.layers import activation
from gan_jax.nets.layers.convolution import Conv, ConvTranspose
from gan_jax.nets.layers.patches import InstanceNorm, Patches, mirrored
from gan_jax.types import Array


class Block(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))) with 3x3 kernels and mirrored edges."""

    weights: str = "normal"
    gain: float = 0.02

    @nn.compact
    def __call__(self, x: Array) -> Array:
        h = x
        for i in (0, 1):
            conv = Conv(x.shape[-1], self.weights, self.gain, True, 3, 1, zeros=(0, 0))
            h = InstanceNorm(affine=False)(conv(mirrored(nn.relu(h) if i else h, 1)))
        return x + h


class Generator(nn.Module):
    """x [B, H, W, C] -> [B, *shape] with the same sides, which 2**halvings must divide.

    7x7 convolutions at both ends; in between, `blocks` residual blocks with 2**halvings * width
    channels at the smallest size.
    """

    shape: tuple[int, ...]
    width: int = 64
    blocks: int = 9
    halvings: int = 2
    out: str = "tanh"
    weights: str = "normal"
    gain: float = 0.02

    translates = True

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        check_sides(x.shape[1:], self.halvings)
        how, widths = (self.weights, self.gain), [self.width * 2**i for i in range(1, 9)]

        def end(x: Array, features: int, name: str) -> Array:
            return Conv(features, *how, True, 7, 1, zeros=(0, 0), name=name)(mirrored(x, 3))

        def normed(x: Array) -> Array:
            return nn.relu(InstanceNorm(affine=False)(x))

        h = normed(end(x, self.width, "first"))
        for i in range(self.halvings):
            h = normed(Conv(widths[i], *how, True, 3, zeros=(1, 0), name=f"down_{i}")(h))
        for i in range(self.blocks):
            h = Block(*how, name=f"block_{i}")(h)
        for i in reversed(range(self.halvings)):
            half = h.shape[-1] // 2
            h = normed(ConvTranspose(half, *how, True, 3, zeros=(1, 0), name=f"up_{i}")(h))
        return activation(self.out)(end(h, self.shape[-1], "out"))


class Discriminator(Patches):
    """x [B, H, W, C] -> logits [B, P] of patches; its fields are those of layers.patches.Patches.

    Zhu et al. train it with affine False.
    """

    affine: bool = False


def check_sides(shape: tuple[int, ...], halvings: int) -> None:
    """ConfigError unless examples of that shape are images that can be halved so often."""
    if len(shape) != 3:
        raise ConfigError(
            f"gen.net 'cyclegan' maps images to images, not examples of shape {shape}"
        )
    h, w, _ = shape
    if not 0 <= halvings <= 8 or h % 2**halvings or w % 2**halvings:
        raise ConfigError(
            f"gen.args.halvings is {halvings}: expected 2**halvings to divide both of {h}x{w}"
        )
    if min(h, w) >> halvings < 2:
        raise ConfigError(f"gen.args.halvings is {halvings}: {h}x{w} has to leave 2 pixels or more")
