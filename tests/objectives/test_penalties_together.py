"""Several penalties in one config, and the one that is gen's alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gan_jax.config import hypers, override, to_json
from gan_jax.games.play import terms
from gan_jax.games.play.penalties import named
from gan_jax.host.errors import ConfigError
from gan_jax.steps import init_state, make_train_step
from gan_jax.sweeps import rows
from gan_jax.sweeps.cohort import init_rows, make_members, make_train_rows
from gan_jax.sweeps.resolve import resolve
from gan_jax.training import experiment


def config(penalties=(), **leaves):
    c = tiny.config(data__name="ring", **leaves)
    for name, weight in dict(penalties).items():
        c.penalties[name] = weight
    return c


def play(c, start=0):
    """The state after a step on one batch, and its metrics."""
    state = init_state(c, jax.random.key(0)).replace(step=jnp.int32(start))
    state, metrics = jax.jit(make_train_step(c))(state, tiny.batch(c, (2,)), hypers(c))
    return state, metrics


def assert_same(one, other, of=("gen", "disc"), **tolerance):
    both = ([state.players[name] for name in of] for state in (one, other))
    for a, b in zip(*map(jax.tree.leaves, both), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


def test_a_penalty_is_the_same_wherever_it_is_named():
    alone, alone_metrics = play(config(penalty__name="r1", penalty__weight=2.0))
    more, metrics = play(config({"r1": 2.0}))
    assert_same(alone, more, rtol=0)
    assert metrics["penalty_r1"] == alone_metrics["penalty"]
    assert "penalty" not in metrics
    both, metrics = play(
        config({"r1": 2.0, "centring": 0.5}, penalty__name="r2", penalty__weight=1.0)
    )
    assert {"penalty", "penalty_r1", "penalty_centring"} <= set(metrics)
    assert not np.array_equal(*(jax.tree.leaves(p.players["disc"].params)[0] for p in (both, more)))


def test_each_weight_is_of_its_own_penalty():
    """R1 and R2 by name are R1 + R2; with a weight of 0 a penalty is not there."""
    sgd = {"disc__optimizer": "sgd", "disc__lr": 0.1}
    fused, _ = play(config(penalty__name="r1r2", penalty__weight=2.0, **sgd))
    two, _ = play(config({"r1": 2.0, "r2": 2.0}, **sgd))
    mixed, _ = play(
        config({"r2": 2.0, "centring": 0.0}, penalty__name="r1", penalty__weight=2.0, **sgd)
    )
    assert_same(fused, two, rtol=1e-4, atol=1e-6)
    assert_same(mixed, two, rtol=1e-4, atol=1e-6)


def test_random_penalties_draw_apart_and_a_memory_is_kept():
    c = config({"cr": 1.0, "lecam": 1.0}, penalty__name="bcr", penalty__weight=1.0)
    assert {"mean_real", "updates"} <= set(init_state(c, jax.random.key(0)).memory)
    place = {each.name: each.place for each in named(c)}
    assert place == {"bcr": 0, "cr": 1, "lecam": 2}
    state, _ = play(c)  # the tests check that no key is used twice
    assert state.memory["updates"] == 1


def test_laziness_is_of_penalty_name_alone():
    c = config({"r2": 1.0}, penalty__name="r1", penalty__weight=1.0, penalty__every_steps=2)
    _, metrics = play(c, start=1)
    assert metrics["penalty"] == 0 < metrics["penalty_r2"]


def test_rows_with_other_weights_are_one_program():
    c = config(penalty__name="r1", penalty__weight=0.1)
    settings = [{"penalties.centring": w, "penalty.weight": 0.1} for w in (0.01, 1.0)]
    settings.append({"penalty.weight": 0.1})
    resolved = resolve(c, settings)
    cohorts = rows.group(resolved)
    assert [len(cohort.rows) for cohort in cohorts] == [2, 1]
    assert "penalties.centring" in cohorts[1].why
    assert "penalties" not in str(rows.as_known_before(resolved[2].config))  # its id is as ever
    configs = [config({"centring": w}) for w in (0.01, 1.0)]
    with jax.debug_key_reuse(False):  # a false alarm under vmap
        states, h = init_rows(make_members(configs))
        many = jax.jit(make_train_rows(make_members(configs).setup))
        orders = jnp.zeros((2, configs[0].log_every_steps, 1, 0), jnp.int32)
        after, _ = many(states, (), orders, h, np.int32(1))
    first, last = (jax.tree.map(lambda a, i=i: a[i], after.players) for i in (0, 1))
    disc = jax.tree.leaves(first["disc"].params), jax.tree.leaves(last["disc"].params)
    assert not all(np.array_equal(a, b) for a, b in zip(*disc, strict=True))


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (
            {"penalties.centering": "0.1"},
            "penalties 'centering' is unknown.*Did you mean 'centring'",
        ),
        ({"penalties.r1": "-1"}, "penalties.r1 is -1: expected a finite number of at least 0"),
        ({"penalties.r1": "much"}, "penalties.r1 is 'much': expected a finite number"),
        ({"penalties.r1": "1", "penalty.name": "r1"}, "penalty.name is 'r1' already"),
        (
            {"penalty.name": "transport", "penalty.weight": "1"},
            "latent.dim is 3: expected 2, the size of an example",
        ),
    ],
)
def test_what_is_no_penalty_or_no_weight_is_refused(texts, says):
    c = config(latent__dim=3)
    assert not override(c, texts)
    with pytest.raises(ConfigError, match=says):
        experiment.check(c)


def test_the_command_line_names_and_weighs_them():
    c = config()
    assert not override(c, {"penalties.centring": "0.01", "penalties.r2": "1"})
    assert to_json(c)["penalties"] == {"centring": 0.01, "r2": 1}
    assert experiment.check(c).config.penalties.r2 == 1


def test_transport_falls_along_a_cosine_and_is_gens_alone():
    case = terms.Case(*[None] * 10)._replace(z=jnp.zeros((3, 2)), own=jnp.ones((3, 2)))

    def at(step, **numbers):
        return terms.transport_term(case._replace(step=jnp.int32(step)), 0.2, **numbers)

    falling = [at(t, end=0.025, steps=100.0)[0] for t in (0, 50, 100, 999)]
    np.testing.assert_allclose(falling, [0.2, 0.1025, 0.005, 0.005], rtol=1e-6)
    np.testing.assert_allclose(at(70), [0.2] * 3, rtol=1e-6)
    simultaneous = {"dynamics__name": "simultaneous", "penalty__name": "transport"}
    without, _ = play(config(**simultaneous, penalty__weight=0.0))
    with_it, _ = play(config(**simultaneous, penalty__weight=5.0))
    assert_same(without, with_it, of=("disc",), rtol=0)
    gens = (jax.tree.leaves(state.players["gen"].params) for state in (without, with_it))
    assert not all(np.array_equal(a, b) for a, b in zip(*gens, strict=True))
