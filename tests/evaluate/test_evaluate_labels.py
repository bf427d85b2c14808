"""Evaluators of conditional games: when they apply, and what they say of a gen that is known."""

import functools

import jax
import numpy as np
import pytest
import tiny

from gan_jax import data, evaluate
from gan_jax.evaluate.evaluators import draws
from gan_jax.evaluate.evaluators import labels as label_evaluators
from gan_jax.games import make_setup
from gan_jax.host.errors import ConfigError
from gan_jax.metrics import labels as measures
from gan_jax.metrics.features import digits
from gan_jax.steps import init_state

CLASSES = 10
CONDITIONAL = {"gen__condition": "concat", "disc__condition": "concat", "ema__decay": 0.0}
NAMES = ("labels", "intra", "cas")


@functools.cache
def game(**leaves):
    """A conditional game on digits, pixels from 0 to 1, and its new state."""
    given = CONDITIONAL | {"data__low": 0.0, "eval_samples": 100} | leaves
    config = tiny.config(data__name="digits", **given)
    config.gen.args.hidden = ()
    return make_setup(config), init_state(config, jax.random.key(0))


def gen_of_one_image_each(state, turn=0):
    """The state, but for a gen whose sample of a class is always one training image of it."""
    x, label, *_ = data.load("digits", "train")
    some = np.array([x[label == each][0].ravel() for each in range(CLASSES)]) / 255
    p = np.clip(np.roll(some, turn, 0), 1e-6, 1 - 1e-6)
    gen = jax.tree.map(np.zeros_like, state.players["gen"].params)
    kernel = np.zeros(gen["out"]["linear"]["kernel"].shape, np.float32)
    kernel[-CLASSES:] = np.log(p / (1 - p))
    gen["out"]["linear"]["kernel"] = kernel
    return state.with_player("gen", params=gen)


def measure(names, state, setup, part="eval"):
    found = evaluate.make_evaluate(setup, names, part)(state)
    return {name.removeprefix(f"{part}/"): value for name, value in found.items()}


def test_the_class_asked_for_is_on_schedule():
    setup, state = game()
    x, label, *_ = data.load("digits", "train")
    probabilities = (
        digits.trained(data.Origin("digits"))
        .features.see(np.array([x[label == each][0] for each in range(CLASSES)]) / np.float32(255))
        .probabilities
    )
    assert (probabilities.argmax(1) == np.arange(CLASSES)).all()  # the images serve
    found = measure((), gen_of_one_image_each(state), setup)
    assert found["label_accuracy"] == 1
    assert [found[f"label_accuracy_{each}"] for each in range(CLASSES)] == [1] * CLASSES
    assert [found[f"count_{each}"] for each in range(CLASSES)] == [10] * CLASSES
    found = measure(["labels"], gen_of_one_image_each(state, turn=1), setup)
    assert [found.pop(f"label_accuracy_{each}") for each in range(CLASSES)] == [0] * CLASSES
    assert found == {"label_accuracy": 0, "label_accuracy_real": pytest.approx(0.9, abs=0.1)}


def test_the_parts_have_draws_of_their_own():
    setup, state = game()
    label = np.arange(30, dtype=np.int32) % CLASSES
    one, again, other = (
        draws.make_draw_in_parts(setup, part)(state, label) for part in ("eval", "eval", "test")
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_many_are_drawn_in_parts(monkeypatch):
    """Each sample has the label asked for and a latent of its own."""
    setup, state = game()
    label = (np.arange(25, dtype=np.int32) * 7) % CLASSES
    monkeypatch.setattr(draws, "AT_ONCE", 10)
    x = draws.make_draw_in_parts(setup)(state, label)
    assert x.shape == (25, 8, 8, 1)
    assert len(np.unique(x.reshape(25, -1), axis=0)) == 25
    sure = draws.make_draw_in_parts(setup)(gen_of_one_image_each(state), label)
    expected = draws.make_draw(setup)(gen_of_one_image_each(state), 25, label)
    np.testing.assert_allclose(sure, expected, atol=1e-6)


def test_within_classes_one_image_is_nearer_than_those_of_the_next_class():
    setup, state = game(eval_samples=200)
    right, wrong = (
        measure(["intra"], gen_of_one_image_each(state, turn), setup) for turn in (0, 1)
    )
    for found in (right, wrong):
        for name in ("frechet", "coverage"):
            each = [found[f"intra_{name}_{i}"] for i in range(CLASSES)]
            assert found[f"intra_{name}"] == pytest.approx(np.mean(each))
        assert (found["intra_samples"], found["intra_reals"]) == (20, 20)
        assert found["intra_left_out"] == "none"
        assert found["intra_weights"].startswith("crc32:")
    assert right["intra_spread_least"] == right["intra_spread"] == 0  # one image of each
    assert right["intra_frechet"] < 0.6 * wrong["intra_frechet"]
    assert right["intra_coverage"] > 0.05
    assert wrong["intra_coverage"] < 0.02


def test_what_is_left_out_is_told(monkeypatch, caplog):
    setup, state = game(eval_samples=200)
    x, label, *_ = data.load("digits", "test")
    some = (label != 3) | (np.cumsum(label == 3) < measures.LEAST)
    monkeypatch.setattr(type(setup.data), "test", lambda of: data.base.Arrays(x[some], label[some]))
    found = measure(["intra"], state, setup)
    assert found["intra_left_out"] == "3"
    assert "intra_frechet_3" not in found
    assert np.isfinite(found["intra_frechet"])
    assert "leaves out classes 3: each has fewer than 10 images" in caplog.text
    monkeypatch.setattr(type(setup.data), "test", lambda of: data.base.Arrays(x[:30], label[:30]))
    with pytest.raises(ConfigError, match="no class has 10 images with a label in its test split"):
        measure(["intra"], state, setup)
    unlabelled = data.base.Arrays(x, np.full_like(label, data.base.UNLABELLED))
    monkeypatch.setattr(type(setup.data), "test", lambda of: unlabelled)
    with pytest.raises(ConfigError, match="no image of its test split has a label"):
        measure(["intra"], state, setup)


def test_a_student_of_one_image_each_knows_some_of_the_reals(monkeypatch):
    taught, measured = [], measures.classification_accuracy_score

    def score(x, label, *rest):
        taught.append((x, label))
        return measured(x, label, *rest)

    monkeypatch.setattr(label_evaluators.measures, "classification_accuracy_score", score)
    setup, state = game()
    found = measure(["cas"], gen_of_one_image_each(state), setup)
    (x, label), (reals, of_reals, *_) = taught[0], data.load("digits", "train")
    assert x.dtype == np.uint8
    assert (label == of_reals).all()  # as often as in the data
    assert (x[0] == reals[of_reals == label[0]][0]).all()
    assert found["cas_samples"] == len(reals)
    assert found["cas_real"] == digits.trained(data.Origin("digits")).accuracy_real
    assert 0.3 < found["cas"] < found["cas_real"]


def test_what_the_run_trains_on_is_not_held_out():
    setup, _ = game(data__split="train+test[:50]")
    with pytest.raises(ConfigError, match="expected one without test for metric 'cas'"):
        evaluate.make_evaluate(setup, ["cas"])


def test_too_few_samples_of_a_class_are_refused():
    setup, _ = game(eval_samples=99)
    with pytest.raises(ConfigError, match="expected at least 100 for metric 'intra', 10 of each"):
        evaluate.make_evaluate(setup, ["intra"])


@pytest.mark.parametrize("name", NAMES)
def test_they_do_not_apply_without_labels(name):
    for of in ("digits", "ring", "gaussian1d"):
        setup = make_setup(tiny.config(data__name=of))
        assert evaluate.EVALUATORS[name](setup) is None
    assert set(NAMES) == evaluate.OF_LABELS
    assert {*NAMES} & {*evaluate.SCHEDULED} == {"labels"}
