"""Penalties against finite differences, and example by example."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.objectives import OBJECTIVES, consistency, penalties
from gan_jax.objectives.penalties import PENALTIES

BATCH = 5
TIED = {"max_gp"}  # whose number is the batch's and not the example's
every_penalty = pytest.mark.parametrize("name", list(PENALTIES))


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def network(x, weights):
    """A small smooth critic of points [B, 3]."""
    return jnp.tanh(x @ weights[0]) @ weights[1]


def setting(dtype="float64"):
    """critic, real, fake."""
    rng = np.random.default_rng(0)
    weights = [jnp.asarray(rng.normal(size=shape), dtype) for shape in ((3, 4), (4,))]
    real, fake = (jnp.asarray(x, dtype) for x in rng.normal(size=(2, BATCH, 3)))
    return functools.partial(network, weights=weights), real, fake


def differences(critic, x, step=1e-6):
    """grad_x of the critic by central differences, [B, 3]."""
    moved = (jnp.asarray(np.asarray(x) + step * axis) for axis in np.eye(3))
    back = (jnp.asarray(np.asarray(x) - step * axis) for axis in np.eye(3))
    slopes = [(critic(a) - critic(b)) / (2 * step) for a, b in zip(moved, back, strict=True)]
    return np.stack(slopes, axis=1)


def test_r1_and_r2_are_squared_slopes(x64):
    critic, real, fake = setting()
    on_reals = np.sum(differences(critic, real) ** 2, axis=1)
    on_fakes = np.sum(differences(critic, fake) ** 2, axis=1)
    for name, expected in (("r1", on_reals), ("r2", on_fakes), ("r1r2", on_reals + on_fakes)):
        penalty = PENALTIES[name](critic, real, fake, jax.random.key(0))
        np.testing.assert_allclose(penalty, expected, rtol=1e-7)


@pytest.mark.parametrize(("name", "exact"), [("approximate_r1", "r1"), ("approximate_r2", "r2")])
def test_a_difference_stands_for_a_slope_to_first_order(name, exact, x64):
    """Along each draw it tends to (n grad s)^2, whose mean over n is norm2(grad s)^2."""
    critic, real, fake = setting()

    def by_draw(eps, n=1):
        keys = jax.random.split(jax.random.key(0), n)
        return jax.vmap(lambda key: PENALTIES[name](critic, real, fake, key, eps=eps))(keys)

    limit = by_draw(1e-6)
    far, near = (np.abs(by_draw(eps) - limit) for eps in (1e-2, 1e-3))
    np.testing.assert_allclose(far / near, 10, rtol=0.2)
    mean = by_draw(0.01, 20_000).mean(0)
    np.testing.assert_allclose(mean, PENALTIES[exact](critic, real, fake, None), rtol=0.05)


def test_roths_is_a_quarter_of_r1_and_r2_where_disc_is_unsure(x64):
    critic, real, fake = setting()
    of_r1r2 = PENALTIES["r1r2"](critic, real, fake, None)
    unsure = PENALTIES["roth"](
        lambda x: critic(x) - jax.lax.stop_gradient(critic(x)), real, fake, 0
    )
    np.testing.assert_allclose(unsure, of_r1r2 / 4)
    off_reals, off_fakes = 1 - jax.nn.sigmoid(critic(real)), jax.nn.sigmoid(critic(fake))
    expected = off_reals**2 * PENALTIES["r1"](critic, real, fake, None)
    expected += off_fakes**2 * PENALTIES["r2"](critic, real, fake, None)
    np.testing.assert_allclose(PENALTIES["roth"](critic, real, fake, None), expected)


def test_the_largest_slope_stands_for_the_batch(x64):
    critic, real, fake = setting()
    of_each = PENALTIES["zero_gp"](critic, real, fake, jax.random.key(0))
    largest = PENALTIES["max_gp"](critic, real, fake, jax.random.key(0))
    assert largest.tolist() == [max(of_each.tolist())] * BATCH


def test_centring_picks_one_of_the_logits_that_differ_by_a_shift(x64):
    """It is 0 for antisymmetric pairs, and what is relativistic does not see the shift there."""
    real, fake = np.random.default_rng(0).normal(size=(2, BATCH))
    middle = jnp.asarray((real + fake) / 2)
    centred = real - middle, fake - middle
    np.testing.assert_allclose(penalties.centring(real, fake), 4 * middle**2)
    np.testing.assert_allclose(penalties.centring(*centred), 0, atol=1e-30)
    slopes = jax.grad(lambda fake, real: OBJECTIVES["rpgan"](real, fake).gen.sum())
    np.testing.assert_allclose(slopes(*centred[::-1]), slopes(jnp.asarray(fake), jnp.asarray(real)))
    with pytest.raises(ValueError, match="by pairs"):
        penalties.centring(real, fake[:1])


def test_interpolated_penalties_hold_slopes_at_their_target(x64):
    critic, real, fake = setting()
    slopes = differences(critic, penalties.interpolate(real, fake, jax.random.key(0)))
    norms = np.sqrt(np.sum(slopes**2, axis=1))
    for name, target in (("wgan_gp", 1), ("zero_gp", 0)):
        penalty = PENALTIES[name](critic, real, fake, jax.random.key(0))
        np.testing.assert_allclose(penalty, (norms - target) ** 2, rtol=1e-6)


def test_each_example_is_interpolated_by_its_own_share(x64):
    real, fake = jnp.zeros((64, 3)), jnp.ones((64, 3))
    share = np.asarray(penalties.interpolate(real, fake, jax.random.key(0)))
    assert np.all(share == share[:, :1])
    assert np.all((share >= 0) & (share <= 1))
    assert len(set(share[:, 0])) == 64
    with pytest.raises(ValueError, match="interpolate"):
        penalties.interpolate(real, fake[:1], jax.random.key(0))


def test_dragan_looks_around_the_reals_only(x64):
    _, real, fake = setting()

    def half_square(x):  # its slope at x is x
        return jnp.sum(x**2, axis=1) / 2

    near = PENALTIES["dragan"](half_square, real, fake, jax.random.key(0), c=1e-9)
    np.testing.assert_allclose(near, (np.linalg.norm(real, axis=1) - 1) ** 2, rtol=1e-6)
    zeros = jnp.zeros_like(real).at[0].set(jnp.array([0.01, 0.0, 0.0]))
    square = PENALTIES["dragan"](half_square, zeros, fake, jax.random.key(0), target=0.0)[1:]
    steps = np.sqrt(square) / (0.5 * np.std(zeros))  # |a u|: a of the example, u in [0, 1]^3
    assert np.all((steps > 0) & (steps < np.sqrt(3)))
    assert len(np.unique(steps)) == BATCH - 1


@pytest.mark.parametrize("name", sorted({*PENALTIES} - TIED))
def test_an_example_does_not_touch_the_penalty_of_another(name, x64):
    critic, real, fake = setting()
    before = PENALTIES[name](critic, real, fake, jax.random.key(0))
    # Reversed, not replaced: the one number dragan shares, the batch's std, stays what it was.
    real, fake = real.at[2].set(real[2, ::-1]), fake.at[2].set(fake[2, ::-1])
    after = PENALTIES[name](critic, real, fake, jax.random.key(0))
    assert before.shape == (BATCH,)
    changed = ~np.isclose(before, after, rtol=1e-10, atol=0)
    assert changed.tolist() == [False, False, True, False, False]


def test_a_flat_critic_gives_no_nan_and_pays_only_where_the_target_is_one():
    _, real, fake = setting("float32")

    @jax.jit
    @functools.partial(jax.value_and_grad, has_aux=True)
    def total(slope):
        def flat(x):
            return jnp.sum(slope * x, axis=1)

        values = {n: f(flat, real, fake, jax.random.key(0)) for n, f in PENALTIES.items()}
        return sum(jnp.sum(value) for value in values.values()), values

    (_, values), slope = total(0.0)
    assert np.isfinite(slope)
    for name, value in values.items():
        assert np.all(value == (name in ("wgan_gp", "dragan"))), name


@every_penalty
def test_bfloat16_critics_get_float32_penalties(name):
    critic, real, fake = setting("bfloat16")
    penalty = functools.partial(PENALTIES[name], critic)
    assert jax.eval_shape(penalty, real, fake, jax.random.key(0)).dtype == jnp.float32


def test_squares_of_bfloat16_slopes_keep_their_digits():
    line = functools.partial(jnp.matmul, b=jnp.full(3, 1.0078125, "bfloat16"))
    penalty = PENALTIES["r1"](line, jnp.ones((2, 3), "bfloat16"), None, None)
    np.testing.assert_allclose(penalty, np.full(2, 3 * 1.0078125**2))


@pytest.mark.parametrize("name", ["r1", "r2", "r1r2", "wgan_gp", "zero_gp", "dragan"])
def test_a_critic_of_the_whole_batch_still_gives_one_number_per_example(name, x64):
    critic, real, fake = setting()

    def packed(x):
        return jnp.sum(critic(x), keepdims=True)

    ours = PENALTIES[name](packed, real, fake, jax.random.key(0))
    np.testing.assert_allclose(ours, PENALTIES[name](critic, real, fake, jax.random.key(0)))


def test_norms_run_over_all_axes_but_the_first():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3, 2, 2)))
    expected = np.linalg.norm(np.reshape(x, (4, -1)), axis=1)
    np.testing.assert_allclose(penalties.norm(x), expected, rtol=1e-6)
    np.testing.assert_allclose(penalties.square_norm(x), expected**2, rtol=1e-6)
    np.testing.assert_array_equal(jax.grad(lambda x: jnp.sum(penalties.norm(x)))(0 * x), 0 * x)
    np.testing.assert_allclose(penalties.norm(jnp.array([-2.0, 3.0])), [2, 3])


def test_lecam_pulls_logits_to_the_other_sides_mean(x64):
    real, fake = jnp.array([2.0, -1.0]), jnp.array([1.5, -3.0])
    pulled = penalties.lecam(real, fake, ema_real=1.0, ema_fake=-0.5)
    np.testing.assert_allclose(pulled, [2.5**2 + 0, 0 + 4.0**2])
    means = penalties.update_means(1.0, -0.5, real, fake, decay=0.9)
    np.testing.assert_allclose(means, [0.9 * 1 + 0.1 * 0.5, 0.9 * -0.5 + 0.1 * -0.75])
    slope = jax.grad(lambda real: penalties.update_means(1.0, -0.5, real, fake)[0])(real)
    assert slope.tolist() == [0, 0]


def test_consistency_compares_an_example_with_its_augmented_self(x64):
    critic, real, fake = setting()

    def shift(x, key):
        return x + 0.3

    on_reals = np.square(critic(real) - critic(real + 0.3))
    on_fakes = np.square(critic(fake) - critic(fake + 0.3))
    cr = PENALTIES["cr"](critic, real, fake, jax.random.key(0), augment=shift)
    bcr = PENALTIES["bcr"](critic, real, fake, jax.random.key(0), augment=shift)
    np.testing.assert_allclose(cr, on_reals)
    np.testing.assert_allclose(bcr, on_reals + on_fakes)


def test_latent_consistency_pulls_logits_together_and_images_apart(x64):
    critic, z, _ = setting()
    gen, dz = lambda z: 2 * z, jnp.full((BATCH, 3), 0.1)
    disc = consistency.zcr_disc(critic, gen, z, dz)
    np.testing.assert_allclose(disc, np.square(critic(2 * z) - critic(2 * z + 0.2)))
    np.testing.assert_allclose(consistency.zcr_gen(gen, z, dz), np.full(BATCH, -3 * 0.2**2))


def test_images_are_mirrored_and_shifted_each_by_its_own_draw():
    ramp = np.broadcast_to(np.arange(16)[:, None] + 100 * np.arange(16), (64, 16, 16))
    images = jnp.asarray(ramp[..., None], "float32")
    moved = np.asarray(consistency.augment(images, jax.random.key(0)))[..., 0]
    assert moved.shape == ramp.shape
    assert set(np.unique(moved)) <= set(np.unique(ramp))
    centre = moved[:, 8, 8]  # 8 + 800 unmoved
    rows, columns = centre % 100 - 8, centre // 100
    assert set(rows) == {-2, -1, 0, 1, 2}
    assert set(columns) == {5, 6, 7, 8, 9, 10}  # 8, or 7 when mirrored, give or take 2
    mirrored = moved[:, 8, 9] < moved[:, 8, 8]
    assert 0.25 < np.mean(mirrored) < 0.75


def test_points_are_jittered_a_little():
    x = jnp.zeros((400, 2), "bfloat16")
    moved = consistency.augment(x, jax.random.key(0))
    assert moved.dtype == x.dtype
    np.testing.assert_allclose(np.std(np.asarray(moved, float)), 0.05, rtol=0.1)
