"""Products at the precision that is asked for: rounded factors, exact sums, every derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.nets.layers.matmul import SUMMED, _product, matmul


def rounded(a):
    return np.asarray(a, jnp.bfloat16).astype(np.float64)


def some(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


@pytest.fixture
def bfloat16():
    with jax.default_matmul_precision("bfloat16"):
        yield


X, W, G = some(5, 7), some(7, 3, seed=1), some(5, 3, seed=2)


def test_by_default_it_is_the_ordinary_product():
    np.testing.assert_array_equal(matmul(X, W), X @ W)
    with jax.default_matmul_precision("highest"):
        np.testing.assert_allclose(matmul(X, W), np.float64(X) @ np.float64(W), rtol=1e-5)


@pytest.mark.parametrize("run", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_factors_are_rounded_and_sums_are_not(bfloat16, run):
    y = run(matmul)(X, W)
    assert y.dtype == jnp.float32
    np.testing.assert_allclose(y, rounded(X) @ rounded(W), rtol=1e-5)
    assert np.abs(y - np.float64(X) @ np.float64(W)).max() > 1e-4


@pytest.mark.parametrize("run", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_so_are_those_of_the_gradients(bfloat16, run):
    """Batches of 5, 32 and 40: a weight's gradient on a CPU is filled up with zeros."""
    for n in (5, 32, 40):
        x, g = some(n, 7), some(n, 3, seed=2)
        of_x, of_w = run(lambda x, w, g: jax.vjp(matmul, x, w)[1](g))(x, W, g)
        np.testing.assert_allclose(of_x, rounded(g) @ rounded(W).T, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(of_w, rounded(x).T @ rounded(g), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", SUMMED)
def test_gradients_of_each_kind(kind):
    """They are products of the other kinds, which close in on themselves: so all orders hold."""
    x, y = some(4, 4), some(4, 4, seed=1)
    g = some(4, 4, seed=2)
    axes = {"x y": "ij,jk->ik", "x yT": "ij,kj->ik", "xT y": "ji,jk->ik"}[kind]

    def exact(x, y):
        return jnp.einsum(axes, x, y, precision="highest")

    def product(x, y):
        return _product.bind(x, y, kind=kind)

    ours = jax.jit(lambda x, y, g: (product(x, y), *jax.vjp(product, x, y)[1](g)))(x, y, g)
    x, y, g = (jnp.float32(rounded(a)) for a in (x, y, g))
    for found, right in zip(ours, (exact(x, y), *jax.vjp(exact, x, y)[1](g)), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-6)


def test_leading_axes_are_rows(bfloat16):
    x = some(2, 5, 7)
    y = matmul(x, W)
    assert y.shape == (2, 5, 3)
    np.testing.assert_array_equal(y[1], matmul(x[1], W))


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0), (1, 2)])
def test_rows_of_a_cohort(bfloat16, axes):
    """vmap of the product and of its gradients, also where one factor is shared."""

    def three(a, axis):
        return a if axis is None else jnp.moveaxis(jnp.stack([a, 2 * a, a - 1]), 0, axis)

    def one(a, axis, i):
        return a if axis is None else jnp.take(a, i, axis)

    def and_gradients(x, w):
        return matmul(x, w), *jax.vjp(matmul, x, w)[1](G)

    x, w = three(X, axes[0]), three(W, axes[1])
    found = jax.vmap(and_gradients, axes)(x, w)
    for i in range(3):
        alone = and_gradients(one(x, axes[0], i), one(w, axes[1], i))
        for ours, theirs in zip(found, alone, strict=True):
            np.testing.assert_allclose(ours[i], theirs, rtol=1e-5, atol=1e-6)


def test_derivatives_of_every_order(bfloat16):
    """Forward over reverse, and a gradient penalty's reverse over reverse: as without rounding,
    but for the 2^-8 of numbers that bfloat16 does not hold."""
    x, w = some(3, 2, seed=3), some(2, 3, seed=4)

    def exact(x, w):
        return jnp.matmul(x, w, precision="highest")

    def hessian(product):
        return jax.hessian(lambda x, w: (product(x, w) ** 2).sum(), (0, 1))(x, w)

    def penalty(product):
        def total(x, w):
            return jnp.tanh(product(x, w)).sum()

        def push(w):
            return (jax.grad(total)(x, w) ** 2).sum()

        return jax.value_and_grad(push)(w)

    for what in (hessian, penalty):
        ours, theirs = jax.tree.leaves(what(matmul)), jax.tree.leaves(what(exact))
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=0.03, atol=0.03)


@pytest.mark.parametrize(("platform", "pads"), [("cpu", True), ("cuda", False), ("tpu", False)])
def test_every_platform_has_products_of_bfloat16(bfloat16, platform, pads):
    """Also those that are not here; only a CPU's gradient of a weight is filled up."""
    trace = jax.jit(jax.grad(lambda w: matmul(X, w).sum())).trace(W)
    text = trace.lower(lowering_platforms=(platform,)).as_text()
    dots = [line for line in text.splitlines() if "dot_general" in line]
    assert len(dots) == 1
    assert "xbf16>" in dots[0]
    assert "-> tensor<7x3xf32>" in dots[0]
    assert ("stablehlo.pad" in text) == pads
