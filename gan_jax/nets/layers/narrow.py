"""Networks whose activations are bfloat16, and whose parameters, statistics and outputs are not.

Layers compute in the type of what they are given: their parameters are rounded to it where they are
used, and gradients in them are float32 again. Statistics of batch norm, spectral norms and the last
layer of a discriminator are taken in float32. precision is another leaf: it rounds the factors of
products only, and what passes between layers stays float32.
"""

from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.objectives.logits import widen
from gan_jax.types import Array, Net, PyTree

NARROW = jnp.bfloat16


def dtype_of(x: Array) -> Any:
    """What flax's layers compute in: bfloat16 where x is, else the widest of x and parameters."""
    return NARROW if x.dtype == NARROW else None


def like(x: Array, w: Array) -> Array:
    """w in bfloat16 where the activations x are; else w as it is."""
    return w.astype(NARROW) if x.dtype == NARROW else w


def with_dtype(net: Net, dtype: str) -> Net:
    """The net with activations of that type, float32 or bfloat16; what comes out is float32."""
    if dtype == "float32":
        return net

    def apply(
        params: PyTree, vars: PyTree, x: PyTree, key: Array, train: bool, **given: Array
    ) -> tuple:
        x = jax.tree.map(lambda a: a.astype(dtype) if a.dtype == jnp.float32 else a, x)
        y, vars = net.apply(params, vars, x, key, train, **given)
        return jax.tree.map(widen, y), vars

    def encode(params: PyTree, vars: PyTree, x: Array) -> Array:
        assert net.encode
        return widen(net.encode(params, vars, x.astype(dtype)))

    return net._replace(apply=apply, encode=encode if net.encode else None)
