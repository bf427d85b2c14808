"""Equal mixtures of round Gaussians around given centres, for ring, grid and similar sets."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.types import Array


class Mixture(NamedTuple):
    """The interface of a synthetic distribution with equally likely round modes."""

    scale: Callable[..., Array | float]  # (**args) -> std of each mode, in data units
    sample: Callable[..., Array]  # (key, n, **args) -> points [n, D] float32
    log_density: Callable[..., Array]  # (x_NxD, **args) -> nats [N]


def around(centres: Callable[..., Array]) -> Mixture:
    """The mixture around centres(**args) [K, D]; args are those of centres, including sigma."""
    args = inspect.signature(centres).parameters

    def scale(**given: Any) -> Array | float:
        return given.get("sigma", args["sigma"].default)

    def sample(key: Array, n: int, **given: Any) -> Array:
        """A centre chosen uniformly, plus sigma N(0, I)."""
        centres_KxD, (k_mode, k_noise) = centres(**given), jax.random.split(key)
        modes, dim = centres_KxD.shape
        mode_n = jax.random.randint(k_mode, (n,), 0, modes)
        noise_nxD = jax.random.normal(k_noise, (n, dim), jnp.float32)
        return centres_KxD[mode_n] + scale(**given) * noise_nxD

    def log_density(x_NxD: Array, **given: Any) -> Array:
        """log (1/K) sum_k N(x; c_k, sigma^2 I).

        Distances are computed from differences, because |x|^2 - 2 x c + |c|^2 cancels digits when
        sigma is a hundredth of |c|.
        """
        centres_KxD, sigma = centres(**given), scale(**given)
        modes, dim = centres_KxD.shape
        square_NxK = jnp.sum((x_NxD[:, None, :] - centres_KxD[None, :, :]) ** 2, axis=-1)
        log_norm = dim * (jnp.log(sigma) + 0.5 * jnp.log(2 * jnp.pi)) + jnp.log(modes)
        return jax.nn.logsumexp(-square_NxK / (2 * sigma**2), axis=1) - log_norm

    for function in (scale, sample, log_density):  # a config's data.args are checked against these
        *own, _ = inspect.signature(function).parameters.values()
        vars(function)["__signature__"] = inspect.Signature([*own, *args.values()])
    return Mixture(scale, sample, log_density)
