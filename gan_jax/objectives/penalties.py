"""Penalties map a critic and data to one unweighted number per example, which disc keeps small.

critic maps x [B, ...] to logits [B]; s is its logit, norm2 the Euclidean norm per example over all
other axes. A critic that decides on several examples together returns fewer logits; gradients are
those of the sum of all logits, so such a penalty still has one number per example. Penalties are
float32 (float64 for float64 data), whatever dtype the critic computes in.

Signature: (critic, real, fake, key, **numbers) -> [B]; a penalty ignores what it does not need.
`none` has no function: no penalty is called. To add one, write a function and its row in PENALTIES.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import relu, sigmoid

from gan_jax.objectives.consistency import bcr, cr, jitter
from gan_jax.objectives.logits import add, norm, square_norm, widen
from gan_jax.types import Array, Critic

Penalty = Callable[..., Array]


def input_gradient(critic: Critic, x: Array) -> Array:
    """grad_x of the sum of the critic's logits, [B, ...] like x."""
    return widen(jax.grad(lambda x: jnp.sum(widen(critic(x))))(x))


def r1(critic: Critic, real: Array, fake: Array, key: Array) -> Array:
    """norm2(grad s)^2 at reals. Mescheder et al. 2018, eq. 9, whose weight is gamma / 2."""
    return square_norm(input_gradient(critic, real))


def r2(critic: Critic, real: Array, fake: Array, key: Array) -> Array:
    """norm2(grad s)^2 at fakes. Mescheder et al. 2018, eq. 10, whose weight is gamma / 2."""
    return square_norm(input_gradient(critic, fake))


class Local(NamedTuple):
    """A critic at x: its logits, and the gradient in x of their sum."""

    logits: Array  # [B]
    slope: Array  # [B, ...] like x


def around(critic: Critic, x: Array) -> Local:
    """The critic's logits and slopes at x, from one vector-Jacobian product with ones."""
    logits, pull = jax.vjp(lambda x: widen(critic(x)), x)
    return Local(logits, widen(pull(jnp.ones_like(logits))[0]))


def r1r2(real: Local, fake: Local) -> Array:
    """r1 + r2, weight gamma / 2. Huang et al. 2024 (R3GAN)."""
    return add(square_norm(real.slope), square_norm(fake.slope))


def roth(real: Local, fake: Local) -> Array:
    """(1 - sig(s_x))^2 norm2(grad s)^2 at reals + sig(s_g)^2 norm2(grad s)^2 at fakes.

    Roth et al. 2017, whose weight is gamma / 2: the effect of noise on the examples, integrated
    analytically. It acts where disc is unsure or wrong; where D = 1/2 it equals r1r2 / 4.
    """
    at_reals = sigmoid(-real.logits) ** 2 * square_norm(real.slope)
    return add(at_reals, sigmoid(fake.logits) ** 2 * square_norm(fake.slope))


# Penalties of the critic's logits and slopes at reals and fakes. Where disc treats each example by
# itself, the pass that computes the objective's logits yields these too: see games/play.
OF_SLOPES: dict[str, Callable[[Local, Local], Array]] = {"r1r2": r1r2, "roth": roth}


def _at_both(formula: Callable[[Local, Local], Array]) -> Penalty:
    @functools.wraps(formula)
    def penalty(critic: Critic, real: Array, fake: Array, key: Array) -> Array:
        return formula(around(critic, real), around(critic, fake))

    return penalty


def approximate_r1(critic: Critic, real: Array, fake: Array, key: Array, *, eps=0.01) -> Array:
    """((s(x) - s(x + eps n)) / eps)^2 at reals, n ~ N(0, 1): r1 without second derivatives.

    Lin et al. 2025 (APT). Its mean over n is r1 to first order in eps, which is in the units of x.
    The difference cancels most digits, so logits should be float32. Weight gamma / 2, as for r1.
    """
    return _squared_difference(critic, real, key, eps)


def approximate_r2(critic: Critic, real: Array, fake: Array, key: Array, *, eps=0.01) -> Array:
    """approximate_r1 at fakes."""
    return _squared_difference(critic, fake, key, eps)


def _squared_difference(critic: Critic, x: Array, key: Array, eps: Array | float) -> Array:
    return ((widen(critic(x)) - widen(critic(jitter(x, key, scale=eps)))) / eps) ** 2


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
    """(norm2(grad s) - target)^2 at interpolate(real, fake). Gulrajani et al. 2017, weight 10."""
    return (norm(input_gradient(critic, interpolate(real, fake, key))) - target) ** 2


def zero_gp(critic: Critic, real: Array, fake: Array, key: Array) -> Array:
    """norm2(grad s)^2 at interpolate(real, fake), wgan_gp with target 0. Thanh-Tung et al. 2019."""
    return square_norm(input_gradient(critic, interpolate(real, fake, key)))


def max_gp(critic: Critic, real: Array, fake: Array, key: Array) -> Array:
    """The largest norm2(grad s)^2 in the batch at interpolate(real, fake), repeated to [B].

    Zhou et al. 2019 (Lipschitz GANs).
    """
    square_B = zero_gp(critic, real, fake, key)
    return jnp.full_like(square_B, jnp.max(square_B))


def dragan(critic: Critic, real: Array, fake: Array, key: Array, *, c=0.5, target=1.0) -> Array:
    """(norm2(grad s) - target)^2 at x + a c std(x) u, around reals. Kodali et al. 2017, weight 10.

    The variant that the authors released: u ~ U[0, 1] per element, a ~ U[0, 1] per example, and one
    std over the whole batch. The paper itself has Gaussian noise.
    """
    k_step, k_noise = jax.random.split(key)
    wide = widen(real)
    noise = c * jnp.std(wide) * jax.random.uniform(k_noise, wide.shape, wide.dtype)
    nearby = (wide + _uniform_per_example(wide, k_step) * noise).astype(real.dtype)
    return (norm(input_gradient(critic, nearby)) - target) ** 2


def lecam(real_B: Array, fake_B: Array, ema_real: Array, ema_fake: Array) -> Array:
    """relu(s_x - ema_fake)^2 + relu(ema_real - s_g)^2, [B], on logits and their running means.

    Tseng et al. 2021 as released (the paper has no relu). update_means advances the means.
    """
    real, fake = widen(real_B), widen(fake_B)
    return add(relu(real - ema_fake) ** 2, relu(ema_real - fake) ** 2)


def centring(real_B: Array, fake_B: Array) -> Array:
    """(s_x + s_g)^2 of each pair, [B]: stops the drift of logits whose differences alone matter.

    Lin et al. 2025 (adversarial flow models): weight 0.01 with a relativistic objective. ValueError
    if there are not as many reals as fakes.
    """
    if real_B.shape != fake_B.shape:
        raise ValueError(f"centring is by pairs: {real_B.shape} reals, {fake_B.shape} fakes")
    return (widen(real_B) + widen(fake_B)) ** 2


def update_means(
    ema_real: Array, ema_fake: Array, real_B: Array, fake_B: Array, *, decay=0.99
) -> tuple[Array, Array]:
    """decay * ema + (1 - decay) * mean of the logits, for reals and fakes; no gradient flows.

    decay = 0 on the first step starts the means where the logits are.
    """
    means = jnp.mean(widen(real_B)), jnp.mean(widen(fake_B))
    real, fake = jax.lax.stop_gradient(means)
    return decay * ema_real + (1 - decay) * real, decay * ema_fake + (1 - decay) * fake


PENALTIES: dict[str, Penalty] = {
    "r1": r1,
    "r2": r2,
    **{name: _at_both(formula) for name, formula in OF_SLOPES.items()},
    "approximate_r1": approximate_r1,
    "approximate_r2": approximate_r2,
    "wgan_gp": wgan_gp,
    "zero_gp": zero_gp,
    "max_gp": max_gp,
    "dragan": dragan,
    "cr": cr,
    "bcr": bcr,
}
# Published weights of penalties that have no single usual weight. The usual weights of the others
# are the defaults of penalty.weight, in config/leaves.py.
WEIGHTS_TAKEN = {
    "r1": "5 (gamma / 2) in Mescheder et al. 2018, 10 in their code, 0.1 in the experiments here",
    "r2": "5 (gamma / 2) in Mescheder et al. 2018, 10 in their code",
    "r1r2": "0.025 (gamma / 2) on CIFAR-10 in Huang et al. 2024, 0.5 on 25 Gaussians here",
    "roth": "0.05 (gamma / 2) in Roth et al. 2017, whose gamma falls",
    "approximate_r1": "what r1 takes",
    "approximate_r2": "what r2 takes",
    "zero_gp": "10, which wgan_gp takes",
    "centring": "0.01 in Lin et al. 2025",
    "transport": "0.2 in Lin et al. 2025, with penalty.args.end 0.025",
    "lecam": "0.3 on CIFAR-10 and 3e-7 for StyleGAN2 in the code of Tseng et al. 2021",
    "zcr": "5 in Zhao et al. 2021, with penalty.args.gen_weight 0.5",
}
