"""What benchmarks hold speed against, and that they run; no test is timed."""

import jax
import jax.numpy as jnp
import pytest

from gan_jax import bench
from gan_jax.bench import matmul


def test_products_of_a_program_are_found_with_their_flops():
    def program(x, w):
        y = x @ w
        return jnp.tanh(y) @ w.T, jnp.einsum("bij,bjk->bik", y[None], w.T[None])

    x, w = jnp.ones((8, 128)), jnp.ones((128, 64))
    found = matmul.products(jax.jit(program).lower(x, w).compile())
    assert sum(p.flops for p in found) == 3 * 2 * 8 * 128 * 64
    matmul.make_alone(found)()


def test_every_benchmark_has_both_sides():
    for name in bench.names():
        module = __import__(f"gan_jax.bench.{name}", fromlist=["CASES"])
        assert set(module.STEPS) == set(module.CASES)
        assert all(hasattr(module, maker) for maker in module.THEIRS.values())
        assert module.__doc__


@pytest.mark.slow
def test_a_benchmark_measures(monkeypatch):
    from gan_jax.bench import mlp

    monkeypatch.setattr(bench, "PAIRS", 1)
    monkeypatch.setattr(mlp, "STEPS", {"batch_64": 2})
    case = bench.measure(mlp, "batch_64", None)
    assert case["ours"] > 0
    assert 0 < case["matmul_fraction"] <= 2
    assert case["flops"] > 1e9
