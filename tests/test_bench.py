"""What benchmarks hold speed against, and that they run; no test is timed."""

import json

import jax
import jax.numpy as jnp
import pytest

from gan_jax import bench
from gan_jax.bench import costs, matmul, sweep
from gan_jax.config import to_json
from gan_jax.dynamics import DYNAMICS
from gan_jax.records import plain_config
from gan_jax.rows import static_part
from gan_jax.terms import PENALTY_TERMS


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


def test_costs_cover_every_penalty_and_dynamics():
    assert set(costs.PENALTIES) == set(PENALTY_TERMS)
    assert set(costs.DYNAMICS) == set(DYNAMICS)
    assert costs.gradients("plain") == costs.gradients("penalty_lecam") == 2
    assert costs.gradients("dynamics_extragradient") == 4


def test_rows_of_the_sweep_benchmark_are_one_cohort():
    for case in sweep.CASES:
        rows = [to_json(sweep.settings(case, i)) for i in range(sweep.ROWS[case])]
        found = {json.dumps(static_part(plain_config(row), "id"), sort_keys=True) for row in rows}
        assert len(found) == 1
