"""A gradient that is not finite moves nothing, is counted and named; the policies act on it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tiny

from gan_jax.config import hypers
from gan_jax.data import Arrays
from gan_jax.dynamics import DYNAMICS
from gan_jax.dynamics.guard import SMALL, guarded, is_finite, leaf_name, refusals
from gan_jax.steps import init_state, make_train_many, make_train_step
from gan_jax.training.steps import jit_loop
from gan_jax.types import Batch

PARAMS = {"a": np.ones((2, 3), np.float32), "b": {"w": np.zeros(4, np.float32)}}


def run(grads):
    """Adam behind the guard, and alone on the finite ones."""
    both = []
    for transform, kept in (
        (guarded(optax.adam(0.1)), grads),
        (optax.adam(0.1), [g for g in grads if np.isfinite(g["b"]["w"]).all()]),
    ):
        w, state = PARAMS, transform.init(PARAMS)
        for g in kept:
            updates, state = transform.update(g, state, w)
            w = optax.apply_updates(w, updates)
        both.append((w, state))
    return both


def gradients(*bad):
    rng, out = np.random.default_rng(0), []
    for i in range(6):
        g = jax.tree.map(lambda w: rng.normal(size=w.shape).astype(np.float32), PARAMS)
        if i in bad:
            g["b"]["w"][2] = [np.nan, np.inf][i % 2]
        out.append(g)
    return out


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(*map(jax.tree.leaves, (a, b)), strict=True))


@pytest.mark.parametrize("bad", [(), (0,), (2, 3), (5,)])
def test_a_refused_update_is_as_if_it_had_not_been(bad):
    (w, state), (alone, plain) = run(gradients(*bad))
    assert same(w, alone)
    assert same(state.inner, plain)
    assert int(state.refused.times) == len(bad)
    assert int(state.refused.updates) == 6
    assert int(state.refused.first) == (bad[0] if bad else -1)
    assert int(state.refused.leaf) == (1 if bad else -1)


def test_the_leaf_has_a_name():
    assert [leaf_name(PARAMS, i) for i in range(2)] == ["a", "b/w"]
    assert leaf_name(np.ones(3), 0) == "weights"


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (100, 80), (2, 2, 50, 40)])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_one_example_or_one_unit_spoils_is_seen(shape, value):
    """x^T delta with one bad number in x, or in delta, for small and for large kernels."""
    rng = np.random.default_rng(1)
    if len(shape) < 2:
        g = rng.normal(size=shape).astype(np.float32)
        assert is_finite(jnp.asarray(g))
        assert not is_finite(jnp.asarray(g).at[(-1,) * len(shape)].set(value))
        return
    assert (np.prod(shape) > SMALL) == (shape[-1] > 20)
    x, delta = rng.normal(size=(7, int(np.prod(shape[:-1])))), rng.normal(size=(7, shape[-1]))
    assert is_finite(jnp.asarray((x.T @ delta).reshape(shape), jnp.float32))
    for side in (x, delta):
        spoilt = side.copy()
        spoilt[3, -1] = value
        with np.errstate(invalid="ignore"):
            product = (spoilt.T @ delta) if side is x else (x.T @ spoilt)
        assert not is_finite(jnp.asarray(product.reshape(shape), jnp.float32))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(DYNAMICS))
def test_no_dynamics_applies_a_poisoned_step(name):
    """A NaN among the reals, at first and later: disc keeps every bit, its statistics too."""
    config = tiny.config(dynamics__name=name, disc__normalise="spectral")
    state, numbers = init_state(config, jax.random.key(0)), hypers(config)
    x, step = tiny.batch(config).x, jax.jit(make_train_step(config))
    for _ in range(2):  # the second time with what a good step has left in state.memory
        after, _ = step(state, Batch(x.at[0, 0].set(jnp.nan)), numbers)
        assert same(after.players["disc"].params, state.players["disc"].params)
        assert same(after.players["disc"].vars, state.players["disc"].vars)
        assert same(kept(after, "disc"), kept(state, "disc"))
        assert int(refusals(after)["disc"].times) == 1
        good, _ = step(state, Batch(x), numbers)
        assert not same(good.players["disc"].params, state.players["disc"].params)
        assert int(refusals(good)["disc"].times) == 0
        state = good


def kept(state, player):
    """What the dynamics remember of a player, by name."""
    return {name: of_all[player] for name, of_all in state.memory.items()}


def many(policy, bad, steps=5):
    """steps on stored points, of which number `bad` is NaN in the step that meets it."""
    config = tiny.config(nonfinite__policy=policy, data__name="digits", data__low=0.0)
    state, numbers = init_state(config, jax.random.key(0)), hypers(config)
    x = np.random.default_rng(0).uniform(size=(40, 8, 8, 1)).astype(np.float32)
    x[bad] = np.nan
    order = jnp.arange(40, dtype=jnp.int32).reshape(5, 1, 8)
    before = jax.tree.map(jnp.copy, state)
    after, metrics = jit_loop(make_train_many(config))(
        state, Arrays(jnp.asarray(x), None), order, numbers, np.int32(steps)
    )
    return before, after, metrics


def test_rollback_takes_back_the_whole_dispatch_and_the_clock_goes_on():
    before, after, metrics = many("rollback", bad=[17, 39])
    assert same(after.players["gen"].params, before.players["gen"].params)
    assert same(after.players["disc"].opt.inner, before.players["disc"].opt.inner)
    assert same(after.averages["gen"], before.averages["gen"])
    assert int(after.step) == 5
    assert int(metrics["guard"]["disc"].times) == 1  # for the way back, however many were refused
    assert int(metrics["guard"]["disc"].first) == 2
    assert int(metrics["guard"]["disc"].updates) == 5


def test_skip_leaves_out_the_one_update():
    before, after, metrics = many("skip", bad=[17, 18, 39])
    assert not same(after.players["gen"].params, before.players["gen"].params)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(after.players))
    assert int(metrics["guard"]["disc"].times) == 2
    assert int(metrics["guard"]["gen"].times) == 0


def test_without_a_bad_number_the_policies_are_one_training():
    ends = [many(policy, bad=[])[1] for policy in ("stop", "rollback")]
    assert same(ends[0].players, ends[1].players)
