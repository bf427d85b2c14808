"""What stands beside the table: began, ebgan, gan_qp and the rescaled gradient."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.objectives import began, ebgan, gan_qp, pulling_away, rescale_gradient
from gan_jax.objectives.samples import transport


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def test_began_balances_within_its_clip(x64):
    real, fake = jnp.array([0.3, 0.5]), jnp.array([0.1, 0.4])
    losses, k = began(real, fake, 0.2, gamma=0.7, rate=0.5)
    np.testing.assert_allclose(losses.disc, [0.3 - 0.2 * 0.1, 0.5 - 0.2 * 0.4])
    np.testing.assert_allclose(losses.gen, fake)
    np.testing.assert_allclose(k, 0.2 + 0.5 * (0.7 * 0.4 - 0.25))
    assert began(real, fake, 0.99, gamma=0.7, rate=50.0)[1] == 1
    assert began(real, fake, 0.01, gamma=0.1, rate=50.0)[1] == 0
    assert jax.grad(lambda real: began(real, fake, 0.2)[1])(real).tolist() == [0, 0]


def test_ebgan_spares_fakes_beyond_the_margin(x64):
    real, fake = jnp.array([0.3, 0.5]), jnp.array([4.0, 12.0])
    encodings = jnp.array([[3.0, 0.0], [1.0, 1.0]])  # cos^2 = 1/2
    losses = ebgan(real, fake, encodings, margin=10.0, weight=0.1)
    np.testing.assert_allclose(losses.disc, [0.3 + 6.0, 0.5])
    np.testing.assert_allclose(losses.gen, [4.05, 12.05])


def test_pulling_away_is_the_mean_squared_cosine_of_different_encodings(x64):
    encodings = np.random.default_rng(0).normal(size=(5, 3)) * np.arange(1, 6)[:, None]
    unit = encodings / np.linalg.norm(encodings, axis=1, keepdims=True)
    by_hand = [np.mean([(unit[i] @ unit[j]) ** 2 for j in range(5) if j != i]) for i in range(5)]
    np.testing.assert_allclose(pulling_away(jnp.asarray(encodings)), by_hand)
    np.testing.assert_allclose(pulling_away(jnp.eye(4)), np.zeros(4))


@pytest.mark.parametrize("shape", [(3, 2), (1, 2)])
def test_pulling_away_is_safe_for_zero_encodings_and_a_batch_of_one(shape):
    value, pullback = jax.vjp(jax.jit(pulling_away), jnp.zeros(shape))
    assert np.all(value == 0)
    assert np.all(pullback(jnp.ones_like(value))[0] == 0)


def test_gan_qp_is_least_where_the_difference_is_the_distance(x64):
    real, fake = np.random.default_rng(0).normal(size=(2, 5, 3, 2))
    d = 10 * np.abs(real - fake).mean((1, 2))
    s = jnp.asarray(np.random.default_rng(1).normal(size=5))
    loss = lambda D: gan_qp(s + D, s, real, fake).disc  # noqa: E731
    np.testing.assert_allclose(loss(d), -d / 2)
    np.testing.assert_allclose(jax.grad(lambda D: loss(D).sum())(jnp.asarray(d)), 0, atol=1e-14)
    for away in (-0.1, 0.1):
        assert np.all(loss(d + away) > loss(d))
    losses = gan_qp(s, 2 * s, real, fake)
    np.testing.assert_allclose(losses.gen, -s)
    np.testing.assert_allclose(losses.disc, s + s**2 / (2 * d))
    twins = gan_qp(s, s + 1, real, real)  # no distance: no quadratic term
    assert losses.disc.shape == (5,)
    np.testing.assert_allclose(twins.disc, 1)
    with pytest.raises(ValueError, match="pairs by index"):
        gan_qp(s, s[:1], real, fake[:1])


def test_transport_is_least_where_the_order_is_kept(x64):
    """Of all ways to give 6 latents 6 numbers; it is 0 where nothing moves."""
    z, x = np.random.default_rng(0).normal(size=(2, 6))
    ways = np.asarray(list(itertools.permutations(np.sort(x))))
    costs = jax.vmap(lambda x: transport(jnp.asarray(np.sort(z))[:, None], x[:, None]).mean())(ways)
    assert np.argmin(costs) == 0  # the first one is in order
    np.testing.assert_allclose(costs[0], ((np.sort(x) - np.sort(z)) ** 2).mean())
    images = jnp.asarray(np.random.default_rng(1).normal(size=(2, 3, 2, 2)))
    flat = images.reshape(2, 12)
    np.testing.assert_array_equal(transport(flat, images), [0, 0])
    np.testing.assert_allclose(transport(flat, images + 0.5), [0.25, 0.25])


@pytest.mark.parametrize(
    ("size", "norm"), [(1e-30, 0.1), (2.0, 2 * np.sqrt(55)), (0.0, 0)], ids=["tiny", "large", "0"]
)
def test_gradients_are_lifted_to_the_target_over_the_whole_batch(size, norm):
    x = jnp.arange(6.0).reshape(3, 2)  # of norm sqrt(55)
    value, pullback = jax.vjp(rescale_gradient, x, 0.1)
    slope, on_target = pullback(size * x)
    np.testing.assert_array_equal(value, x)
    np.testing.assert_allclose(slope, norm / np.sqrt(55) * x, rtol=1e-6)
    assert on_target == 0
