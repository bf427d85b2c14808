import functools

import jax
import numpy as np
import pytest
import tiny

from gan_jax import config as config_lib
from gan_jax import data, evaluate
from gan_jax.evaluate.evaluators import features as feature_evaluators
from gan_jax.evaluate.evaluators.features import compare
from gan_jax.evaluate.pictures import points as pointplots
from gan_jax.games import make_setup
from gan_jax.host.errors import ConfigError
from gan_jax.metrics import features
from gan_jax.steps import init_state

LINE = {"eval/mean", "eval/std", "eval/ks", "eval/disc_gap"}
MODES = {f"eval/{k}" for k in ("modes", "high_quality", "reverse_kl", "reverse_kl_with_junk")}


@functools.cache
def game(name, **leaves):
    """A small config of the data, and its new state: shared by the tests, which leave it alone."""
    config = tiny.config(data__name=name, **leaves)
    return config, init_state(config, jax.random.key(0))


SEEN = [{}, {"disc__view": "moments"}, {"disc__pack": 2}, {"disc__normalise": "spectral"}]


@pytest.mark.parametrize("leaves", SEEN, ids=str)
def test_the_line_is_measured_and_drawn(leaves):
    config, state = game("gaussian1d", **leaves)
    found = evaluate.make_evaluate(make_setup(config))(state)
    assert set(found) == LINE
    assert all(np.isfinite(v) for v in found.values())
    assert found["eval/ks"] > 0.9  # a gen that has not learned is far from N(4, 1.25^2)
    assert 0.2 < found["eval/disc_gap"] <= 0.5  # D is near 1/2, D* near 0 or 1
    picture = evaluate.make_picture(make_setup(config))(state)
    assert picture.dtype == np.uint8
    assert picture.shape[-1] == 3


NO_D = [{"objective": "began", "disc__net": "autoencoder"}, {"objective": "lsgan"}]


@pytest.mark.parametrize("leaves", NO_D, ids=lambda leaves: leaves["objective"])
def test_a_judgement_that_is_no_d_has_no_gap_and_no_curve(leaves, monkeypatch):
    drawn, draw = [], evaluate.pointplots.histogram
    monkeypatch.setattr(
        evaluate.pointplots, "histogram", lambda *args: (drawn.append(args[3]), draw(*args))[1]
    )
    config, state = game("gaussian1d", **leaves)
    assert set(evaluate.make_evaluate(make_setup(config))(state)) == LINE - {"eval/disc_gap"}
    assert evaluate.make_picture(make_setup(config))(state).dtype == np.uint8
    assert np.isnan(drawn).all()


def test_a_histogram_without_a_d_has_no_axis_for_it(monkeypatch):
    monkeypatch.setattr(pointplots, "pixels", lambda figure: figure)
    x_Nx1, places_N = np.linspace(0, 1, 50)[:, None], np.linspace(-1, 2, 9)
    for d, axes in ((0.25, 2), (np.nan, 1)):
        figure = pointplots.histogram(x_Nx1, x_Nx1, places_N, np.full(9, d))
        assert len(figure.axes) == axes


def test_a_perfect_game_has_no_gap_and_no_distance():
    """Gen given the data's own law, disc given its equilibrium: the numbers say so."""
    config = tiny.config(eval_samples=4000, latent__dim=1, ema__decay=0.0)
    config.gen.args.hidden = ()
    state = init_state(config, jax.random.key(0))
    gen = {
        "Stack_0": {},
        "out": {"linear": {"kernel": np.float32([[1.25]]), "bias": np.float32([4])}},
    }
    params = {k: v for k, v in gen.items() if k in state.players["gen"].params}
    assert set(params) == set(state.players["gen"].params)
    quiet = jax.tree.map(np.zeros_like, state.players["disc"].params)
    state = state.with_player("gen", params=params).with_player("disc", params=quiet)
    found = evaluate.make_evaluate(make_setup(config))(state)
    assert found["eval/mean"] == pytest.approx(4, abs=0.08)
    assert found["eval/std"] == pytest.approx(1.25, abs=0.06)
    assert found["eval/ks"] < 0.03
    assert found["eval/disc_gap"] < 0.1


def test_digits_are_judged():
    config, state = game("digits")
    found = evaluate.make_evaluate(make_setup(config))(state)
    assert sum(found[f"eval/count_{i}"] for i in range(10)) == config.eval_samples
    assert 1 <= found["eval/classes"] <= 10
    assert found["eval/accuracy_real"] > 0.85
    assert found["eval/confidence_real"] > 0.6
    assert evaluate.make_picture(make_setup(config))(state).dtype == np.uint8


def test_evaluations_repeat_exactly():
    config, state = game("gaussian1d")
    one, two = (evaluate.make_evaluate(make_setup(config))(state) for _ in range(2))
    assert one == two


def test_points_in_the_plane_are_drawn_and_their_modes_counted():
    config, state = game("ring")
    assert evaluate.make_picture(make_setup(config))(state).shape[-1] == 3
    assert set(evaluate.make_evaluate(make_setup(config))(state)) == MODES


def constant_gen(state, at):
    """The state, but for a gen that maps every latent to one point."""
    gen = jax.tree.map(np.zeros_like, state.players["gen"].params)
    gen["out"]["linear"]["bias"] = np.float32(at)
    return state.with_player("gen", params=gen)


def test_the_modes_are_those_of_the_configs_law():
    config = tiny.config(data__name="ring", ema__decay=0.0)
    config.data.args.radius, config.data.args.sigma = 2.0, 0.1
    evaluated, state = (
        evaluate.make_evaluate(make_setup(config)),
        init_state(config, jax.random.key(0)),
    )
    found = evaluated(constant_gen(state, [2.0, 0.29]))  # within 3 sigma of the first mode
    assert (found["eval/modes"], found["eval/high_quality"]) == (1, 1.0)
    assert found["eval/reverse_kl"] == pytest.approx(np.log(8))
    found = evaluated(constant_gen(state, [1.0, 0.0]))  # a mode of the law by default
    assert (found["eval/modes"], found["eval/high_quality"]) == (0, 0.0)


def test_one_evaluation_serves_the_rows_of_a_cohort():
    config = tiny.config(data__name="grid", ema__decay=0.0)
    evaluated, state = (
        evaluate.make_evaluate(make_setup(config)),
        init_state(config, jax.random.key(0)),
    )
    found = [evaluated(constant_gen(state, at))["eval/modes"] for at in ([0, 0], [1, 1], [2, 4])]
    assert found == [1, 0, 1]


@pytest.mark.parametrize("name", ["gaussian1d", "ring", "digits"])
def test_the_test_part_has_draws_of_its_own(name):
    config, state = game(name)
    setup = make_setup(config)
    watched, tested = (
        evaluate.make_evaluate(make_setup(config), part=p)(state) for p in ("eval", "test")
    )
    assert [k.replace("eval/", "test/") for k in watched] == list(tested)
    one, two = (evaluate.make_draw(setup, part)(state, 5) for part in ("eval", "test"))
    assert not np.any(one == two)
    telling = {"gaussian1d": ["mean", "ks", "disc_gap"], "ring": [], "digits": ["confidence"]}
    for metric in telling[name]:
        assert watched[f"eval/{metric}"] != tested[f"test/{metric}"]


def test_an_unknown_part_is_refused():
    with pytest.raises(ConfigError, match="part 'tset' is unknown"):
        evaluate.make_evaluate(make_setup(tiny.config()), part="tset")


def test_the_divergence_of_a_perfect_gen_is_small_and_of_a_new_one_large():
    config = tiny.config(eval_samples=2000, latent__dim=1, ema__decay=0.0)
    config.gen.args.hidden = ()
    measure = evaluate.make_evaluate(make_setup(config), ["divergence"])
    state = init_state(config, jax.random.key(0))
    new = measure(state)
    assert set(new) == {f"eval/{k}" for k in ("js", "kl", "reverse_kl", "total_variation")}
    assert new["eval/js"] > 0.5
    linear = {"kernel": np.float32([[1.25]]), "bias": np.float32([4])}
    gen = state.players["gen"].params | {"out": {"linear": linear}}
    found = measure(state.with_player("gen", params=gen))
    assert abs(found["eval/js"]) < 0.01
    assert abs(found["eval/kl"]) < 0.03
    assert abs(found["eval/reverse_kl"]) < 0.03
    assert found["eval/total_variation"] < 0.1
    wider = gen | {"out": {"linear": linear | {"kernel": np.float32([[2.5]])}}}
    found = measure(state.with_player("gen", params=wider))
    # KL(N(m, s) || N(m, 2 s)) = log 2 + 1/8 - 1/2, and the other way log 1/2 + 2 - 1/2
    assert found["eval/kl"] == pytest.approx(np.log(2) - 3 / 8, abs=0.05)
    assert found["eval/reverse_kl"] == pytest.approx(1.5 - np.log(2), abs=0.15)


FEATURES = ["frechet", "kernel", "precision", "recall", "density", "coverage", "samples", "reals"]


def test_digits_have_distances_by_features_and_pixels():
    config = tiny.config(data__name="digits", eval_samples=100, data__low=0.0, ema__decay=0.0)
    state = init_state(config, jax.random.key(0))
    measure = evaluate.make_evaluate(make_setup(config), ["digits", "pixels"])
    found = measure(state)
    own = {f"eval/{k}_digits" for k in (*FEATURES, "inception", "accuracy", "weights")}
    assert own | {"eval/preprocessing_digits"} <= set(found)
    assert (found["eval/samples_digits"], found["eval/reals_digits"]) == (100, 100)
    assert found["eval/frechet_digits"] > 0
    assert found["eval/coverage_digits"] < 0.2  # noise of a gen that has not learned
    assert found["eval/nearest"] > 1.5 * found["eval/nearest_real"]
    assert found["eval/copies"] == 0
    # a gen that knows one digit: a copy, and always the same
    digit = data.load("digits", "train").x[0].ravel() / np.float32(255)
    logit = np.log(np.clip(digit, 1e-6, 1 - 1e-6) / (1 - np.clip(digit, 1e-6, 1 - 1e-6)))
    found = measure(constant_gen(state, logit))
    assert (found["eval/copies"], found["eval/duplicates"]) == (1, 1)
    assert found["eval/nearest"] < 1e-4
    assert found["eval/ms_ssim"] == pytest.approx(1)
    assert found["eval/ms_ssim_real"] < 0.6
    assert found["eval/inception_digits"] == pytest.approx(1, abs=1e-4)
    assert (found["eval/recall_digits"], found["eval/precision_digits"]) == (0, 1)


def test_no_image_is_held_out_where_the_test_split_is_trained_on():
    """Each would be its own nearest training image, and copies 0 whatever gen has learned."""
    config, state = game("digits", data__split="train+test[:50]")
    found = evaluate.make_evaluate(make_setup(config), ["pixels"])(state)
    assert found["eval/nearest"] > 0
    assert not {"eval/nearest_real", "eval/copies"} & set(found)


def test_the_features_of_real_images_are_near_each_other():
    real = np.random.default_rng(0).normal(size=(2, 60, 4))
    near, far = (dict(compare(real[0], x)) for x in (real[1], real[1] + 3))
    assert list(near) == FEATURES
    assert near["frechet"] < 1 < far["frechet"]
    assert near["kernel"] < 1 < far["kernel"]
    assert (near["samples"], near["reals"]) == (60, 60)
    few = dict(compare(real[0], real[1][:1]))
    assert list(few) == ["frechet", "kernel", "samples", "reals"]
    assert (few["samples"], few["reals"]) == (1, 60)
    for kind in FEATURES[:-2]:  # one by one they are what they are together
        assert dict(compare(real[0], real[1], {kind})) == {
            name: near[name] for name in (kind, "samples", "reals")
        }


def test_a_distance_that_is_not_asked_for_is_not_computed(monkeypatch):
    monkeypatch.setattr(feature_evaluators, "PAIRS", dict.fromkeys(feature_evaluators.PAIRS))
    monkeypatch.setattr(feature_evaluators.metrics, "kernel_distance", None)
    x = np.random.default_rng(0).normal(size=(2, 9, 3))
    assert list(dict(compare(*x, {"frechet"}))) == ["frechet", "samples", "reals"]


def test_only_what_is_cheap_runs_on_schedule():
    of_samples = {"line", "modes", "judge", "labels", "codes"}
    assert {*evaluate.SCHEDULED} == of_samples | {"translations", "captions"}
    config = tiny.config(data__name="ring")
    for name in ("divergence", "digits", "pixels", "line", "judge"):
        assert evaluate.EVALUATORS[name](make_setup(config)) is None
    config.data.name = "fashion_mnist"
    assert evaluate.EVALUATORS["digits"](make_setup(config)) is None


def test_images_without_labels_are_evaluated_by_their_pixels(tmp_path):
    config = tiny.config(data__name="folder", data__dir=tiny.own_images(), data__size=8)
    setup = make_setup(config)
    assert evaluate.on_schedule(setup)[-1] == "pixels"
    found = evaluate.make_evaluate(setup)(init_state(config, jax.random.key(0)))
    assert {"eval/sliced_wasserstein", "eval/ms_ssim", "eval/copies"} <= {*found}
    for name in ("digits", "ring"):
        assert "pixels" not in evaluate.on_schedule(make_setup(tiny.config(data__name=name)))


def test_one_classifier_serves_all_rows():
    config, state = game("digits")
    before = features.digits.trained.cache_info().misses
    for names in (["judge"], ["digits"], ["judge"]):
        evaluate.make_evaluate(make_setup(config), names)(state)
    assert features.digits.trained.cache_info().misses <= before + 1


def brightness(config):
    """An extractor that is quick: the means of rows of pixels."""

    def see(images):
        assert (images.min(), images.max()) >= (0, 0)
        seen.append(len(images))
        rows = images.mean((2, 3))
        return features.Seen(rows, rows / rows.sum(1, keepdims=True))

    seen = []
    return features.Features("efficientnet_lite0", see, "none", "crc32:0", {"seen": seen})


def test_distances_are_asked_for_one_by_one_or_by_their_features(monkeypatch):
    made = []

    def make(config):
        made.append(brightness(config))
        return made[-1]

    monkeypatch.setitem(features.FEATURES, "efficientnet_lite0", make)
    config, state = game("digits")

    def found(*names):
        values = evaluate.make_evaluate(make_setup(config), names)(state)
        values.pop("eval/seen_efficientnet_lite0")
        return {name.removeprefix("eval/"): value for name, value in values.items()}

    whole = found("efficientnet_lite0")
    beside = ("samples", "reals", "weights", "preprocessing")
    assert list(whole) == [
        *(f"{k}_efficientnet_lite0" for k in (*FEATURES, "inception", "weights", "preprocessing")),
        "frechet_efficientnet_lite0_real",
    ]
    two = found("kernel_efficientnet_lite0", "inception_efficientnet_lite0")
    assert two == {
        name: whole[name]
        for name in (f"{k}_efficientnet_lite0" for k in ("kernel", "inception", *beside))
    }
    assert made[-1].facts["seen"] == [config.eval_samples] * 2  # reals and fakes, once each
    assert found("frechet_efficientnet_lite0", "efficientnet_lite0") == whole
    assert made[-1].facts["seen"] == [config.eval_samples] * 3  # training images, too


def test_the_distance_of_training_images_is_what_a_perfect_gen_would_score(monkeypatch):
    monkeypatch.setitem(features.FEATURES, "efficientnet_lite0", brightness)
    config, state = game("digits", eval_samples=1_000)
    measure = evaluate.make_evaluate(make_setup(config), ["frechet_efficientnet_lite0"])
    found = measure(state)
    real = found["eval/frechet_efficientnet_lite0_real"]
    assert 0 < real < 0.1 * found["eval/frechet_efficientnet_lite0"]
    blank = measure(constant_gen(state, np.full(64, -9.0)))
    assert blank["eval/frechet_efficientnet_lite0_real"] == real


@pytest.mark.parametrize("n", [60, 1_000])  # fewer and more than there are test images
def test_fakes_are_of_the_classes_of_the_images_they_are_compared_with(n, monkeypatch):
    """All classes equally often would be far from data of which one class makes up most."""
    monkeypatch.setitem(features.FEATURES, "efficientnet_lite0", brightness)
    config = tiny.config(data__name="digits", gen__condition="concat", eval_samples=n)
    asked = []

    def make_draw(setup, part):
        return lambda state, n, label: (asked.append(label), np.ones((n, 8, 8, 1)))[1]

    monkeypatch.setattr(feature_evaluators, "make_draw", make_draw)
    evaluate.make_evaluate(make_setup(config), ["frechet_efficientnet_lite0"])(None)
    there = data.load("digits", "test").label[:n]
    counts = np.bincount(asked[0], minlength=10) / n
    assert len(asked[0]) == n
    assert np.abs(counts - np.bincount(there, minlength=10) / len(there)).max() < 0.01


def test_features_of_the_config_are_evaluated_on_schedule(monkeypatch):
    monkeypatch.setitem(features.FEATURES, "efficientnet_lite0", brightness)
    config, state = game("digits")
    scheduled = config_lib.from_json(config_lib.to_json(config))
    scheduled.features.names = ("efficientnet_lite0",)
    found = evaluate.make_evaluate(make_setup(scheduled))(state)
    assert found["eval/frechet_efficientnet_lite0"] > 0
    assert "eval/confidence" in found
    assert "eval/frechet_efficientnet_lite0" not in evaluate.make_evaluate(make_setup(config))(
        state
    )


def test_metrics_are_chosen_by_name():
    config, state = game("gaussian1d")
    assert set(evaluate.make_evaluate(make_setup(config), ["line"])(state)) == LINE
    for word in ("frechet_digts", "frechet", "line_digits", "digits_frechet"):
        with pytest.raises(ConfigError, match=f"metric '{word}' is unknown: choose from .*such as"):
            evaluate.chosen([word])
    assert evaluate.make_evaluate(make_setup(config), ["judge"])(state) == {}
