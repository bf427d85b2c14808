"""Where experiments import the parts of a sweep from: they are defined in sweeps/product.py."""

from gan_jax.sweeps.product import (
    Rows,
    chain,
    log_uniform,
    param,
    product,
    random_search,
    seeds,
    subsample,
    uniform,
    zipit,
)

__all__ = [
    "Rows",
    "chain",
    "log_uniform",
    "param",
    "product",
    "random_search",
    "seeds",
    "subsample",
    "uniform",
    "zipit",
]
