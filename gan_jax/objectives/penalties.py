"""Penalties: a critic and data to one unweighted number per example, for disc to keep small.

critic maps x [B, ...] to logits [B]; s is its logit, norm2 the Euclidean norm per example over all
other axes. A critic may take one decision for several examples and return fewer logits: gradients
are of the sum of all logits, so that such a penalty still has one number per example. Penalties
come in float32 (float64 for float64 data), whatever the critic computes in.

Signature: (critic, real, fake, key, **numbers) -> [B]; what a penalty does not need it ignores.
`none` is not here: no penalty is no call. To add one: a function and its row in PENALTIES.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.nn import relu

from gan_jax.objectives.logits import add, norm, square_norm, widen
from gan_jax.types import Array, Critic

Penalty = Callable[..., Array]
Augment = Callable[[Array, Array], Array]  # (x, key) -> x of the same shape


def input_gradient(critic: Critic, x: Array) -> Array:
    """grad_x of the sum of the critic's logits, [B, ...] like x."""
    return widen(jax.grad(lambda x: jnp.sum(widen(critic(x))))(x))


def r1(critic: Critic, real: Array, fake: Array, key: Array) -> Array:
    """norm2(grad s)^2 at reals. Mescheder et al. 2018, eq. 9, whose weight is gamma / 2."""
    return square_norm(input_gradient(critic, real))


def r2(critic: Critic, real: Array, fake: Array, key: Array) -> Array:
    """norm2(grad s)^2 at fakes. Mescheder et al. 2018, eq. 10, whose weight is gamma / 2."""
    return square_norm(input_gradient(critic, fake))


def r1r2(critic: Critic, real: Array, fake: Array, key: Array) -> Array:
    """r1 + r2, weight gamma / 2. Huang et al. 2024 (R3GAN)."""
    return add(r1(critic, real, fake, key), r2(critic, real, fake, key))


def interpolate(real: Array, fake: Array, key: Array) -> Array:
    """real + a (fake - real), one a ~ U[0, 1] per example; ValueError if the shapes differ."""
    if real.shape != fake.shape:
        raise ValueError(f"cannot interpolate reals {real.shape} and fakes {fake.shape}")
    wide = widen(real)
    mixed = wide + _uniform_per_example(wide, key) * (widen(fake) - wide)
    return mixed.astype(real.dtype)


def _uniform_per_example(x: Array, key: Array) -> Array:
    return jax.random.uniform(key, x.shape[:1] + (1,) * (x.ndim - 1), x.dtype)


def wgan_gp(critic: Critic, real: Array, fake: Array, key: Array, *, target=1.0) -> Array:
    """(norm2(grad s) - target)^2 between reals and fakes. Gulrajani et al. 2017, weight 10."""
    return (norm(input_gradient(critic, interpolate(real, fake, key))) - target) ** 2


def zero_gp(critic: Critic, real: Array, fake: Array, key: Array) -> Array:
    """norm2(grad s)^2 between reals and fakes: wgan_gp with target 0. Thanh-Tung et al. 2019."""
    return square_norm(input_gradient(critic, interpolate(real, fake, key)))


def dragan(critic: Critic, real: Array, fake: Array, key: Array, *, c=0.5, target=1.0) -> Array:
    """(norm2(grad s) - target)^2 at x + a c std(x) u, around reals. Kodali et al. 2017, weight 10.

    The authors' released variant: u ~ U[0, 1] per element, a ~ U[0, 1] per example, std over all
    of the batch (so examples share that one number). The paper's text has Gaussian noise instead.
    """
    k_step, k_noise = jax.random.split(key)
    wide = widen(real)
    noise = c * jnp.std(wide) * jax.random.uniform(k_noise, wide.shape, wide.dtype)
    nearby = (wide + _uniform_per_example(wide, k_step) * noise).astype(real.dtype)
    return (norm(input_gradient(critic, nearby)) - target) ** 2


def lecam(real_B: Array, fake_B: Array, ema_real: Array, ema_fake: Array) -> Array:
    """relu(s_x - ema_fake)^2 + relu(ema_real - s_g)^2, [B], on logits and their running means.

    Tseng et al. 2021 as released (the paper has no relu). The means are state: update_means.
    """
    real, fake = widen(real_B), widen(fake_B)
    return add(relu(real - ema_fake) ** 2, relu(ema_real - fake) ** 2)


def update_means(
    ema_real: Array, ema_fake: Array, real_B: Array, fake_B: Array, *, decay=0.99
) -> tuple[Array, Array]:
    """decay * ema + (1 - decay) * mean of the logits, for reals and fakes; no gradient flows.

    decay = 0 on the first step starts the means where the logits are.
    """
    means = jnp.mean(widen(real_B)), jnp.mean(widen(fake_B))
    real, fake = jax.lax.stop_gradient(means)
    return decay * ema_real + (1 - decay) * real, decay * ema_fake + (1 - decay) * fake


def flip_and_shift(x_BxHxWxC: Array, key: Array) -> Array:
    """Each image mirrored with chance 1/2 and moved by up to an eighth of its height and width.

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

    As many numbers as the critic has logits.
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

    dz is the caller's small noise, the same in both terms; gen maps [B, Z] to [B, ...].
    """
    return (widen(critic(gen(z))) - widen(critic(gen(z + dz)))) ** 2


def zcr_gen(gen: Callable[[Array], Array], z: Array, dz: Array) -> Array:
    """gen's -norm2(G(z) - G(z + dz))^2, [B], a distance of images. Zhao et al. 2021."""
    return -square_norm(widen(gen(z)) - widen(gen(z + dz)))


PENALTIES: dict[str, Penalty] = {
    "r1": r1,
    "r2": r2,
    "r1r2": r1r2,
    "wgan_gp": wgan_gp,
    "zero_gp": zero_gp,
    "dragan": dragan,
    "cr": cr,
    "bcr": bcr,
}
# Weights that have been taken, of penalties whose weights differ from paper to paper. The others'
# usual weights are the defaults of penalty.weight, in config/leaves.py.
WEIGHTS_TAKEN = {
    "r1": "5 (gamma / 2) in Mescheder et al. 2018, 10 in their code, 0.1 in the experiments here",
    "r2": "5 (gamma / 2) in Mescheder et al. 2018, 10 in their code",
    "r1r2": "0.025 (gamma / 2) on CIFAR-10 in Huang et al. 2024, 0.5 on 25 Gaussians here",
    "zero_gp": "10, which wgan_gp takes",
    "lecam": "0.3 on CIFAR-10 and 3e-7 for StyleGAN2 in the code of Tseng et al. 2021",
    "zcr": "5 in Zhao et al. 2021, with penalty.args.gen_weight 0.5",
}
