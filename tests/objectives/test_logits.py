"""Numbers per example: wide enough, of the right shape, and with the right mean."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.objectives import OBJECTIVES
from gan_jax.objectives.logits import add, mean_of_top, on_logits, widen
from gan_jax.types import Losses


@pytest.mark.parametrize("name", ["hinge", "ragan"])
@pytest.mark.parametrize(("n_real", "n_fake"), [(1, 7), (7, 1)])
def test_uneven_batches_have_the_mean_of_even_ones(name, n_real, n_fake):
    real, fake = np.linspace(-2, 2, n_real), np.linspace(1, -1.5, n_fake)
    uneven = OBJECTIVES[name](jnp.asarray(real), jnp.asarray(fake))
    even = OBJECTIVES[name](jnp.asarray(np.resize(real, 7)), jnp.asarray(np.resize(fake, 7)))
    for a, b in zip(uneven, even, strict=True):
        np.testing.assert_allclose(np.mean(a), np.mean(b), rtol=1e-5)


def test_terms_add_by_example_or_by_mean():
    first, second = jnp.array([1.0, 2.0]), jnp.array([3.0, 5.0])
    assert add(first, second).tolist() == [4, 7]
    assert add(first, jnp.array([3.0, 5.0, 10.0])).tolist() == [7, 8]
    assert add(first, second[:1]).tolist() == [4, 5]
    assert add(first[:1], second).tolist() == [5]


def test_the_mean_of_the_top_is_the_plain_mean_where_all_are_taken():
    rng = np.random.default_rng(0)
    loss, logits = jnp.asarray(rng.normal(size=9)), jnp.asarray(rng.normal(size=9))
    best = np.argsort(-logits)
    for k in (1, 4, 9):
        found = jax.jit(mean_of_top)(loss, logits, jnp.float32(k))
        np.testing.assert_allclose(found, loss[best[:k]].mean(), rtol=1e-5)
    assert mean_of_top(loss, logits, jnp.float32(9)) == loss.mean()
    np.testing.assert_allclose(mean_of_top(loss, 0 * logits, jnp.float32(2)), loss[:2].mean())


@pytest.mark.parametrize("shape", [(), (2, 1)])
def test_anything_but_a_vector_is_refused(shape):
    vector, other = jnp.zeros(2), jnp.zeros(shape)
    for pair in ((vector, other), (other, vector)):
        with pytest.raises(ValueError, match="not "):
            add(*pair)
        with pytest.raises(ValueError, match="must be"):
            on_logits("nothing")(Losses)(*pair)


def test_only_narrow_numbers_are_widened():
    assert widen(jnp.zeros(2, "bfloat16")).dtype == jnp.float32
    assert widen(jnp.zeros(2, "float16")).dtype == jnp.float32
    assert widen(jnp.zeros(2)).dtype == jnp.float32
