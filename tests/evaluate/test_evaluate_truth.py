"""Translations beside the true drawings, and beside those of translators that learned nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gan_jax import evaluate
from gan_jax.config import hypers
from gan_jax.data.support.words import spelt
from gan_jax.evaluate import make_evaluate, make_picture
from gan_jax.evaluate.evaluators.truth import translations
from gan_jax.evaluate.signals import make_shown, make_signals
from gan_jax.games import make_setup
from gan_jax.steps import init_state


def with_sampler(setup, sample):
    """The setup whose first sampler is that function of what it is given."""
    name, first = next(iter(setup.game.samplers.items()))
    own = first._replace(sample=lambda state, z, label=None: sample(z))
    return setup._replace(game=setup.game._replace(samplers=setup.game.samplers | {name: own}))


@pytest.fixture(scope="module")
def pix2pix():
    config = tiny.config(**tiny.pictures("pix2pix"))
    return make_setup(config), init_state(config, jax.random.key(0))


def test_a_copy_is_the_copy_and_the_truth_is_best(pix2pix):
    setup, state = pix2pix
    copies = dict(translations(with_sampler(setup, lambda z: z))(state))
    for name in ("l1", "psnr", "ssim", "chroma", "retrieved_1", "retrieved_5"):
        np.testing.assert_allclose(copies[name], copies[f"{name}_copy"], rtol=1e-5)
    held = setup.data.test()
    true = setup.data.to_range(jnp.asarray(held.x))
    n = len(held.x)
    assert n < setup.config.eval_samples
    found = dict(translations(with_sampler(setup, lambda z: true))(state))
    assert found["l1"] < 1e-6
    assert found["ssim"] == pytest.approx(1)
    assert found["retrieved_1"] == 1
    assert found["retrieved_1_mean"] <= found["retrieved_5_mean"] <= 5 / n + 0.2
    mean = setup.data.examples().x.mean(0) / 255
    expected = np.abs(mean[None] - held.x / 255).mean()
    assert found["l1_mean"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("game", ["pix2pix", "cyclegan", "stackgan"])
def test_each_game_is_evaluated_watched_and_shown(game):
    config = tiny.config(**tiny.pictures(game), grid_samples=12)
    setup, state = make_setup(config), init_state(config, jax.random.key(0))
    found = make_evaluate(setup, ("translations",))(state) if game != "stackgan" else {}
    assert bool(found) == (game != "stackgan")
    assert all(np.isfinite(value) for value in found.values())
    shown = make_shown(setup, setup.examples())
    watched = jax.jit(make_signals(setup))(state, hypers(config), shown)
    assert all(np.isfinite(value) for value in watched.values())
    assert {"watch/gen_grad", "watch/spread"} <= set(watched)
    assert ("watch/auc" in watched) == (game != "stackgan")
    columns = {"pix2pix": 3, "cyclegan": 4, "stackgan": 4}[game]
    picture = make_picture(setup)(state)
    cell = picture.shape[1] / picture.shape[0]
    assert picture.shape[-1] == 3
    assert cell > columns / 12


def test_drawings_stand_under_the_captions_that_they_were_made_of(monkeypatch):
    """Of held-out things from all over the set, the same in every picture."""
    config = tiny.config(**tiny.pictures("stackgan"), grid_samples=3)
    setup, state = make_setup(config), init_state(config, jax.random.key(0))
    held, seen = setup.data.held_out(), []
    texts = [spelt(text, setup.data.spec.vocabulary) for text in held.text]
    truths = np.asarray(setup.data.to_unit(setup.data.to_range(jnp.asarray(held.x))))
    monkeypatch.setattr(evaluate.images, "captioned", lambda *given: seen.append(given) or given[0])
    make_picture(setup)(state)
    make_picture(setup)(state)
    (shown, captions), again = seen
    assert captions == again[1]
    places = [np.abs(truths - row[0]).sum((1, 2, 3)).argmin() for row in shown]
    assert captions == [texts[i] for i in places]
    assert places != [0, 1, 2]
    assert all(captions)


def test_nothing_is_said_of_games_without_partners(pix2pix):
    config = tiny.config(data__name="digits")
    assert translations(make_setup(config)) is None
