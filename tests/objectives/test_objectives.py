"""Objectives against their own theory, walking the tables: a new row is tested by being there."""

import functools
import inspect
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_expit, softmax

from gan_jax.objectives import (
    ENERGY_OBJECTIVES,
    OBJECTIVES,
    THEORY,
    estimates_ratio,
    meaning,
    meaningless,
)
from gan_jax.objectives.logits import Theory, on_logits
from gan_jax.types import Losses

NAMES = list(OBJECTIVES)
MONOFLOW = ["monoflow_linear", "monoflow_arcsinh", "monoflow_shifted"]
CROSS_ENTROPY = ["minimax", "non_saturating", "max_likelihood", "blend", "thresholded", *MONOFLOW]
GRID = np.linspace(-50, 50, 41)
REAL, FAKE = np.linspace(-2, 2, 7), np.linspace(1, -1.5, 7)
SIZE = 2010  # of every batch, so that the whole table compiles once for each dtype
DEFAULTS = {
    name: {k: v.default for k, v in list(inspect.signature(f).parameters.items())[2:]}
    for name, f in OBJECTIVES.items()
}
every_objective = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


class Result(NamedTuple):
    """Losses, and for each player the gradients of their sum in (real, fake)."""

    losses: Losses
    disc: tuple
    gen: tuple


def branch(name):
    def run(real, fake, numbers):
        objective = functools.partial(OBJECTIVES[name], **numbers[name])
        losses, pullback = jax.vjp(objective, real, fake)
        one, zero = jnp.ones_like(losses.disc), jnp.zeros_like(losses.disc)
        return Result(losses, pullback(Losses(one, zero)), pullback(Losses(zero, one)))

    return run


@functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
def evaluate_row(row, real, fake, numbers):
    return jax.lax.switch(row, [branch(name) for name in NAMES], real, fake, numbers)


def evaluate(name, real, fake, dtype=float, **changed):
    """The Result for a batch repeated up to SIZE, with every number traced."""
    real, fake = (jnp.asarray(np.resize(x, SIZE), dtype) for x in np.broadcast_arrays(real, fake))
    numbers = DEFAULTS | {name: DEFAULTS[name] | changed}
    return evaluate_row(NAMES.index(name), real, fake, numbers)


def theories(*fields):
    """Names whose theory makes all these claims."""
    missing = Theory()
    return [n for n in NAMES if all(getattr(THEORY.get(n, missing), f) for f in fields)]


def distributions():
    """p and the softmax logits of q: two distributions on ten random points."""
    p, theta = np.random.default_rng(0).normal(size=(2, 10)) * 0.7
    return softmax(p), theta


def expected_disc(name, p, q, s):
    """disc's loss, over all pairs of a real point and a fake point."""
    losses = evaluate(name, np.repeat(s, 10), np.tile(s, 10), **THEORY[name].numbers).losses
    return np.outer(p, q).ravel() @ losses.disc[:100]


def best_logits(name, p, q):
    """[10] logits that minimise disc's loss, by zooming in on each point by itself."""
    centre, width = np.zeros((10, 1)), 32.0
    for _ in range(6):
        s = centre + width * np.linspace(-1, 1, 201)
        as_real = evaluate(name, s.ravel(), 0, **THEORY[name].numbers).losses.disc
        as_fake = evaluate(name, 0, s.ravel(), **THEORY[name].numbers).losses.disc
        cost = np.outer(p, np.ones(201)).ravel() * as_real + np.repeat(q, 201) * as_fake
        best = np.argmin(cost.reshape(10, 201), axis=1, keepdims=True)
        centre, width = np.take_along_axis(s, best, axis=1), width / 50
    return centre[:, 0]


def test_every_objective_says_what_it_claims_or_why_it_cannot():
    assert set(THEORY) == set(OBJECTIVES)
    for name, theory in THEORY.items():
        claims = (theory.optimum, theory.logit, theory.gen_divergence)
        assert None not in claims or theory.reason, name
        assert OBJECTIVES[name].__doc__, name


@pytest.mark.parametrize("name", theories("optimum"))
def test_discs_least_loss_is_the_divergence_it_claims(name, x64):
    p, theta = distributions()
    q = softmax(theta)
    optimum = THEORY[name].optimum(p, q)
    found = expected_disc(name, p, q, best_logits(name, p, q))
    np.testing.assert_allclose(found, optimum, atol=1e-8)
    claimed = expected_disc(name, p, q, THEORY[name].logit(p, q))
    np.testing.assert_allclose(claimed, optimum, atol=1e-11)


def slope_of_claim(claim, p, theta, step=1e-5):
    """[10] central differences of claim(p, softmax(theta)) in theta."""
    moves = step * np.eye(10)
    up, down = ([claim(p, softmax(theta + sign * m)) for m in moves] for sign in (1, -1))
    return (np.asarray(up) - np.asarray(down)) / (2 * step)


@pytest.mark.parametrize("name", theories("logit", "gen_divergence"))
def test_gens_gradient_at_the_best_disc_is_that_of_its_divergence(name, x64):
    p, theta = distributions()
    q = softmax(theta)
    s = THEORY[name].logit(p, q)
    gen = evaluate(name, s, s, **THEORY[name].numbers).losses.gen[:10]
    ours = q * (gen - q @ gen)  # the gradient in theta of sum softmax(theta) gen
    claimed = slope_of_claim(THEORY[name].gen_divergence, p, theta)
    assert np.max(np.abs(claimed)) > 1e-3
    np.testing.assert_allclose(ours, claimed, atol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@every_objective
def test_finite_at_extreme_logits(name, dtype):
    result = evaluate(name, np.repeat(GRID, 41), np.tile(GRID, 41), dtype)
    assert {x.dtype.name for x in result.losses} == {"float32"}
    assert {x.dtype.name for x in (*result.disc, *result.gen)} == {dtype}
    for x in jax.tree.leaves(result):
        assert np.all(np.isfinite(np.asarray(x, "float64")))


@every_objective
def test_float32_agrees_with_float64_in_value_and_slope(name):
    for real, fake in ((GRID, 0), (0, GRID)):
        narrow = evaluate(name, real, fake, "float32")
        with jax.enable_x64(True):
            wide = evaluate(name, real, fake, "float64")
        for a, b in zip(jax.tree.leaves(narrow), jax.tree.leaves(wide), strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


@every_objective
def test_one_number_per_example_and_no_cross_talk(name):
    before = evaluate(name, REAL, FAKE).losses
    bump = np.arange(7) == 2
    after = evaluate(name, REAL + 0.5 * bump, FAKE - 0.7 * bump).losses
    assert before.disc.shape == before.gen.shape == (SIZE,)
    same = all(
        np.array_equal(a[:7][~bump], b[:7][~bump]) for a, b in zip(before, after, strict=True)
    )
    assert same == THEORY[name].per_example


@every_objective
def test_reals_and_fakes_may_differ_in_number_unless_paired(name):
    four, six = jax.ShapeDtypeStruct((4,), "float32"), jax.ShapeDtypeStruct((6,), "float32")
    if THEORY[name].paired:
        with pytest.raises(ValueError, match="pairs"):
            jax.eval_shape(OBJECTIVES[name], four, six)
    else:
        losses = jax.eval_shape(OBJECTIVES[name], four, six)
        assert (losses.disc.shape, losses.gen.shape) == ((4,), (6,))


@every_objective
def test_logits_with_a_stray_axis_are_refused(name):
    for real, fake in ((np.zeros((3, 1)), np.zeros(3)), (np.zeros(3), np.zeros((3, 1)))):
        with pytest.raises(ValueError, match="must be"):
            OBJECTIVES[name](jnp.asarray(real), jnp.asarray(fake))


@every_objective
def test_a_constant_moves_only_objectives_that_depend_on_the_level(name, x64):
    here, there = evaluate(name, REAL, FAKE), evaluate(name, REAL + 3.7, FAKE + 3.7)
    slopes = zip((*here.disc, *here.gen), (*there.disc, *there.gen), strict=True)
    same = all(np.allclose(a, b, rtol=1e-12, atol=1e-15) for a, b in slopes)
    assert same == THEORY[name].shift_invariant
    if same:
        np.testing.assert_allclose(here.losses.disc, there.losses.disc, rtol=1e-12)


@every_objective
def test_players_pull_the_fakes_apart(name):
    result = evaluate(name, REAL / 4, FAKE / 4 + 0.3)
    on_reals, on_fakes = (np.sum(slope[:7]) for slope in result.disc)
    assert on_reals < 0 < on_fakes
    assert np.sum(result.gen[1][:7]) < 0


@pytest.mark.parametrize("name", [name for name in NAMES if DEFAULTS[name]])
def test_numbers_are_keywords_and_traced_ones_give_the_same(name):
    kinds = [number.kind for number in inspect.signature(OBJECTIVES[name]).parameters.values()]
    assert set(kinds[2:]) == {inspect.Parameter.KEYWORD_ONLY}
    plain = OBJECTIVES[name](jnp.asarray(REAL), jnp.asarray(FAKE))
    for a, b in zip(evaluate(name, REAL, FAKE).losses, plain, strict=True):
        np.testing.assert_allclose(a[:7], b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CROSS_ENTROPY)
def test_disc_keeps_its_slope_where_it_is_sure_and_wrong(name):
    on_reals, on_fakes = evaluate(name, -50, 50).disc
    assert np.all(on_reals == -1)
    assert np.all(on_fakes == 1)


@pytest.mark.parametrize("name", ["minimax", "non_saturating", *MONOFLOW])
def test_fakes_stand_still_where_the_laws_agree_and_only_there(name, x64):
    """Whatever increases with the logit: its slope is positive, and all of them have one end."""
    assert np.all(evaluate(name, 0, GRID).gen[1][: len(GRID)] < 0)
    p, theta = distributions()
    for q, stand in ((p, True), (softmax(theta), False)):
        s = np.log(p / q)
        gen = evaluate(name, s, s).losses.gen[:10]
        flow = q * (gen - q @ gen)  # in theta, of sum softmax(theta) gen
        assert np.allclose(flow, 0, atol=1e-15) == stand
        towards = q * (np.log(q / p) - q @ np.log(q / p))  # of KL(gen, data)
        assert flow @ towards > (-1e-15 if stand else 1e-4)


def test_a_shift_of_0_is_minimax_and_the_shift_keeps_the_slope_of_hopeless_fakes(x64):
    plain = evaluate("minimax", 0, GRID)
    unshifted = evaluate("monoflow_shifted", 0, GRID, shift=0.0)
    for a, b in zip(jax.tree.leaves(unshifted), jax.tree.leaves(plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    lost = evaluate("monoflow_shifted", 0, -5.0, shift=5.0).gen[1][0]
    np.testing.assert_allclose(lost, -0.5)


@pytest.mark.parametrize("name", CROSS_ENTROPY)
def test_smoothed_labels_are_cross_entropy_with_a_softer_target(name, x64):
    smoothed = evaluate(name, REAL, FAKE, smooth_real=0.1, smooth_fake=0.2).losses
    on_reals = -0.9 * log_expit(REAL) - 0.1 * log_expit(-REAL)
    on_fakes = -0.2 * log_expit(FAKE) - 0.8 * log_expit(-FAKE)
    np.testing.assert_allclose(smoothed.disc[:7], on_reals + on_fakes, rtol=1e-12)
    np.testing.assert_array_equal(smoothed.gen, evaluate(name, REAL, FAKE).losses.gen)


@pytest.mark.parametrize(
    ("fgan", "plain"), [("fgan_gan", "minimax"), ("fgan_gan_heuristic", "non_saturating")]
)
def test_fgan_with_gans_f_is_the_plain_gan(fgan, plain, x64):
    ours, theirs = evaluate(fgan, GRID, GRID[::-1]), evaluate(plain, GRID, GRID[::-1])
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-15)


def test_relativistic_losses_compare_as_written(x64):
    real, fake = np.random.default_rng(0).normal(size=(2, 5))
    ragan, rpgan = (evaluate(name, real, fake).losses for name in ("ragan", "rpgan"))

    def sp(t):
        return np.log1p(np.exp(t))

    for i in range(5):
        real_above, fake_above = real[i] - sum(fake) / 5, fake[i] - sum(real) / 5
        np.testing.assert_allclose(ragan.disc[i], sp(-real_above) + sp(fake_above))
        np.testing.assert_allclose(ragan.gen[i], sp(real_above) + sp(-fake_above))
        np.testing.assert_allclose(rpgan.disc[i], sp(-(real[i] - fake[i])))
        np.testing.assert_allclose(rpgan.gen[i], sp(-(fake[i] - real[i])))


RATIO = {*CROSS_ENTROPY}
RATIO |= {f"fgan_{name}{end}" for name in ("reverse_kl", "js", "gan") for end in ("", "_heuristic")}


@pytest.mark.parametrize("name", [*OBJECTIVES, *ENERGY_OBJECTIVES])
def test_whose_logit_goes_through_a_sigmoid(name):
    assert estimates_ratio(name) == (name in RATIO)


@pytest.mark.parametrize("name", sorted(n for n in OBJECTIVES if THEORY[n].logit))
def test_what_a_logit_means_is_what_theory_claims(name, x64):
    p, q = np.array([0.1, 0.36, 0.54]), np.array([0.6, 0.37, 0.03])
    logit = np.asarray(THEORY[name].logit(p, q))
    is_ratio = np.allclose(logit, np.log(p / q))
    is_sign = (np.sign(logit) == np.sign(p - q)).all()
    assert meaning(name) == ("ratio" if is_ratio else "sign" if is_sign else "nothing")


def test_an_objective_has_to_say_what_its_logit_means():
    with pytest.raises(TypeError, match="on_logits says what the logit means: expected one of"):
        on_logits(OBJECTIVES["hinge"])


def test_what_a_line_may_say_of_disc():
    """D where a logit is that of a probability, its sign where 0 is the middle."""
    left_out = {name: set(meaningless(name)) for name in [*OBJECTIVES, *ENERGY_OBJECTIVES]}
    d, sign = {"d_real", "d_fake"}, {"acc_real", "acc_fake"}
    assert left_out["minimax"] == left_out["non_saturating"] == set()
    assert left_out["hinge"] == left_out["lazy"] == d
    for name in ("lsgan", "wgan", "ragan", "rpgan", "fgan_kl", *ENERGY_OBJECTIVES):
        assert left_out[name] == d | sign
