"""The game that a config makes: what disc sees, terms with a memory, normalisation, refusals."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gan_jax import nets
from gan_jax.augment.views import pack
from gan_jax.config import hypers, to_json
from gan_jax.config.checks import REFUSALS, problems
from gan_jax.data import open_data
from gan_jax.dynamics import DYNAMICS
from gan_jax.dynamics.step import make_step
from gan_jax.games import gan, make_setup
from gan_jax.games.play import terms
from gan_jax.games.play.parts import make_parts
from gan_jax.host.errors import ConfigError
from gan_jax.nets.layers.normalise import NORMALISERS, SPECTRAL, spectral
from gan_jax.objectives.penalties import OF_SLOPES
from gan_jax.steps import init_state, make_train_step
from gan_jax.training import experiment, steps

SHAPE = (2,)


def config(**leaves):
    return tiny.config(data__name="ring", **leaves)


GAMES = {}  # a config's first state and its step, compiled once


def game_of(c):
    text = json.dumps(to_json(c), sort_keys=True)
    if text not in GAMES:
        GAMES[text] = init_state(c, jax.random.key(0)), jax.jit(make_train_step(c))
    return GAMES[text]


def play(c, steps=1, start=0, state=None):
    """The state after some steps on one batch, and the metrics of the last."""
    first, step = game_of(c)
    state = (state or first).replace(step=jnp.int32(start))
    batch = tiny.batch(c, SHAPE)
    for _ in range(steps):
        state, metrics = step(state, batch, hypers(c))
    return state, metrics


def weights(player):
    return np.concatenate([np.ravel(w) for w in jax.tree.leaves(player.params)])


def test_packs_are_of_neighbours_along_the_last_axis():
    x = jnp.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(pack(x, 2), [[0, 1, 2, 3], [4, 5, 6, 7]])
    image = jax.random.normal(jax.random.key(0), (4, 3, 5, 2))
    packed = pack(image, 2)
    assert packed.shape == (2, 3, 5, 4)
    np.testing.assert_array_equal(packed[1, ..., 2:], image[3])
    np.testing.assert_array_equal(packed[1, ..., :2], image[2])


def test_a_packed_disc_decides_once_for_m_samples():
    c = config(disc__pack=4)
    parts = make_parts(c, open_data(c))
    state = init_state(c, jax.random.key(0))
    assert state.players["disc"].params.get("hidden", True)
    first = max(
        jax.tree.leaves(state.players["disc"].params), key=lambda w: w.ndim * 1000 + w.shape[0]
    )
    assert first.shape[0] == 4 * 2
    assert parts.view(jnp.zeros((8, 2))).shape == (2, 8)
    assert play(c)[1]["acc_real"] in (0, 0.5, 1)  # of two decisions


def test_noise_on_instances_fades_over_its_steps():
    quiet = config()
    steady, fading = (
        config(disc__instance_noise=2.0, disc__instance_noise_steps=n) for n in (0, 10)
    )
    for start, same in ((0, steady), (10, quiet), (99, quiet)):
        a, b = play(fading, start=start)[1], play(same, start=start)[1]
        for name in a:
            np.testing.assert_allclose(a[name], b[name], rtol=1e-6, err_msg=name)
    half, none = play(fading, start=5)[1], play(quiet, start=5)[1]
    assert abs(half["disc_loss"] - none["disc_loss"]) > 1e-4
    assert abs(half["gen_loss"] - none["gen_loss"]) > 1e-5


@pytest.mark.parametrize("name", [*DYNAMICS])
def test_clipped_weights_stay_within_their_bound(name):
    c = config(
        dynamics__name=name, objective="wgan", disc__clip_weights=0.1, disc__lr=0.5, gen__lr=0.5
    )
    state, _ = play(c, steps=3)
    largest = np.abs(weights(state.players["disc"])).max()
    assert largest == np.float32(0.1)
    assert np.abs(weights(state.players["gen"])).max() > 0.1


def test_a_lazy_penalty_comes_every_n_steps_n_times():
    every = config(penalty__name="r1", penalty__weight=6.0, disc__optimizer="sgd", disc__lr=0.1)
    lazy = config(
        penalty__name="r1",
        penalty__weight=2.0,
        penalty__every_steps=3,
        disc__optimizer="sgd",
        disc__lr=0.1,
    )
    plain = config(disc__optimizer="sgd", disc__lr=0.1)
    for start, same in ((0, every), (1, plain), (2, plain), (3, every)):
        a, b = play(lazy, start=start)[0], play(same, start=start)[0]
        np.testing.assert_allclose(
            weights(a.players["disc"]), weights(b.players["disc"]), rtol=1e-5, atol=1e-7
        )
    assert (
        abs(weights(play(every)[0].players["disc"]) - weights(play(plain)[0].players["disc"])).max()
        > 1e-3
    )


@pytest.mark.parametrize(
    ("name", "more"),
    [*((name, {}) for name in OF_SLOPES), ("r1r2", {"disc__normalise": "spectral"})],
)
def test_slopes_of_the_logits_own_pass_are_those_of_two_more(name, more):
    """To rounding, and at fewer products."""
    c = config(penalty__name=name, penalty__weight=5.0, disc__optimizer="sgd", **more)
    parts, state = make_parts(c, open_data(c)), init_state(c, jax.random.key(0))
    flops, after = [], []
    for wants in (True, False):
        game = gan.make(parts._replace(wants_slopes=wants))
        step = make_step(game, DYNAMICS["alternating"])
        step = jax.jit(step).lower(state, tiny.batch(c, SHAPE), hypers(c)).compile()
        flops.append(step.cost_analysis()["flops"])
        after.append(step(state, tiny.batch(c, SHAPE), hypers(c)))
    for a, b in zip(*map(jax.tree.leaves, (after[0][0].players, after[1][0].players)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(after[0][1]["penalty"], after[1][1]["penalty"], rtol=1e-5)
    assert flops[0] < flops[1]


def test_centring_is_of_disc_alone():
    moved = []
    for weight in (0.0, 5.0):
        c = config(objective="rpgan", penalty__name="centring", penalty__weight=weight)
        c.dynamics.name = "simultaneous"
        moved.append(play(c)[0].players)
    np.testing.assert_array_equal(*(weights(players["gen"]) for players in moved))
    assert (weights(moved[0]["disc"]) != weights(moved[1]["disc"])).any()


def test_lecam_remembers_the_logits():
    c = config(penalty__name="lecam", penalty__weight=0.5, disc__lr=0.0, gen__lr=0.0)
    c.penalty.args.decay = 0.75
    first, metrics = play(c)
    memory = first.memory
    assert memory["updates"] == 1
    for d, mean in (("d_real", "mean_real"), ("d_fake", "mean_fake")):
        np.testing.assert_allclose(metrics[d], jax.nn.sigmoid(memory[mean]), rtol=2e-2)
    shift = {**memory, "mean_real": memory["mean_real"] + 8.0}
    moved = first.replace(memory=shift)
    after, _ = play(c, state=moved)  # the same logits again: the shift decays
    found = after.memory["mean_real"] - memory["mean_real"]
    np.testing.assert_allclose(found, 0.75 * 8, rtol=1e-5)
    assert play(c, state=moved)[1]["penalty"] > metrics["penalty"] + 30


def autoencoder(objective, **leaves):
    c = config(objective=objective, disc__net="autoencoder", **leaves)
    c.disc.args.code = 2
    return c


def test_began_balances_its_energies():
    c = autoencoder("began", disc__lr=0.0, gen__lr=0.0)
    c.objective_args.rate, c.objective_args.gamma = 0.5, 1.0
    parts, state = make_parts(c, open_data(c)), init_state(c, jax.random.key(0))
    assert state.memory["balance"] == 0
    after, metrics = play(c)
    x = tiny.batch(c, SHAPE).x[0]
    disc = state.players["disc"]
    real = -parts.disc.apply(disc.params, disc.vars, x, None, train=False)[0].mean()
    expected = np.clip(0.5 * (real - metrics["gen_loss"]), 0, 1)  # gen's loss is the fakes' energy
    assert 0 < expected < 1
    np.testing.assert_allclose(metrics["balance"], expected, rtol=1e-4)
    np.testing.assert_allclose(metrics["disc_loss"], real, rtol=1e-5)  # k was 0
    again = play(c, state=after)[1]["disc_loss"]
    np.testing.assert_allclose(again, real - expected * metrics["gen_loss"], rtol=1e-4)


def test_ebgan_pulls_the_codes_of_fakes_apart():
    c = autoencoder("ebgan", disc__lr=0.0)
    c.disc.args.error = "l2"
    losses = []
    for weight in (0.0, 1.0):
        c.objective_args.weight = weight
        losses.append(play(c)[1]["gen_loss"])
    assert 0 < losses[1] - losses[0] <= 1  # a mean of squared cosines


def test_zcr_spreads_gen_and_calms_disc():
    c = config(penalty__name="zcr", penalty__weight=1.0, gen__optimizer="sgd", gen__lr=1.0)
    c.penalty.args.scale, c.penalty.args.gen_weight = 0.5, 0.0
    calm, metrics = play(c)
    assert metrics["penalty"] > 0
    c.penalty.args.gen_weight = 3.0
    spread, _ = play(c)
    np.testing.assert_array_equal(weights(calm.players["disc"]), weights(spread.players["disc"]))
    assert not np.allclose(weights(calm.players["gen"]), weights(spread.players["gen"]))
    c.penalty.args.scale = 0.0
    assert play(c)[1]["penalty"] == 0


def test_a_rescaled_gradient_lifts_gens_step():
    moved = []
    for target in (0.0, 1e-9, 5.0):
        c = config(gen__rescale_gradient=target, gen__optimizer="sgd", gen__lr=1.0)
        before = weights(init_state(c, jax.random.key(0)).players["gen"])
        moved.append(weights(play(c)[0].players["gen"]) - before)
    np.testing.assert_allclose(moved[1], moved[0], rtol=1e-5, atol=1e-8)
    ratio = np.linalg.norm(moved[2]) / np.linalg.norm(moved[0])
    assert ratio > 2
    np.testing.assert_allclose(moved[2], ratio * moved[0], rtol=1e-3, atol=1e-5)


def test_gen_learns_from_ever_fewer_fakes_down_to_a_share():
    """Of 8: 8 at first, then 4; beyond the least share no fewer."""
    every, half = config(), config(gen__top_k=0.5, gen__top_k_decay=0.5)
    one = config(gen__top_k=0.125, gen__top_k_decay=0.5)
    first = [play(c)[1]["gen_loss"] for c in (every, half)]
    np.testing.assert_allclose(first[1], first[0], rtol=1e-6)
    losses = [play(half, start=n)[1]["gen_loss"] for n in (0, 1, 2)]
    assert losses[1] < losses[0]  # those with the largest logits lose least
    found = [play(c, start=3)[1]["gen_loss"] for c in (one, half, every)]
    assert found[0] < found[1] < found[2]


def test_spectral_normalisation_finds_the_largest_singular_value():
    plain = nets.make_discriminator("mlp", {"hidden": (16, 8)}, (5,))
    net = spectral(plain)
    params, vars = net.init(jax.random.key(0), jnp.zeros((2, 5)))
    x = jax.random.normal(jax.random.key(1), (6, 5))
    _, same = net.apply(params, vars, x, None, train=False)  # iterates and forgets it
    assert all((same[SPECTRAL][name] == u).all() for name, u in vars[SPECTRAL].items())
    more = jax.jit(lambda vars: net.apply(params, vars, x, jax.random.key(2), train=True)[1])
    for _ in range(200):
        vars = more(vars)
    divided = jax.tree.map(lambda w: w / np.linalg.norm(w, ord=2) if w.ndim > 1 else w, params)
    expected = plain.apply(divided, {}, x, None, train=False)[0]
    found, _ = net.apply(params, vars, x, None, train=False)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_power_iterations_advance_with_discs_updates_only():
    c = config(disc__normalise="spectral", dynamics__k_gen=3)
    state = init_state(c, jax.random.key(0))
    once = play(c)[0].players["disc"].vars[SPECTRAL]
    assert any((once[n] != u).any() for n, u in state.players["disc"].vars[SPECTRAL].items())
    twice_gen = (
        play(config(disc__normalise="spectral", dynamics__k_gen=1))[0]
        .players["disc"]
        .vars[SPECTRAL]
    )
    for name, u in once.items():
        np.testing.assert_array_equal(u, twice_gen[name])


def test_a_gradient_normalised_logit_by_hand():
    w, b = jnp.asarray([3.0, -4.0]), 2.0
    line = nets.Net(lambda *_: ((), {}), lambda p, v, x, key, train: (x @ w + b, v))
    x = jnp.asarray([[1.0, 1.0], [0.0, 0.0], [100.0, 0.0], [0.0, 0.5]])
    s = np.asarray(x @ w + b)
    found, _ = NORMALISERS["gradient"](line).apply((), {}, x, None, True)
    np.testing.assert_allclose(found, s / (5 + np.abs(s)), rtol=1e-6)


@pytest.mark.parametrize("normalise", sorted(NORMALISERS))
def test_a_normalised_disc_trains_with_a_gradient_penalty(normalise):
    c = config(disc__normalise=normalise, penalty__name="wgan_gp", penalty__weight=1.0)
    before = init_state(c, jax.random.key(0))
    after, metrics = play(c, steps=2)
    assert all(np.isfinite(v) for v in metrics.values())
    assert (weights(after.players["disc"]) != weights(before.players["disc"])).any()
    assert (weights(after.players["gen"]) != weights(before.players["gen"])).any()


REFUSED = {
    "energies": {"objective": "hinge", "disc__net": "autoencoder"},
    "logits": {"objective": "began"},
    "expected a divisor of batch_size, 8": {"disc__pack": 3},
    "Did you mean 'spectral'": {"disc__normalise": "spectrl"},
    "output under 'wgan' is not a D": {"stop_at_equilibrium": 3, "objective": "wgan"},
    "output under 'began' is not a D.*expected 0, or one of the objectives minimax, non_sat": {
        "stop_at_equilibrium": 3,
        "objective": "began",
        "disc__net": "autoencoder",
    },
}


@pytest.mark.parametrize("says", REFUSED)
def test_what_does_not_fit_is_refused_in_words(says):
    with pytest.raises(ConfigError, match=says):
        experiment.check(config(**REFUSED[says]))


def test_a_function_is_no_number_of_a_penalty():
    c = config(penalty__name="cr")
    c.penalty.args.augment = 1.0
    with pytest.raises(ConfigError, match="nothing here takes numbers"):
        experiment.check(c)
    assert terms.numbers_of(terms.penalty_term("wgan_gp")) == {"target": 1.0}


def walked(c, names):
    """Two steps of every named objective, by its index in one program; [metrics]."""
    step = jax.jit(steps.make_train_step(make_setup(c, names)))
    state, batch = init_state(c, jax.random.key(0)), tiny.batch(c, SHAPE)
    for index in range(len(names)):
        numbers = hypers(c).replace(objective={"index": jnp.int32(index)})
        after, _ = step(state, batch, numbers)
        yield step(after, batch, numbers)[1]


def assert_finite(c, names):
    for name, metrics in zip(names, walked(c, names), strict=True):
        assert all(np.isfinite(v) for v in metrics.values()), name


@pytest.mark.slow
@pytest.mark.parametrize("dynamics", ["simultaneous", "alternating", "extragradient", "optimistic"])
def test_every_objective_plays_under_first_order_dynamics(dynamics):
    assert_finite(config(dynamics__name=dynamics), sorted(terms.OF_LOGITS))


@pytest.mark.slow
@pytest.mark.parametrize("dynamics", ["unrolled", "consensus", "sga", "cgd"])
def test_every_objective_plays_where_gradients_are_differentiated(dynamics):
    """Traced, not run: 29 second derivatives take minutes to compile."""
    c = config(dynamics__name=dynamics)
    names = sorted(terms.OF_LOGITS)
    numbers = hypers(c).replace(objective={"index": jnp.int32(0)})
    state = experiment.state_like(make_setup(c))
    step = steps.make_train_step(make_setup(c, names))
    after, metrics = jax.eval_shape(step, state, tiny.batch(c, SHAPE), numbers)
    assert after.players == state.players
    assert {"disc_loss", "gen_loss"} <= set(metrics)


@pytest.mark.slow
@pytest.mark.parametrize("penalty", [*terms.PENALTY_TERMS])
def test_every_objective_plays_with_every_penalty(penalty):
    assert_finite(config(penalty__name=penalty, penalty__weight=0.1), sorted(terms.OF_LOGITS))


def test_an_objective_by_its_index_is_the_objective():
    names = ["hinge", "blend", "gan_qp", "minimax"]
    c = config()
    found = list(walked(c, names))
    for name, metrics in zip(names, found, strict=True):
        alone = play(config(objective=name), steps=2)[1]
        for key, value in alone.items():
            np.testing.assert_allclose(metrics[key], value, rtol=1e-5, err_msg=f"{name} {key}")


def traced(c):
    """That a step of the config can be built and keeps the state's shapes; nothing is compiled."""
    state = experiment.state_like(make_setup(c))
    after, metrics = jax.eval_shape(make_train_step(c), state, tiny.batch(c, SHAPE), hypers(c))
    assert after.players == state.players
    return metrics


@pytest.mark.parametrize("objective", sorted(terms.ENERGY_OBJECTIVES))
@pytest.mark.parametrize("dynamics", [*DYNAMICS])
def test_energies_play_under_every_dynamics(objective, dynamics):
    traced(autoencoder(objective, dynamics__name=dynamics))


@pytest.mark.parametrize("objective", sorted(terms.ENERGY_OBJECTIVES))
@pytest.mark.parametrize("penalty", [*terms.PENALTY_TERMS])
def test_energies_play_with_every_penalty(objective, penalty):
    c = autoencoder(objective, penalty__name=penalty, penalty__weight=0.1)
    assert ("penalty" in traced(c)) == (penalty not in terms.OF_GEN_ALONE)


@pytest.mark.parametrize("objective", sorted(terms.ENERGY_OBJECTIVES))
def test_energies_stay_finite_with_a_gradient_penalty(objective):
    c = autoencoder(objective, penalty__name="wgan_gp", penalty__weight=0.1)
    assert all(np.isfinite(v) for v in play(c, steps=2)[1].values())


def refused(refusal, without=None):
    leaves = {k.replace(".", "__"): v for k, v in refusal.leaves.items() if k != without}
    return refusal.why in problems(config(**leaves))


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda r: "+".join(r.leaves))
def test_what_does_not_go_together_is_refused_and_no_more(refusal):
    assert refused(refusal)
    needless = [k for k in refusal.leaves if refused(refusal, without=k)]
    assert needless in ([], ["objective"])  # an autoencoder asks for an objective of its own


@pytest.mark.parametrize("dynamics", [*DYNAMICS])
def test_a_rescaled_gradient_can_be_differentiated_again(dynamics):
    traced(config(gen__rescale_gradient=0.1, dynamics__name=dynamics))
