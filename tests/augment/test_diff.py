"""DiffAugment: what each change does to an image, its gradients, and where it acts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from ml_collections import ConfigDict

from gan_jax.augment import diff
from gan_jax.config import hypers
from gan_jax.games import make_setup
from gan_jax.host.errors import ConfigError
from gan_jax.training.steps import init_state, make_train_step
from gan_jax.types import Batch


def key():
    return jax.random.key(4)


X = jax.random.uniform(jax.random.key(0), (64, 16, 16, 3), minval=-1.0) + 2.0  # nowhere 0


def test_colours_change_by_two_numbers_an_image_and_its_means():
    """y = a (x - grey) + b (grey - mean) + mean + c: what is linear in x stays so."""
    found = diff.colour(X, key())
    assert not np.allclose(found, X)
    grey, mean = X.mean(3, keepdims=True), X.mean((1, 2, 3), keepdims=True)
    shift = found.mean((1, 2, 3)) - X.mean((1, 2, 3))
    assert 0.3 < float(jnp.abs(shift).max()) <= 0.5
    contrast = (found.mean(3, keepdims=True) - found.mean((1, 2, 3), keepdims=True)) / (grey - mean)
    assert float(contrast.std((1, 2, 3)).max()) < 1e-3  # one number for each image
    assert 0.5 <= float(contrast.min()) < 0.6
    assert 1.4 < float(contrast.max()) <= 1.5 + 1e-3
    saturation = (found - found.mean(3, keepdims=True)) / (X - grey) / contrast
    assert 0 <= float(jnp.median(saturation, (1, 2, 3)).min()) < 0.2
    assert 1.8 < float(jnp.median(saturation, (1, 2, 3)).max()) <= 2.0 + 1e-3


def test_images_move_by_an_eighth_at_most():
    found = np.asarray(diff.translation(X, key()))
    shifts = set()
    for image, moved in zip(np.asarray(X), found, strict=True):
        padded = np.pad(image, ((2, 2), (2, 2), (0, 0)))
        (shift,) = [
            (i, j)
            for i in range(5)
            for j in range(5)
            if np.array_equal(padded[i : i + 16, j : j + 16], moved)
        ]
        shifts.add(shift)
    assert {i for i, _ in shifts} == {j for _, j in shifts} == {0, 1, 2, 3, 4}


def test_a_box_of_half_the_sides_is_cut_out():
    found = np.asarray(diff.cutout(X, key()))
    cut = (found == 0).all(3)
    np.testing.assert_array_equal(found[~cut], np.asarray(X)[~cut])
    sizes = cut.sum((1, 2))
    assert sizes.max() == 8 * 8
    assert sizes.min() < 40  # where the box leaves the image
    for box in cut:
        rows, columns = np.flatnonzero(box.any(1)), np.flatnonzero(box.any(0))
        assert box.sum() == len(rows) * len(columns)


@pytest.mark.parametrize("kind", diff.KINDS)
def test_gradients_go_through_and_images_do_not_mix(kind):
    slope = jax.grad(lambda x: jnp.square(diff.KINDS[kind](x, key()))[0].sum())(X)
    assert float(jnp.abs(slope[0]).sum()) > 1
    assert float(jnp.abs(slope[1:]).sum()) == 0


def config(**leaves):
    nets = {"gen__net": "dcgan", "disc__net": "dcgan"}
    return tiny.config(
        data__name="digits",
        **nets,
        gen__args=ConfigDict({"channels": (4,)}),
        disc__args=ConfigDict({"channels": (4,)}),
        **leaves,
    )


def test_disc_is_trained_on_changed_images_and_judges_those_that_are_given():
    found = {}
    for augment in ("none", "colour,translation,cutout"):
        c = config(disc__augment=augment, penalty__name="r1", penalty__weight=0.1)
        setup = make_setup(c)
        state = init_state(setup, jax.random.key(0))
        x = jax.random.uniform(key(), (1, c.batch_size, 8, 8, 1), minval=-1.0)
        said = setup.game.decision.logits(state, x[0], None)
        after, metrics = jax.jit(make_train_step(setup))(state, Batch(x), hypers(c))
        found[augment] = said, metrics, after
    (one, plain, _), (other, changed, after) = found.values()
    np.testing.assert_array_equal(one, other)
    assert float(plain["disc_loss"]) != float(changed["disc_loss"])
    assert float(plain["penalty"]) != float(changed["penalty"])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after.players["gen"].params))


@pytest.mark.parametrize(
    ("leaves", "words"),
    [
        ({"disc__augment": "color"}, "Did you mean 'colour'"),
        ({"disc__augment": "cutout", "disc__pack": 2}, "disc.pack above 1"),
        ({"disc__augment": "cutout", "disc__view": "moments"}, "'none' for points"),
    ],
)
def test_what_cannot_be_changed_is_refused(leaves, words):
    with pytest.raises(ConfigError, match=words):
        make_setup(tiny.config(data__name="digits", **leaves))
