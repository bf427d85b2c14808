import jax
import numpy as np
import pytest
import tiny

from gan_jax import evaluate
from gan_jax.steps import init_state

LINE = {"eval/mean", "eval/std", "eval/ks", "eval/disc_gap"}


@pytest.mark.parametrize("view", ["sample", "moments"])
def test_the_line_is_measured_and_drawn(view):
    config = tiny.config(disc__view=view)
    state = init_state(config, jax.random.key(0))
    found = evaluate.make_evaluate(config)(state)
    assert set(found) == LINE
    assert all(np.isfinite(v) for v in found.values())
    assert found["eval/ks"] > 0.9  # a gen that has not learned is far from N(4, 1.25^2)
    assert 0.2 < found["eval/disc_gap"] <= 0.5  # D is near 1/2, D* near 0 or 1
    picture = evaluate.make_picture(config)(state)
    assert picture.dtype == np.uint8
    assert picture.shape[-1] == 3


def test_a_perfect_game_has_no_gap_and_no_distance():
    """Gen given the data's own law, disc given its equilibrium: the numbers say so."""
    config = tiny.config(eval_samples=4000, latent__dim=1, ema__decay=0.0)
    config.gen.args.hidden = ()
    state = init_state(config, jax.random.key(0))
    gen = {
        "Stack_0": {},
        "out": {"linear": {"kernel": np.float32([[1.25]]), "bias": np.float32([4])}},
    }
    params = {k: v for k, v in gen.items() if k in state.gen.params}
    assert set(params) == set(state.gen.params)
    quiet = jax.tree.map(np.zeros_like, state.disc.params)
    state = state.replace(
        gen=state.gen.replace(params=params), disc=state.disc.replace(params=quiet)
    )
    found = evaluate.make_evaluate(config)(state)
    assert found["eval/mean"] == pytest.approx(4, abs=0.08)
    assert found["eval/std"] == pytest.approx(1.25, abs=0.06)
    assert found["eval/ks"] < 0.03
    assert found["eval/disc_gap"] < 0.1


def test_digits_are_judged():
    config = tiny.config(data__name="digits")
    state = init_state(config, jax.random.key(0))
    found = evaluate.make_evaluate(config)(state)
    assert sum(found[f"eval/count_{i}"] for i in range(10)) == config.eval_samples
    assert 1 <= found["eval/classes"] <= 10
    assert found["eval/accuracy_real"] > 0.85
    assert found["eval/confidence_real"] > 0.6
    assert evaluate.make_picture(config)(state).dtype == np.uint8


def test_evaluations_repeat_exactly():
    config = tiny.config()
    state = init_state(config, jax.random.key(0))
    one, two = (evaluate.make_evaluate(config)(state) for _ in range(2))
    assert one == two


def test_points_in_the_plane_are_drawn():
    config = tiny.config(data__name="ring")
    state = init_state(config, jax.random.key(0))
    assert evaluate.make_picture(config)(state).shape[-1] == 3
    assert evaluate.make_evaluate(config)(state) == {}


def test_metrics_are_chosen_by_name():
    config = tiny.config()
    state = init_state(config, jax.random.key(0))
    assert set(evaluate.make_evaluate(config, ["line"])(state)) == LINE
    assert evaluate.make_evaluate(config, ["judge"])(state) == {}
