"""SNGAN's and BigGAN's residual blocks, batch norm conditioned on a vector, SAGAN's attention."""

from collections.abc import Callable

import jax
from flax import linen as nn

from gan_jax.host.errors import ConfigError
from gan_jax.nets.layers import BatchNorm, Dense
from gan_jax.nets.layers.convolution import Conv
from gan_jax.nets.layers.images import doubled, halved, largest
from gan_jax.nets.layers.narrow import like
from gan_jax.objectives.logits import widen
from gan_jax.types import Array

Norm = Callable[[str, Array], Array]  # (name, x) -> x normalised by a layer of that name


class Residual(nn.Module):
    """What the blocks have in common: how their weights are initialised. See INITS."""

    features: int
    weights: str = "glorot_uniform"
    gain: float = 1.0
    residual_gain: float = 1.0  # an extra factor of the 3x3 convolutions' gain

    def square(self, features: int, name: str) -> Conv:
        gain = self.gain * self.residual_gain
        return Conv(features, self.weights, gain, size=3, stride=1, name=name)

    def shortcut(self, x: Array) -> Array:
        """The 1x1 convolution. It commutes with nearest upsampling and with means of pixels."""
        how = (self.weights, self.gain)
        return Conv(self.features, *how, size=1, stride=1, name="shortcut")(x)


class GenBlock(Residual):
    """x [B, H, W, C] -> [B, 2H, 2W, features], with the caller's norms.

    conv(relu(norm(conv(up(relu(norm(x))))))) + up(conv 1x1 (x)), where up is nearest upsampling.
    """

    @nn.compact
    def __call__(self, x: Array, norm: Norm) -> Array:
        h = doubled(nn.relu(norm("norm_0", x)))
        h = self.square(self.features, "conv_0")(h)
        h = self.square(self.features, "conv_1")(nn.relu(norm("norm_1", h)))
        return h + doubled(self.shortcut(x))


class DiscBlock(Residual):
    """x [B, H, W, C] -> [B, H, W, features], or [B, H / 2, W / 2, features].

    pool(conv(relu(conv(relu(x))))) + pool(conv 1x1 (x)). The shortcut is x itself if neither the
    sides nor the channels change. The first block leaves out the inner relu, as x is the image.
    """

    hidden: int = 0  # channels between its convolutions; 0: features
    halves: bool = False
    is_first: bool = False

    @nn.compact
    def __call__(self, x: Array) -> Array:
        pool = halved if self.halves else lambda x: x
        h = x if self.is_first else nn.relu(x)
        h = self.square(self.hidden or self.features, "conv_0")(h)
        h = pool(self.square(self.features, "conv_1")(nn.relu(h)))
        is_same = not self.halves and x.shape[-1] == self.features
        return h + (x if is_same else self.shortcut(pool(x)))


class VectorNorm(nn.Module):
    """Batch norm with scale 1 + W e and bias V e for a vector e [B, E]. Brock et al. 2019."""

    keep: float = 0.9
    eps: float = 1e-5
    weights: str = "orthogonal"
    gain: float = 1.0

    @nn.compact
    def __call__(self, x: Array, train: bool, e: Array) -> Array:
        x = BatchNorm(self.keep, self.eps, affine=False, name="norm")(x, train)
        scale, bias = (
            like(x, Dense(x.shape[-1], self.weights, self.gain, False, name=name)(e))[:, None, None]
            for name in ("scale", "shift")
        )
        return x * (1 + scale) + bias


class Attention(nn.Module):
    """Self-attention among pixels: x + gamma o(softmax(q k) v), where gamma starts at 0.

    q, k, v and o are 1x1 convolutions without bias; q and k have an eighth of the channels and v
    has half. k and v are max pooled over 2x2 pixels. Zhang et al. 2019, with BigGAN's pooling.
    """

    weights: str = "glorot_uniform"
    gain: float = 1.0

    @nn.compact
    def __call__(self, x: Array) -> Array:
        (b, h, w, c), how = x.shape, (self.weights, self.gain, False, 1, 1)
        if h % 2 or w % 2 or c < 8:
            raise ConfigError(
                f"attention on a map of {h}x{w}x{c}: expected even sides and 8 channels or more: "
                "see attention in gen.args and disc.args"
            )

        def rows(name: str, features: int, pool: Callable[[Array], Array]) -> Array:
            y = pool(Conv(features, *how, name=name)(x))
            return y.reshape(b, -1, features)

        q, k = rows("query", c // 8, lambda x: x), rows("key", c // 8, largest)
        weight = like(x, jax.nn.softmax(widen(q @ k.swapaxes(1, 2))))
        seen = (weight @ rows("value", c // 2, largest)).reshape(b, h, w, -1)
        gamma = like(x, self.param("gamma", nn.initializers.zeros, ()))
        return x + gamma * Conv(c, *how, name="out")(seen)
