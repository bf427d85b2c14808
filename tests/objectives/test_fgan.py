"""The functions of each f-divergence belong together, and log W is what it says."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import lambertw

from gan_jax.objectives.fgan import F_DIVERGENCES, log_lambert_w


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


V, U = np.linspace(-4, 4, 33), np.geomspace(0.05, 20, 34)


@functools.cache
def table():
    """By name: f*(g(v)) simplified and as written, g(best logit), slope of f."""

    @functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    def values(v, u):
        return {
            name: (
                row.composed(v),
                row.conjugate(row.activation(v)),
                row.activation(row.logit(u)),
                (row.f(u + 1e-5) - row.f(u - 1e-5)) / 2e-5,
            )
            for name, row in F_DIVERGENCES.items()
        }

    return values(V, U)


@pytest.mark.parametrize("name", list(F_DIVERGENCES))
def test_an_f_divergences_functions_belong_together(name, x64):
    composed, as_written, best, slope = table()[name]
    np.testing.assert_allclose(composed, as_written, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(best, slope, rtol=1e-6, atol=1e-6)


def test_log_lambert_w_and_its_slopes(x64):
    y = np.linspace(-200, 600, 401)
    w = lambertw(np.exp(y)).real
    first = jax.grad(log_lambert_w)
    slopes = jax.jit(jax.vmap(lambda y: (first(y), jax.grad(first)(y))))(y)
    np.testing.assert_allclose(log_lambert_w(y), np.log(w), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(slopes[0], 1 / (1 + w), rtol=1e-13)
    np.testing.assert_allclose(slopes[1], -w / (1 + w) ** 3, rtol=1e-12)


def test_log_lambert_w_is_finite_in_float32_wherever_a_logit_may_be():
    y = jnp.linspace(-1e4, 1e4, 401)
    for x in (log_lambert_w(y), jax.vjp(log_lambert_w, y)[1](jnp.ones(401))[0]):
        assert np.all(np.isfinite(x))
