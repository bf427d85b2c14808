"""Networks with bfloat16 activations but float32 parameters, statistics and outputs.

Layers compute in the dtype of their input: parameters are rounded to it at each use, and their
gradients are float32 again. Statistics of batch norm, spectral norms and the last layer of a
discriminator are computed in float32. The config leaf precision differs: it rounds only the factors
of products, and activations between layers stay float32.
"""

from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.objectives.logits import widen
from gan_jax.types import Array, Net, PyTree

NARROW = jnp.bfloat16


def dtype_of(x: Array) -> Any:
    """The dtype for flax's layers: bfloat16 if x is; else None, the widest of x and parameters."""
    return NARROW if x.dtype == NARROW else None


def like(x: Array, w: Array) -> Array:
    """w in bfloat16 if the activations x are bfloat16; else w unchanged."""
    return w.astype(NARROW) if x.dtype == NARROW else w


def with_dtype(net: Net, dtype: str) -> Net:
    """The net with activations of that dtype, float32 or bfloat16; its output is float32."""
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
