"""What benchmarks hold speed against, and that they run; no test is timed."""

import importlib
import json

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from gan_jax import bench
from gan_jax.bench import accelerator, compile, costs, products, sweep, worker
from gan_jax.cli.main import main
from gan_jax.config import to_json
from gan_jax.config.as_json import plain_config
from gan_jax.dynamics import DYNAMICS
from gan_jax.games.play.terms import PENALTY_TERMS
from gan_jax.sweeps.rows import static_part


def test_products_of_a_program_are_found_with_their_flops():
    def program(x, w):
        y = x @ w
        return jnp.tanh(y) @ w.T, jnp.einsum("bij,bjk->bik", y[None], w.T[None])

    x, w = jnp.ones((8, 128)), jnp.ones((128, 64))
    found = products.products(jax.jit(program).lower(x, w).compile())
    assert sum(p.flops for p in found) == 3 * 2 * 8 * 128 * 64
    products.make_alone(found)()


@pytest.mark.parametrize(
    "how",
    [
        {"window_strides": (1, 1), "padding": [(0, 0), (0, 0)]},
        {"window_strides": (2, 2), "padding": [(1, 1), (2, 0)]},
        {"window_strides": (1, 1), "padding": [(2, 2), (2, 2)], "lhs_dilation": (2, 2)},
        {"window_strides": (1, 2), "padding": [(1, 0), (0, 1)], "rhs_dilation": (2, 1)},
        {"window_strides": (1, 1), "padding": [(0, 0), (0, 0)], "feature_group_count": 2},
    ],
)
def test_convolutions_of_a_program_are_found_with_their_flops(how):
    """Those of ones with ones: y counts the multiplications."""
    x, k = jnp.ones((2, 6, 5, 4)), jnp.ones((3, 3, 4 // how.get("feature_group_count", 1), 8))

    @jax.jit
    def program(x, k):
        return lax.conv_general_dilated(x, k, dimension_numbers=("NHWC", "HWIO", "NHWC"), **how)

    (found,) = products.products(program.lower(x, k).compile())
    assert found.flops == 2 * int(program(x, k).sum())
    y = found.compute(jnp.ones(found.left), jnp.ones(found.right))
    assert int(y.sum()) == int(program(x, k).sum())


def test_every_benchmark_has_both_sides():
    for name in bench.names():
        module = __import__(f"gan_jax.bench.{name}", fromlist=["CASES"])
        assert module.CASES
        if hasattr(module, "estimate"):  # it takes no time
            continue
        assert set(module.STEPS) == set(module.CASES)
        assert all(hasattr(module, maker) for maker in module.THEIRS.values())
        assert module.__doc__


SIDES = """
import os
import time

CASES, STEPS, THEIRS, PAIRS = ["a", "b"], {"a": 12, "b": 12}, {"pytorch": "make_theirs"}, 3


def make_ours(case):
    turns = iter([0.01, 0.02, 0.03, 0.01, 0.0])
    def run(n):
        time.sleep(next(turns))
        if case == "b" and n == 12:
            os._exit(9)
    return run, lambda: {"matmul_fraction": 0.5, "matmul_flops": 1, "conv_fraction": 0, "flops": 1}


def make_theirs(case):
    return lambda n: time.sleep(0.01), dict
"""


@pytest.fixture
def sides(tmp_path, monkeypatch):
    """A benchmark of two cases, the second of which crashes at its first turn."""
    (tmp_path / "sides.py").write_text(SIDES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    return importlib.import_module("sides")


def test_pairs_are_the_speeds_of_each_turn(sides):
    case = bench.measure(sides, "a", "pytorch")
    ours, theirs = zip(*case["pairs"], strict=True)
    assert len(set(ours)) == len(set(theirs)) == 3
    assert all(0 < speed <= 1200 for speed in ours)  # of 12 steps in 10 ms or more
    assert case["ours"] == sorted(ours)[1]
    assert case["theirs"] == sorted(theirs)[1]
    ratios = sorted(o / t for o, t in case["pairs"])
    assert case["ratio"] == ratios[1]
    said = f"ratio {ratios[1]:.2f} ({ratios[0]:.2f} to {ratios[2]:.2f})"
    assert said in bench.in_words(sides, case)


def test_a_process_that_crashes_is_no_bad_config(sides):
    with pytest.raises(worker.BenchmarkCrashedError, match="sides b, make_ours ended with 9") as e:
        bench.measure(sides, "b", "pytorch")
    assert e.value.code == 1


def test_what_is_asked_after_the_end_is_told_too(sides):
    """A broken pipe would be taken for a reader of ours that has seen enough."""
    with worker.Worker("sides", "make_ours", "a") as side:
        side.process.kill()
        side.process.wait()
        with pytest.raises(worker.BenchmarkCrashedError, match="sides a, make_ours ended with -9"):
            side.run(1)


def test_what_was_measured_outlives_a_benchmark_that_fails(tmp_path, monkeypatch, capsys):
    def cases(name, against):
        if name == "costs":
            raise worker.BenchmarkCrashedError("ended")
        yield {"name": f"{name}'s"}, name

    monkeypatch.setattr(bench, "_cases", cases)
    file = tmp_path / "new" / "all.json"
    assert main(["bench", "mlp", "conv", "costs", "--json", str(file)]) == 1
    found = [(each["name"], each["cases"]) for each in json.loads(file.read_text())]
    assert found == [("mlp", [{"name": "mlp's"}]), ("conv", [{"name": "conv's"}])]
    assert main(["bench", "mlp", "--json", str(file)]) == 0
    assert json.loads(file.read_text())["cases"] == [{"name": "mlp's"}]
    assert capsys.readouterr().err == "gan-jax: ended\n"


def test_a_file_that_cannot_be_written_is_said_before_the_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "_cases", None)
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    for name, reason in ((".", "it is a folder"), ("file/x", "File exists"), ("/", "it is a fol")):
        assert main(["bench", "mlp", "--json", name]) == 74
        assert f"gan-jax: cannot write --json {name}: {reason}" in capsys.readouterr().err


@pytest.mark.slow
def test_a_benchmark_measures(monkeypatch):
    from gan_jax.bench import mlp

    monkeypatch.setattr(bench, "PAIRS", 1)
    monkeypatch.setattr(mlp, "STEPS", {"batch_64": 2})
    case = bench.measure(mlp, "batch_64", None)
    assert case["ours"] > 0
    assert 0 < case["matmul_fraction"] <= 2
    assert case["flops"] > 1e9


@pytest.mark.slow
@pytest.mark.parametrize("case", accelerator.CASES)
def test_the_accelerators_benchmark_runs_on_a_cpu_and_says_so(case, monkeypatch):
    monkeypatch.setattr(bench, "PAIRS", 1)
    monkeypatch.setattr(accelerator, "PAIRS", 1)
    monkeypatch.setattr(accelerator, "STEPS", dict.fromkeys(accelerator.CASES, 2))
    found = bench.measure(accelerator, case, None)
    assert found["ours"] > 0
    assert "no measure of speed" in bench.in_words(accelerator, found)


def test_an_accelerators_speed_has_the_share_of_its_peak():
    case = {"name": "sngan", "ours": 10.0, "unit": "steps/s", "ratio": None}
    case |= {"device": "NVIDIA H200", "is_tiny": False, "step_flops": 9.89e12, "batch": 64}
    said = bench.in_words(accelerator, case | {"peak": accelerator.PEAKS["NVIDIA H200"]})
    assert "NVIDIA H200, 640 images/s, 10.0% of its peak" in said


def test_an_experiments_step_is_compiled_or_says_what_is_missing(monkeypatch):
    found = compile.estimate("gaussian1d")
    assert min(found["trace_seconds"], found["compile_seconds"]) > 0
    assert "compiled in" in compile.in_words(found)
    monkeypatch.setenv("TFDS_DATA_DIR", "/nowhere")
    assert "not measured" in compile.in_words(compile.estimate("emoji_pix2pix"))


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
