"""The synthetic laws: densities against scipy, samples against densities, tracing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

from gan_jax.data import gaussian1d, grid, mixture1d, ring

LAWS = {"gaussian1d": gaussian1d, "grid": grid, "mixture1d": mixture1d, "ring": ring}


def test_the_laws_are_the_published_ones():
    np.testing.assert_allclose(np.linalg.norm(ring.centres(), axis=1), 1, rtol=1e-6)
    assert len({tuple(c) for c in np.round(np.asarray(ring.centres()), 4).tolist()}) == 8
    wanted = {(float(i), float(j)) for i in range(-4, 5, 2) for j in range(-4, 5, 2)}
    assert {tuple(c) for c in grid.centres().tolist()} == wanted
    assert (ring.scale(), grid.scale()) == (0.01, 0.05)


@pytest.mark.parametrize("name", LAWS)
def test_samples_are_float32_and_repeat(name):
    law, key = LAWS[name], jax.random.key(0)
    x = law.sample(key, 64)
    assert x.shape == (64, *law.spec().shape)
    assert x.dtype == jnp.float32
    np.testing.assert_array_equal(x, law.sample(jax.random.key(0), 64))
    assert law.log_density(x).shape == (64,)


def test_gaussian1d_against_scipy():
    law = scipy.stats.norm(4, 1.25)
    x = np.linspace(-2, 10, 101, dtype=np.float32)[:, None]
    np.testing.assert_allclose(gaussian1d.log_density(x), law.logpdf(x[:, 0]), rtol=1e-5)
    sample = np.asarray(gaussian1d.sample(jax.random.key(1), 20000))[:, 0]
    assert scipy.stats.kstest(sample, law.cdf).pvalue > 0.01


def test_the_mixture_on_the_line_integrates_to_its_distribution_function():
    x = np.linspace(-6, 6, 4001, dtype=np.float32)
    density = np.exp(np.asarray(mixture1d.log_density(x[:, None])))
    cdf = np.asarray(mixture1d.cdf(x))
    found = scipy.integrate.cumulative_trapezoid(density, x, initial=0)
    np.testing.assert_allclose(found, cdf, atol=1e-4)
    sample = np.asarray(mixture1d.sample(jax.random.key(1), 20000))[:, 0]
    assert (
        scipy.stats.kstest(sample, lambda x: np.interp(x, np.linspace(-6, 6, 4001), cdf)).pvalue
        > 0.01
    )


@pytest.mark.parametrize(("law", "sigma"), [(ring, 0.01), (grid, 0.05)])
def test_mixture_density_against_scipy(law, sigma):
    centres = np.asarray(law.centres(), np.float64)
    near = centres + sigma * np.random.default_rng(0).normal(size=centres.shape)
    x = np.concatenate([near, 0.9 * centres, np.zeros((1, 2))]).astype(np.float32)
    normals = [scipy.stats.multivariate_normal(c, sigma**2) for c in centres]
    logs = np.stack([normal.logpdf(x) for normal in normals])
    expected = scipy.special.logsumexp(logs, axis=0) - np.log(len(centres))
    np.testing.assert_allclose(law.log_density(x), expected, rtol=2e-4, atol=2e-3)


@pytest.mark.parametrize(("law", "sigma"), [(ring, 0.01), (grid, 0.05)])
def test_mixture_samples_fit(law, sigma):
    centres, n = np.asarray(law.centres(), np.float64), 20000
    x = np.asarray(law.sample(jax.random.key(2), n), np.float64)
    mode = np.linalg.norm(x[:, None] - centres[None], axis=2).argmin(1)
    assert scipy.stats.chisquare(np.bincount(mode, minlength=len(centres))).pvalue > 0.01
    residual = ((x - centres[mode]) / sigma).ravel()
    assert scipy.stats.kstest(residual, scipy.stats.norm.cdf).pvalue > 0.01


def test_densities_integrate_to_one():
    line = np.linspace(-8, 16, 4001, dtype=np.float32)
    density = np.exp(np.asarray(gaussian1d.log_density(line[:, None]), np.float64))
    assert scipy.integrate.trapezoid(density, line) == pytest.approx(1, abs=1e-4)
    for law, args in ((ring, {"sigma": 0.2}), (grid, {"sigma": 0.3})):
        line = np.linspace(-7, 7, 401)
        points = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2).astype(np.float32)
        density = np.exp(np.asarray(law.log_density(points, **args), np.float64))
        assert density.sum() * (line[1] - line[0]) ** 2 == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "arg"), [("gaussian1d", "std"), ("ring", "sigma"), ("grid", "sigma")]
)
def test_laws_trace(name, arg):
    law = LAWS[name]
    values = jnp.array([0.5, 1.0, 2.0])

    def both(key, value):
        x = law.sample(key, 5, **{arg: value})
        return x, law.log_density(x, **{arg: value})

    x, log_p = jax.jit(jax.vmap(both))(jax.random.split(jax.random.key(3), 3), values)
    alone = law.sample(jax.random.split(jax.random.key(3), 3)[1], 5, **{arg: 1.0})
    np.testing.assert_allclose(x[1], alone, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(log_p[1], law.log_density(alone, **{arg: 1.0}), rtol=1e-4)
