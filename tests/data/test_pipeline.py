"""The order of examples is a function of (seed, step), whatever feeds the device."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gan_jax import data
from gan_jax.config import hypers
from gan_jax.data import Arrays, open_data, pipeline
from gan_jax.host.errors import ConfigError
from gan_jax.place import place_batch
from gan_jax.steps import init_state, make_sampler, make_train_step
from gan_jax.sweeps.cohort import make_source
from gan_jax.training import experiment
from gan_jax.training.together import digest
from gan_jax.types import Batch


def key(seed=3):
    return jax.random.key(seed)


def small(**leaves):
    return tiny.config(data__name="digits", batch_size=10, log_every_steps=6, **leaves)


def rows_of(config, size, step, seed=3):
    return np.asarray(jax.jit(pipeline.make_order(config, size))(key(seed), np.int32(step)))


@pytest.mark.parametrize("k", [1, 3])
def test_an_epoch_shows_every_example_once(k):
    config = small(dynamics__k_disc=k)
    rows = rows_of(config, 30 * k, 0).reshape(-1)
    for epoch in np.split(rows, 2):
        assert sorted(epoch) == list(range(30 * k))
    first, second = np.split(rows, 2)
    assert not np.array_equal(first, second)


def test_the_rest_of_an_epoch_waits():
    """34 examples make three batches of ten: four are left out, others each time."""
    rows = rows_of(small(), 34, 0)
    for epoch in rows.reshape(2, 30):
        assert len(set(epoch)) == 30


def test_fewer_examples_than_a_batch_are_one_line():
    """What the config was checked against is what is recorded of a set, not what is there."""
    for size in (0, 9):
        with pytest.raises(ConfigError, match=f"batch_size is 10: expected at most {size}, the ex"):
            rows_of(small(), size, 0)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("size", [10, 34, 57])
def test_a_step_meets_the_same_examples_from_any_dispatch(k, size):
    config = small(dynamics__k_disc=k)
    order = jax.jit(pipeline.make_order(config, size))
    whole = [order(key(), np.int32(step))[0] for step in range(14)]
    for start in (0, 1, 5, 8):
        np.testing.assert_array_equal(order(key(), np.int32(start)), whole[start : start + 6])


def test_what_is_remembered_is_the_same_and_shuffled_once_an_epoch():
    order, made = pipeline.make_order(small(), 57), []  # five batches an epoch, six a dispatch

    def shuffles(key, epoch):
        jax.debug.callback(made.append, epoch)
        return order.shuffles(key, epoch)

    call = pipeline.remembered(dataclasses.replace(order, shuffles=shuffles))
    for step in (0, 1, 4, 5, 11, 3):
        np.testing.assert_array_equal(call(key(), np.int32(step)), order(key(), np.int32(step)))
    jax.effects_barrier()
    assert [int(e) for e in made] == [0, 1, 2, 0]


def test_another_key_is_another_order():
    one, other = (rows_of(small(), 40, 0, s) for s in (0, 1))
    assert not np.array_equal(one, other)


def test_device_and_host_feed_the_same_examples():
    config = small()
    arrays = data.load("digits", "train")
    state = init_state(config, key())
    take = pipeline.make_take(config, open_data(config))
    on_device = pipeline.make_source(config, arrays, place_batch())
    config.data.device_mb = 0
    on_host = pipeline.make_source(config, arrays, place_batch())
    for start in (0, 6, 12, 6):  # also going back, as after a resume
        a, b = on_device(key(), np.int32(start)), on_host(key(), np.int32(start))
        for i in range(6):
            one = take(state, a.examples, a.order[i])
            other = take(state, b.examples, b.order[i])
            np.testing.assert_array_equal(one.x, other.x)
            np.testing.assert_array_equal(one.label, other.label)


def numbered(size, others):
    """Examples of all fields, each of which has the number of its row in it."""
    row = np.arange(max(size, others), dtype=np.uint8)
    return Arrays(
        row[:size, None, None, None] + np.zeros((1, 2, 2, 3), np.uint8),
        row[:size].astype(np.int32),
        row[:others, None, None, None] + np.zeros((1, 3, 3, 1), np.uint8),
        row[:size, None].astype(np.int32) + np.zeros((1, 4), np.int32),
    )


def rows_met(config, arrays, steps=6):
    """{field: rows [steps, K, B]} of a dispatch's batches, however they come."""
    take = pipeline.make_take(config, open_data(tiny.config(data__name="digits")))
    state = init_state(tiny.config(), key())
    source = pipeline.make_source(config, arrays, place_batch())(key(), np.int32(0))
    batches = [take(state, source.examples, source.order[i]) for i in range(steps)]
    found = {}
    for name in Arrays._fields:
        values = np.stack([getattr(batch, name) for batch in batches])
        rows = values.reshape(*values.shape[:3], -1)[..., 0]
        found[name] = np.round((rows + 1) * 127.5) if name in ("x", "other") else rows
    return found


def test_games_are_given_the_fields_that_sets_have():
    assert Batch._fields == Arrays._fields


@pytest.mark.parametrize("megabytes", [0, 64])
def test_all_fields_of_an_example_come_together(megabytes):
    config = small(data__device_mb=megabytes, dynamics__k_disc=2)
    found = rows_met(config, numbered(57, 57))
    for name in Arrays._fields:
        np.testing.assert_array_equal(found[name], found["x"])


@pytest.mark.parametrize("megabytes", [0, 64])
def test_domains_that_are_apart_each_have_an_order(megabytes):
    config = small(data__device_mb=megabytes, data__paired=False)
    found = rows_met(config, numbered(30, 60))
    for name in ("label", "text"):
        np.testing.assert_array_equal(found[name], found["x"])
    assert sorted(found["other"].ravel()) == list(range(60))  # an epoch of it, two of the first
    for epoch in np.split(found["x"].ravel(), 2):
        assert sorted(epoch) == list(range(30))
    equal = rows_met(config, numbered(60, 60))
    assert (equal["x"] == equal["other"]).mean() < 0.2


def test_rows_of_a_cohort_meet_the_orders_that_they_meet_alone():
    for paired in (True, False):
        config, arrays = small(data__paired=paired), numbered(30, 60)
        keys = jax.vmap(jax.random.key)(jnp.arange(2))
        together = make_source(config, 2, arrays, place_batch())(keys, np.int32(6))[1]
        alone = pipeline.make_orders(config, arrays)(keys[1], np.int32(6))
        np.testing.assert_array_equal(together[1], alone)


def test_the_digest_is_of_all_fields():
    arrays = numbered(9, 9)
    other = [arrays._replace(**{name: field + 1}) for name, field in arrays.fields().items()]
    other += [arrays._replace(**{name: None}) for name in ("label", "other", "text")]
    assert len({digest(each) for each in (arrays, *other)}) == 8


@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_pixels_fill_their_range_and_come_back(low):
    pixels = jnp.arange(256, dtype=jnp.uint8)
    opened = open_data(tiny.config(data__name="digits", data__low=low))
    x = opened.to_range(pixels)
    assert float(x.min()) == low
    assert float(x.max()) == pytest.approx(1.0)
    np.testing.assert_allclose(opened.to_unit(x) * 255, np.arange(256), atol=1e-3)


def test_a_law_is_drawn_anew_each_step_and_update():
    config = tiny.config(dynamics__k_disc=2)
    state, take = init_state(config, key()), pipeline.make_take(config, open_data(config))
    first = take(state, (), jnp.zeros((2, 0), int)).x
    again = take(state, (), jnp.zeros((2, 0), int)).x
    later = take(state.replace(step=state.step + 1), (), jnp.zeros((2, 0), int)).x
    assert first.shape == (2, 8, 1)
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(np.concatenate([first.ravel(), later.ravel()]))) == 32


def ring(**leaves):
    return tiny.config(data__name="ring", batch_size=10, log_every_steps=6, **leaves)


def test_a_laws_points_are_drawn_once_for_all_seeds():
    one = open_data(ring(data__points=30)).examples()
    other = open_data(ring(data__points=30, seed=5, steps=7)).examples()
    np.testing.assert_array_equal(one.x, other.x)
    assert one.x.shape == (30, 2)
    assert one.x.dtype == np.float32
    assert np.abs(np.linalg.norm(one.x, axis=1) - 1).max() < 0.06  # sigma .01, radius 1
    assert open_data(ring()).examples() is None


def test_an_epoch_of_a_laws_points_shows_each_once():
    config = ring(data__points=30)
    source = pipeline.make_source(config, open_data(config).examples(), place_batch())
    state = init_state(config, key())
    examples, order = source(key(), np.int32(0))
    take = pipeline.make_take(config, open_data(config))
    seen = np.concatenate([take(state, examples, order[i]).x[0] for i in range(3)])
    np.testing.assert_array_equal(np.sort(seen, axis=0), np.sort(examples[0], axis=0))


@pytest.mark.parametrize(
    ("leaves", "says"),
    [
        (
            {"data__name": "ring", "data__points": 5},
            "batch_size is 8: expected at most data.points",
        ),
        ({"data__name": "digits", "data__points": 50}, "expected 0, as digits is not synthetic"),
        ({"data__name": "ring", "data__points": -1}, "data.points is -1"),
    ],
)
def test_points_that_cannot_be(leaves, says):
    with pytest.raises(ConfigError, match=says):
        experiment.check(tiny.config(**leaves))


def test_gens_averages_follow_its_own_update_alone():
    """Once a step, by the fakes that both players met; samples are made with them."""
    config = ring(gen__args__batch_norm=True, dynamics__name="simultaneous", ema__decay=0.0)
    state = init_state(config, key())
    batch = tiny.batch(config, (2,))
    after, _ = jax.jit(make_train_step(config))(state, batch, hypers(config))
    old, new = (
        s.players["gen"].vars["batch_stats"]["Stack_0"]["norm_0"]["norm"] for s in (state, after)
    )
    share = (np.asarray(new["var"]) - 0.95) / 0.05  # twice would leave .9 and not .95 of the old
    assert np.asarray(old["var"]).tolist() == [1.0] * 4
    assert (share > 0).all()
    z = jax.random.normal(key(), (5, 2))
    sample = make_sampler(config)
    np.testing.assert_allclose(sample(after, z)[:2], sample(after, z[:2]), rtol=1e-5, atol=1e-6)
    with_old = sample(after.with_player("gen", vars=state.players["gen"].vars), z)
    assert not np.allclose(sample(after, z), with_old)


@pytest.mark.parametrize(
    ("split", "held_out"),
    [("train", True), ("train[:50%]", True), ("train+test", False), ("test[:9]", False)],
)
def test_a_test_split_is_held_out_unless_some_of_it_is_trained_on(split, held_out):
    assert open_data(small(data__split=split)).has_held_out == held_out


def test_a_law_holds_nothing_out():
    assert not open_data(tiny.config(data__name="ring")).has_held_out
