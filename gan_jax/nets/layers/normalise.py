"""Normalisations of a whole disc: they map a Net to a Net, whatever its architecture."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax.nets.layers import Output, logit_of
from gan_jax.objectives.logits import norm
from gan_jax.types import Array, Net, PyTree

SPECTRAL = (
    "spectral"  # the collection that holds the power iteration: disc's own updates advance it
)

WEIGHTS = ("kernel", "embedding", "basis")  # by the last word of their paths


def spectral(net: Net) -> Net:
    """Divides every kernel by its largest singular value unless that is 0. Miyato et al. 2018.

    This includes embeddings of projections, but not gen's tables of conditional batch norm. Each
    pass makes one power iteration on the kernels as matrices [inputs, outputs]; no gradient flows
    through its vectors. A pass outside training iterates too, but does not keep the result.
    """

    def init(key: Array, x: Array) -> tuple[PyTree, PyTree]:
        k_net, k_u = jax.random.split(key)
        params, vars = net.init(k_net, x)
        us = {
            name: _unit(jax.random.normal(jax.random.fold_in(k_u, i), kernel.shape[-1:]))
            for i, (name, kernel) in enumerate(_kernels(params).items())
        }
        return params, {**vars, SPECTRAL: us}

    def normalised(params: PyTree, us: dict[str, Array]) -> tuple[PyTree, dict[str, Array]]:
        found = {name: _largest(kernel, us[name]) for name, kernel in _kernels(params).items()}

        def divided(path: tuple, leaf: Array) -> Array:
            name = jax.tree_util.keystr(path)
            return (
                leaf / jnp.where(found[name][0] == 0, 1, found[name][0]) if name in found else leaf
            )

        return jax.tree_util.tree_map_with_path(divided, params), {
            n: u for n, (_, u) in found.items()
        }

    def apply(
        params: PyTree, vars: PyTree, x: Array, key: Array, train: bool, **given: Array
    ) -> tuple:
        inner = {name: value for name, value in vars.items() if name != SPECTRAL}
        params, us = normalised(params, vars[SPECTRAL])
        y, inner = net.apply(params, inner, x, key, train, **given)
        return y, {**inner, SPECTRAL: us if train else vars[SPECTRAL]}

    def encode(params: PyTree, vars: PyTree, x: Array) -> Array:
        assert net.encode
        inner = {name: value for name, value in vars.items() if name != SPECTRAL}
        return net.encode(normalised(params, vars[SPECTRAL])[0], inner, x)

    return net._replace(init=init, apply=apply, encode=encode if net.encode else None)


def gradient(net: Net) -> Net:
    """s / (norm2(grad_x s) + abs(s)) per example: bounded by 1 and 1-Lipschitz. Wu et al. 2021.

    The gradient is that of the sum of logits, so disc must treat each example by itself. Further
    heads are unchanged.
    """

    def apply(
        params: PyTree, vars: PyTree, x: Array, key: Array, train: bool, **given: Array
    ) -> tuple:
        def s_of(x: Array) -> tuple:
            y, after = net.apply(params, vars, x, key, train, **given)
            return logit_of(y), (y, after)

        s_B: Array
        said: tuple
        s_B, pull, said = jax.vjp(s_of, x, has_aux=True)
        y, vars = said
        size = norm(pull(jnp.ones_like(s_B))[0]) + jnp.abs(s_B)
        bounded = s_B / jnp.where(size > 0, size, 1)
        return y._replace(logit=bounded) if isinstance(y, Output) else bounded, vars

    return net._replace(apply=apply)


NORMALISERS: dict[str, Callable[[Net], Net]] = {
    "none": lambda net: net,
    "spectral": spectral,
    "gradient": gradient,
}


def _kernels(params: PyTree) -> dict[str, Array]:
    """The weights of layers and the embeddings of projections, by their paths."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return {jax.tree_util.keystr(path): leaf for path, leaf in leaves if path[-1].key in WEIGHTS}


def _largest(kernel: Array, u: Array) -> tuple[Array, Array]:
    """The largest singular value by one power iteration from u, and the next u."""
    matrix = kernel.reshape(-1, kernel.shape[-1])
    with jax.default_matmul_precision("highest"):
        v = _unit(jax.lax.stop_gradient(matrix) @ u)
        after = _unit(v @ jax.lax.stop_gradient(matrix))
        u = jnp.where(after.any(), after, u)  # keeps u while a kernel is still all zeros
        return v @ matrix @ u, u


def _unit(x: Array) -> Array:
    return x / jnp.maximum(jnp.linalg.norm(x), 1e-12)
