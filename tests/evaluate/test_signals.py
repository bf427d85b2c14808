"""The numbers that diagnostics look at, against what they are said to be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gan_jax.config import hypers
from gan_jax.data import open_data
from gan_jax.evaluate.signals import make_shown, make_signals, variety
from gan_jax.games import make_setup
from gan_jax.steps import init_state
from gan_jax.sweeps.cohort import init_rows, make_members, rows_hypers
from gan_jax.training.loop import schedule_of


def measured(config, edit=lambda state: state, arrays=None):
    state = edit(init_state(config, jax.random.key(0)))
    found = jax.jit(make_signals(make_setup(config)))(
        state, hypers(config), make_shown(make_setup(config), arrays)
    )
    return {name.removeprefix("watch/"): float(value) for name, value in found.items()}


def with_params(player, **parts):
    def edit(state):
        old = state.players[player]
        params = {**old.params, **{k: f(old.params[k]) for k, f in parts.items()}}
        return state.with_player(player, params=params)

    return edit


def set_to(value, **where):
    def change(part):
        linear = part["linear"]
        return {"linear": {k: jnp.full_like(w, where.get(k, value)) for k, w in linear.items()}}

    return change


def test_a_disc_of_one_judgement():
    """All weights of the last layer 0, its bias 3: the same for all, and no slope for gen."""
    found = measured(tiny.config(), with_params("disc", logit=set_to(0.0, bias=3.0)))
    assert found["logit_real"] == found["logit_fake"] == 3.0
    assert found["auc"] == 0.0  # no real is above a fake: they are equal
    assert found["gen_grad"] == 0.0
    assert found["spread"] > 0


def test_a_gen_of_one_sample():
    """Everything at 7.5: no width, and 2.8 standard deviations from N(4, 1.25^2)'s mean."""
    found = measured(tiny.config(), with_params("gen", out=set_to(0.0, bias=7.5)))
    assert found["spread"] == pytest.approx(0, abs=1e-6)
    assert abs(found["place"]) == pytest.approx(2.8, abs=0.8)  # by 64 draws of the law


def test_spread_is_in_widths_of_the_data():
    """x = 0.884 (z_1 + z_2) is as wide as 1.25, a tenth of N(4, 12.5^2)."""
    config = tiny.config(gen__args__hidden=(), data__args__std=12.5)
    found = measured(config, with_params("gen", out=set_to(0.884, bias=0.0)))
    assert found["spread"] == pytest.approx(0.1, rel=0.3)


def cloud(kind, n=64, seed=0):
    """Points or images of a kind; the seed tells two draws of one apart."""
    rng = np.random.default_rng(seed)
    square, along = rng.uniform(-0.5, 0.5, (n, 2)), np.pi * rng.uniform(size=n)
    modes = np.stack([np.cos(2 * np.pi * np.arange(8) / 8), np.sin(2 * np.pi * np.arange(8) / 8)])
    return {
        "square": square,
        "crescent": 0.3 * np.stack([np.cos(along), np.sin(along)], 1) + 0.03 * square,
        "ring": modes.T[rng.integers(8, size=n)] + 0.01 * rng.normal(size=(n, 2)),
        "two modes": modes.T[rng.integers(2, size=n)] + 0.01 * rng.normal(size=(n, 2)),
        "line": rng.normal(size=(n, 1)),
        "spike": 0.02 * rng.normal(size=(n, 1)),
        "images": rng.normal(size=(n, 8, 8, 1)),
        "one image": np.ones((n, 8, 8, 1)) + 1e-3 * rng.normal(size=(n, 8, 8, 1)),
    }[kind]


@pytest.mark.parametrize("kind", ["square", "ring", "line", "images"])
@pytest.mark.parametrize("move", [lambda x: x, lambda x: 100 * x, lambda x: x + 7.0])
def test_data_are_as_varied_as_themselves(kind, move):
    """Whatever their unit, and wherever samples lie."""
    real, fake = (jnp.asarray(cloud(kind, seed=s), jnp.float32) for s in (0, 1))
    assert 0.5 < (there := float(variety(real, fake))) < 2
    assert variety(move(real), move(fake)) == pytest.approx(there, rel=0.02)
    assert variety(real, fake + 50.0) == pytest.approx(float(variety(real, fake)), rel=0.05)


@pytest.mark.parametrize(
    ("data", "samples"),
    [("square", "crescent"), ("line", "spike"), ("images", "one image"), ("ring", "two modes")],
)
def test_what_has_collapsed_is_less_varied(data, samples):
    real, fake = (jnp.asarray(cloud(kind), jnp.float32) for kind in (data, samples))
    assert variety(real, fake) < 0.3
    assert variety(fake, real) > 1


def test_a_disc_that_looks_at_the_number():
    """Logit x, of data around 4 and samples at 0: all pairs are right."""
    config = tiny.config(disc__args__hidden=(), gen__args__hidden=())
    edits = with_params("disc", logit=set_to(1.0, bias=0.0))
    found = measured(config, lambda s: with_params("gen", out=set_to(0.0))(edits(s)))
    assert found["auc"] == 1.0
    assert found["logit_real"] == pytest.approx(4, abs=0.6)
    assert found["logit_fake"] == pytest.approx(0, abs=1e-6)
    assert found["gen_grad"] == pytest.approx(0.5, rel=0.05)  # of sp(-s) at 0, in gen's bias


def test_packs_and_moments_are_judged_as_in_training():
    for leaves in ({"disc__pack": 4}, {"disc__view": "moments"}):
        found = measured(tiny.config(batch_size=16, **leaves))
        assert all(np.isfinite(value) for value in found.values())
        assert "logit_held" not in found


def test_held_out_reals_and_examples_from_all_over_the_set():
    config = tiny.config(data__name="digits")
    arrays = open_data(config).examples()
    shown = make_shown(make_setup(config), arrays)
    assert shown.real.x.shape == shown.held_out.x.shape == (64, 8, 8, 1)
    last = open_data(config).to_range(arrays.x[-1])
    np.testing.assert_allclose(shown.real.x[-1], last, atol=1e-6)
    assert float(shown.real.x.min()) == -1.0
    found = measured(config, arrays=arrays)
    assert found["logit_held"] != found["logit_real"]
    whole = tiny.config(data__name="digits", data__split="train+test")
    assert make_shown(make_setup(whole), open_data(whole).examples()).held_out is None


def test_rows_are_measured_as_they_are_alone():
    with jax.debug_key_reuse(False):  # a false alarm under vmap
        rows_like_alone()


def rows_like_alone():
    configs = [tiny.config(seed=s, objective=o) for s, o in ((0, "lsgan"), (1, "hinge"))]
    states, numbers = init_rows(make_members(configs))[0], rows_hypers(configs)
    shown = make_shown(make_setup(configs[0]), None)
    rows = jax.vmap(make_signals(make_setup(configs[0], ("hinge", "lsgan"))), in_axes=(0, 0, None))
    together = jax.jit(rows)(states, numbers, shown)
    for i, config in enumerate(configs):
        state = init_state(config, jax.random.key(config.seed))
        alone = jax.jit(make_signals(make_setup(config)))(state, hypers(config), shown)
        for name, value in alone.items():
            np.testing.assert_allclose(together[name][i], value, rtol=2e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("every", "line", "steps"),
    [(200, 100, [200, 400]), (200, 500, [500, 1_000]), (0, 100, []), (250, 100, [300, 600])],
)
def test_when_signals_are_due(every, line, steps):
    config = tiny.config(diagnose_every_steps=every, log_every_steps=line)
    config.steps = 1_050
    due = [s for s in [*range(line, 1_001, line), 1_050] if schedule_of(config).is_watched(s)]
    assert due[: len(steps)] == steps
    assert due[-1:] == [1_050] * bool(steps)  # the last line has them, too
