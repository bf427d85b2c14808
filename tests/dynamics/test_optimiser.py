import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.config import get_config, hypers
from gan_jax.config.declaration import CHANGES, OPTIMIZERS, SCHEDULES
from gan_jax.dynamics import optimiser
from gan_jax.dynamics.schedule import SHAPES, between


def numbers(**values):
    return hypers(get_config()).players["gen"] | {
        k: jnp.asarray(v, float) for k, v in values.items()
    }


def trajectory(transform, grads, w=1.0):
    w, state, out = jnp.asarray(w), transform.init(jnp.asarray(w)), []
    for g in grads:
        updates, state = transform.update(jnp.asarray(g), state, w)
        w = optax.apply_updates(w, updates)
        out.append(float(w))
    return out


GRADS = [1.0, -0.5, 2.0, 0.25, 1.5]


def test_the_tables_are_what_config_promises():
    assert set(optimiser.OPTIMIZERS) == set(OPTIMIZERS)
    assert set(SHAPES) == set(CHANGES) == set(SCHEDULES) - {"exponential"}


def test_adam_is_adam():
    ours = optimiser.make_optimizer("adam", "constant", False, False)(
        numbers(lr=0.1, b1=0.8, b2=0.9)
    )
    np.testing.assert_allclose(
        trajectory(ours, GRADS), trajectory(optax.adam(0.1, 0.8, 0.9), GRADS), rtol=1e-6
    )


def test_rmsprop_by_hand():
    ours = optimiser.make_optimizer("rmsprop", "constant", False, False)(numbers(lr=0.1, b2=0.9))
    w, mean, expected = 1.0, 0.0, []
    for g in GRADS:
        mean = 0.9 * mean + 0.1 * g * g
        w -= 0.1 * g / np.sqrt(mean)
        expected.append(w)
    np.testing.assert_allclose(trajectory(ours, GRADS), expected, rtol=1e-5)


def test_sgd_with_ramped_momentum_and_decaying_rate_by_hand():
    """The 2014 recipe: v <- m v - lr g, the rate divided a little each update, with a floor."""
    h = numbers(lr=0.1, lr_decay=0.5, lr_end=0.02, momentum=0.5, momentum_end=0.7, momentum_steps=2)
    ours = optimiser.make_optimizer("sgd", "exponential", False, False)(h)
    w, v, expected = 1.0, 0.0, []
    for t, g in enumerate(GRADS):
        v = (0.5 + 0.2 * min(t / 2, 1)) * v - max(0.1 * 0.5**t, 0.02) * g
        w += v
        expected.append(w)
    np.testing.assert_allclose(trajectory(ours, GRADS), expected, rtol=1e-5)


def test_momentum_stays_without_ramp_steps():
    h = numbers(lr=0.1, momentum=0.9, momentum_end=0.1)
    ours = optimiser.make_optimizer("sgd", "constant", False, False)(h)
    np.testing.assert_allclose(
        trajectory(ours, GRADS), trajectory(optax.sgd(0.1, 0.9), GRADS), rtol=1e-6
    )


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
def test_schedules_start_and_end(schedule):
    h = numbers(lr=0.3, lr_end=0.1, lr_decay=0.5, schedule_steps=10)
    rate = optimiser.rate(schedule, h)
    assert float(rate(jnp.asarray(0.0))) == pytest.approx(0.3)
    end = 0.3 if schedule == "constant" else 0.1
    for count in (10.0, 50.0):
        assert float(rate(jnp.asarray(count))) == pytest.approx(end)
    middle = {"constant": 0.3, "exponential": 0.1, "linear": 0.2, "cosine": 0.2}
    middle = (middle | {"half_linear": 0.3})[schedule]
    assert float(rate(jnp.asarray(5.0))) == pytest.approx(middle)


@pytest.mark.parametrize("schedule", sorted(SHAPES))
def test_at_no_steps_nothing_changes(schedule):
    assert float(between(schedule, 0.3, 0.1, 0, jnp.asarray(7))) == pytest.approx(0.3)


def test_b2_changes_and_corrects_as_pytorch_does():
    """Moments are divided by 1 - b2^t of the present b2, not by the product of all so far."""
    h = numbers(lr=0.1, b1=0.0, b2=0.5, b2_end=0.9, schedule_steps=4)
    ours = optimiser.make_optimizer("adam", "constant", False, False, "linear")(h)
    w, v, expected = 1.0, 0.0, []
    for t, g in enumerate(GRADS):
        b2 = 0.5 + 0.4 * min(t / 4, 1)
        v = b2 * v + (1 - b2) * g * g
        w -= 0.1 * g / (np.sqrt(v / (1 - b2 ** (t + 1))) + 1e-8)
        expected.append(w)
    np.testing.assert_allclose(trajectory(ours, GRADS), expected, rtol=1e-5)


def test_clipping_is_of_the_global_norm():
    h = numbers(lr=1.0, clip=1.0)
    transform = optimiser.make_optimizer("sgd", "constant", True, False)(h)
    params = {"a": jnp.zeros(1), "b": jnp.zeros(1)}
    grads = {"a": jnp.asarray([3.0]), "b": jnp.asarray([4.0])}
    updates, _ = transform.update(grads, transform.init(params), params)
    np.testing.assert_allclose(updates["a"], [-0.6], rtol=1e-6)
    np.testing.assert_allclose(updates["b"], [-0.8], rtol=1e-6)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_weight_decay_is_decoupled(name):
    """With no gradient a weight shrinks by lr * weight_decay, whatever the optimiser."""
    h = numbers(lr=0.1, weight_decay=0.5)
    transform = optimiser.make_optimizer(name, "constant", False, True)(h)
    assert trajectory(transform, [0.0])[0] == pytest.approx(0.95)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
def test_numbers_do_not_retrace(name, schedule):
    traces = []

    @jax.jit
    def update(w, h):
        traces.append(1)
        b2_schedule = schedule if schedule in CHANGES else "constant"
        transform = optimiser.make_optimizer(name, schedule, True, True, b2_schedule)(h)
        return transform.update(w, transform.init(w), w)[0]

    first = update(jnp.ones(3), numbers(lr=0.1, clip=1.0))
    second = update(jnp.ones(3), numbers(lr=0.2, clip=1.0))
    assert len(traces) == 1
    np.testing.assert_allclose(second, 2 * first, rtol=1e-5)
