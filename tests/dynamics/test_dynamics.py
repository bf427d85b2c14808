"""Who moves at which step, against which opponent, on which fakes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tiny

from gan_jax.config import hypers
from gan_jax.dynamics import DYNAMICS
from gan_jax.dynamics.first_order import alternating, first_memory, simultaneous
from gan_jax.dynamics.guard import guarded
from gan_jax.dynamics.move import update
from gan_jax.dynamics.optimiser import make_optimizer
from gan_jax.games import make_setup
from gan_jax.games.play import Play
from gan_jax.host.errors import ConfigError
from gan_jax.steps import init_state, make_train_step
from gan_jax.types import Batch, Draw, Game, Move, Player, State

RATE = 0.1
LR = optax.sgd(RATE)


def game_of(disc_loss, gen_loss, optimizer=LR, w=(0.7, -0.4), name="", times=(1, 1)):
    """A game of two numbers: losses of (theta, psi, draw), each with its metrics, and its state."""

    def loss(of):
        def one(play, draw, h):
            value, metrics = of(play.params["gen"], play.params["disc"], draw)
            return value, play.notes(metrics)

        return one

    optimizer = guarded(optimizer)
    game = Game(
        nets={"gen": None, "disc": None},
        moves=(
            Move(("disc",), loss(disc_loss), times[0]),
            Move(("gen",), loss(gen_loss), times[1]),
        ),
        play=Play,
        optimizer=lambda name, h: optimizer,
        project=lambda name, player, h: player,
        draw=None,
        one_draw=None,
        precompute=lambda play, draw: {},
        inputs=None,
        memory={},
        samplers={},
        decision=None,
    )
    weights = {"gen": jnp.asarray(w[0]), "disc": jnp.asarray(w[1])}
    players = {k: Player(x, {}, optimizer.init(x)) for k, x in weights.items()}
    memory = first_memory(name, game, players)
    return game, State(jnp.zeros((), int), jax.random.key(0), players, {}, memory)


def dirac(theta=1.0, psi=-1.0, **more):
    """The wgan Dirac game plus the data: disc -psi (x - theta), gen -psi theta; draws shift x."""
    return game_of(
        lambda theta, psi, draw: ((psi * (theta - draw.batch.x)).sum(), {"disc_loss": psi[0]}),
        lambda theta, psi, draw: (-(psi * theta).sum(), {"gen_loss": theta[0]}),
        w=([theta], [psi]),
        **more,
    )


def draws(*reals):
    real, keys = jnp.asarray(reals)[:, None], jax.random.split(jax.random.key(1), len(reals))
    return Draw(Batch(real), real, keys)


def test_simultaneous_moves_both_from_the_old_parameters():
    game, state = dirac()
    after, _ = simultaneous(game, state, draws(0.0), None)
    assert after.players["disc"].params[0] == pytest.approx(-1 - RATE * 1)
    assert after.players["gen"].params[0] == pytest.approx(1 + RATE * -1)


def test_alternating_lets_gen_answer_the_new_disc():
    game, state = dirac()
    after, _ = alternating(game, state, draws(0.0), None)
    assert after.players["disc"].params[0] == pytest.approx(-1.1)
    assert after.players["gen"].params[0] == pytest.approx(1 + RATE * -1.1)


@pytest.mark.parametrize("k_disc", [1, 2, 3])
@pytest.mark.parametrize("k_gen", [1, 2, 3])
def test_the_truth_table_of_who_moves(k_disc, k_gen):
    """By hand: disc on the next draw each time, against one gen; then gen against that disc."""
    game, state = dirac(times=(k_disc, k_gen))
    reals = [0.3, -0.2, 0.7][:k_disc]
    drawn = draws(*reals, *[9.0] * (k_gen - k_disc))
    after, metrics = alternating(game, state, drawn, None)
    theta, psi, seen_psi, seen_theta = 1.0, -1.0, [], []
    for x in reals:
        seen_psi.append(psi)
        psi -= RATE * (theta - x)
    for _ in range(k_gen):
        seen_theta.append(theta)
        theta += RATE * psi
    assert after.players["disc"].params[0] == pytest.approx(psi)
    assert after.players["gen"].params[0] == pytest.approx(theta)
    assert metrics["disc_loss"] == pytest.approx(np.mean(seen_psi))
    assert metrics["gen_loss"] == pytest.approx(np.mean(seen_theta))


@pytest.mark.parametrize(
    ("k_disc", "k_gen", "met"), [(1, 1, 1), (3, 1, 3), (3, 2, 32), (1, 4, 1234), (2, 4, 2134)]
)
def test_gen_meets_no_draw_twice(k_disc, k_gen, met):
    """Updates that append their draw's digit to the weight: disc meets 1, 2, ... in turn."""
    digits = optax.GradientTransformation(lambda w: (), lambda digit, opt, w: (9 * w + digit, opt))
    game, state = game_of(
        lambda theta, psi, draw: ((psi * draw.batch.x).sum(), {}),
        lambda theta, psi, draw: ((theta * draw.z).sum(), {}),
        digits,
        w=([0.0], [0.0]),
        times=(k_disc, k_gen),
    )
    drawn = draws(*map(float, range(1, 1 + max(k_disc, k_gen))))
    after, _ = alternating(game, state, drawn, None)
    assert after.players["disc"].params[0] == {1: 1, 2: 12, 3: 123}[k_disc]
    assert after.players["gen"].params[0] == met


@pytest.mark.parametrize(("k_disc", "k_gen"), [(1, 5), (2, 5), (3, 2), (3, 3)])
def test_every_update_beyond_discs_has_a_draw_of_its_own(k_disc, k_gen, monkeypatch):
    """Noise and masks anew, reals in turn; those that disc shares are as they would be alone."""
    seen = []

    def spy(game, state, draws, h):
        seen.append(draws)
        return state, {}

    monkeypatch.setitem(DYNAMICS, "alternating", spy)
    config = tiny.config(dynamics__k_disc=k_disc, dynamics__k_gen=k_gen)
    state, batch = init_state(config, jax.random.key(0)), tiny.batch(config)
    make_train_step(config)(state, batch, hypers(config))
    (((real, *_), z, key, *_),), n = seen, max(k_disc, k_gen)
    assert len(np.unique(jax.random.key_data(key), axis=0)) == n
    assert len(np.unique(z, axis=0)) == n
    np.testing.assert_array_equal(real, batch.x[np.arange(n) % k_disc])
    alone = jax.random.split(jax.random.fold_in(state.key, 0), k_disc)
    np.testing.assert_array_equal(*map(jax.random.key_data, (key[:k_disc], alone)))


# A game bent enough that no two rules agree: gen's loss f, disc's loss g, of theta and psi.
#   f = theta psi + 0.3 theta^2 psi^2        g = -theta psi + theta psi^2 / 2 + psi^3 / 10


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def bent(name="simultaneous", optimizer=LR, w=(0.7, -0.4)):
    def disc_loss(theta, psi, draw):
        return -theta * psi + theta * psi**2 / 2 + psi**3 / 10, {"disc_loss": psi}

    def gen_loss(theta, psi, draw):
        return theta * psi + 0.3 * theta**2 * psi**2, {"gen_loss": theta}

    return game_of(disc_loss, gen_loss, optimizer, w, name)


def bilinear(name="simultaneous", optimizer=LR, w=(0.7, -0.4)):
    """f = theta psi, g = -theta psi: plain descent spirals out."""
    return game_of(
        lambda theta, psi, draw: (-theta * psi, {}),
        lambda theta, psi, draw: (theta * psi, {}),
        optimizer,
        w,
        name,
    )


def place(state):
    return np.asarray([state.players[name].params for name in ("gen", "disc")])


def run(make, name, steps=1, optimizer=LR, w=(0.7, -0.4), **args):
    """Where (theta, psi) is after the steps."""
    game, state = make(name, optimizer, w)
    step = jax.jit(lambda state, args: DYNAMICS[name](game, state, draws(0.0), None, **args)[0])
    static = {k: v for k, v in args.items() if isinstance(v, int)}
    if static:
        step = jax.jit(lambda state, _: DYNAMICS[name](game, state, draws(0.0), None, **static)[0])
    for _ in range(steps):
        state = step(state, {k: v for k, v in args.items() if k not in static})
    return place(state)


# By hand: each player's own gradient v, and its Jacobian J.


def v(w):
    theta, psi = w
    return np.array([psi + 0.6 * theta * psi**2, -theta + theta * psi + 0.3 * psi**2])


def jacobian(w):
    theta, psi = w
    return np.array([[0.6 * psi**2, 1 + 1.2 * theta * psi], [psi - 1, theta + 0.6 * psi]])


W = np.array([0.7, -0.4])
J, V = jacobian(W), v(W)
A = (J - J.T) / 2
BY_HAND = {
    "simultaneous": ({}, W - RATE * V),
    "alternating": ({}, W - RATE * np.array([v([0.7, (W - RATE * V)[1]])[0], V[1]])),
    "unrolled": ({"unroll_steps": 0}, W - RATE * V),
    "extragradient": ({}, W - RATE * v(W - RATE * V)),
    "optimistic": ({}, W - 2 * RATE * V),
    "consensus": ({"gamma": 0.6}, W - RATE * (V + 0.6 * J.T @ V)),
    "sga": ({"weight": 0.8}, W - RATE * (V + 0.8 * A.T @ V)),
    "cgd": (
        {"eta": 0.3},
        W - RATE * np.linalg.solve(np.eye(2) + 0.3 * (J - np.diag(J.diagonal())), V),
    ),
}


@pytest.mark.parametrize("name", sorted(DYNAMICS))
@pytest.mark.usefixtures("x64")
def test_one_step_by_hand(name):
    args, expected = BY_HAND[name]
    np.testing.assert_allclose(run(bent, name, **args), expected, rtol=1e-9)


@pytest.mark.usefixtures("x64")
def test_optimistic_takes_back_the_last_step():
    w, last = W, np.zeros(2)
    for _ in range(3):
        w, last = w - 2 * RATE * v(w) + RATE * last, v(w)
    np.testing.assert_allclose(run(bent, "optimistic", steps=3), w, rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_optimistic_adam_is_that_of_its_paper():
    """Daskalakis et al. 2018, algorithm 1: -2 eta m_t / root(v_t) + eta m_t-1 / root(v_t-1)."""
    b1, b2, eps = 0.5, 0.9, 1e-8
    w, mean, square, last = W, np.zeros(2), np.zeros(2), np.zeros(2)
    for t in (1, 2, 3):
        mean, square = b1 * mean + (1 - b1) * v(w), b2 * square + (1 - b2) * v(w) ** 2
        u = mean / (1 - b1**t) / (np.sqrt(square / (1 - b2**t)) + eps)
        w, last = w - 2 * RATE * u + RATE * last, u
    adam = optax.adam(RATE, b1, b2, eps)
    np.testing.assert_allclose(run(bent, "optimistic", 3, adam), w, rtol=1e-9)


@pytest.mark.usefixtures("x64")
def test_extragradient_advances_its_optimiser_once_at_the_point_ahead():
    adam = optax.adam(RATE, 0.5, 0.9)
    game, state = bent(optimizer=adam)
    for count in (1, 2):
        ahead, _ = simultaneous(game, state, draws(0.0), None)
        there = v(place(ahead))
        before = state.players
        state, _ = DYNAMICS["extragradient"](game, state, draws(0.0), None)
        for (name, old), slope in zip(before.items(), there, strict=True):
            player, other = (
                state.players[name],
                update(game, name, old, jnp.asarray(slope), {}, None),
            )
            assert player.opt.inner[0].count == count
            np.testing.assert_allclose(player.params, other.params, rtol=1e-12)
            np.testing.assert_allclose(player.opt.inner[0].mu, other.opt.inner[0].mu, rtol=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.usefixtures("x64")
def test_unrolled_sends_gens_gradient_through_discs_steps(k):
    theta, psi = W
    slope = 0.0  # of psi_i in theta
    for _ in range(k):
        (_, _), (cross, own) = jacobian([theta, psi])
        slope, psi = slope - RATE * (cross + own * slope), psi - RATE * v([theta, psi])[1]
    gradient = v([theta, psi])[0] + (theta + 0.6 * theta**2 * psi) * slope
    expected = [theta - RATE * gradient, (W - RATE * V)[1]]
    np.testing.assert_allclose(run(bent, "unrolled", unroll_steps=k), expected, rtol=1e-12)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
@pytest.mark.usefixtures("x64")
def test_unrolled_differentiates_discs_own_optimiser(optimizer):
    """Against finite differences of f(theta, psi_2(theta)), from an optimiser that has moved."""
    numbers = hypers(tiny.config(disc__lr=0.05)).players["disc"]
    transform = make_optimizer(optimizer, "constant", False, False)(numbers)
    game, state = bent(optimizer=transform)
    for _ in range(2):
        state, _ = simultaneous(game, state, draws(0.0), None)
    plain, of_disc = guarded(optax.sgd(1.0)), game.optimizer
    game = game._replace(optimizer=lambda name, h: plain if name == "gen" else of_disc(name, h))
    state = state.with_player("gen", opt=plain.init(W[0]))
    after, _ = DYNAMICS["unrolled"](game, state, draws(0.0), None, unroll_steps=2)

    def loss(theta):
        disc = state.players["disc"]
        for _ in range(2):
            slope = jnp.asarray(v([theta, disc.params])[1])
            disc = update(game, "disc", disc, slope, {}, None)
        return theta * disc.params + 0.3 * theta**2 * disc.params**2

    theta, h = float(state.players["gen"].params), 1e-5
    slope = (loss(theta + h) - loss(theta - h)) / (2 * h)
    np.testing.assert_allclose(
        state.players["gen"].params - after.players["gen"].params, slope, rtol=1e-6
    )


@pytest.mark.parametrize(
    "optimizer", [optax.adam(RATE), optax.rmsprop(RATE, eps_in_sqrt=False), LR]
)
def test_unrolled_survives_a_gradient_of_zero(optimizer):
    """A dead relu's: the slope of a root there is infinite, and infinity times zero NaN."""
    game, state = game_of(
        lambda theta, psi, draw: ((psi * jnp.asarray([1.0, 0.0]) * theta).sum(), {}),
        lambda theta, psi, draw: ((theta * psi).sum(), {}),
        optimizer,
        np.ones((2, 2), np.float32),
    )
    after, _ = DYNAMICS["unrolled"](game, state, draws(0.0), None, unroll_steps=2)
    assert np.isfinite(place(after)).all()


def test_unrolled_networks_make_their_fakes_once():
    """All K updates of disc judge one gen's fakes: the gradient through K gens is the same."""
    c = tiny.config(dynamics__name="unrolled", gen__args__batch_norm=True)
    state = init_state(c, jax.random.key(0))
    game = make_setup(c).game
    draw = game.draw(tiny.batch(c), jax.random.split(state.key, 1))
    ends = []
    for each in (game, game._replace(precompute=lambda play, draw: {})):
        step = jax.jit(functools.partial(DYNAMICS["unrolled"], each))
        ends.append(step(state, draw, hypers(c))[0].players["gen"])
    for a, b in zip(*map(jax.tree.leaves, ends), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7)


@pytest.mark.usefixtures("x64")
def test_cgd_on_a_bilinear_game_is_the_closed_form():
    """Schaefer and Anandkumar 2019, with f = theta psi = -g."""
    theta, psi = W
    expected = W - RATE / (1 + RATE**2) * np.array([psi + RATE * theta, -theta + RATE * psi])
    np.testing.assert_allclose(run(bilinear, "cgd", eta=RATE), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["extragradient", "optimistic", "consensus", "sga", "cgd"])
@pytest.mark.usefixtures("x64")
def test_what_a_bilinear_game_needs(name):
    """Plain descent leaves the fixed point; each of these comes to it."""
    start = np.linalg.norm(W)
    assert np.linalg.norm(run(bilinear, "simultaneous", 300)) > 2 * start
    assert np.linalg.norm(run(bilinear, name, 300)) < 0.3 * start


@pytest.mark.usefixtures("x64")
def test_sga_turns_round_where_it_would_be_drawn_to_an_unstable_point():
    """f = theta psi - 2 theta^2, g = -theta psi - 2 psi^2: the origin is everybody's worst."""
    game, state = game_of(
        lambda theta, psi, draw: (-theta * psi - 2 * psi**2, {}),
        lambda theta, psi, draw: (theta * psi - 2 * theta**2, {}),
        w=W,
    )
    slopes = np.array([[-4.0, 1.0], [-1.0, -4.0]])
    after, _ = DYNAMICS["sga"](game, state, draws(0.0), None)
    adjustment = np.array([[0.0, -1.0], [1.0, 0.0]]) @ slopes @ W
    np.testing.assert_allclose(place(after), W - RATE * (slopes @ W - adjustment), rtol=1e-12)


@pytest.mark.parametrize("name", sorted(DYNAMICS))
@pytest.mark.usefixtures("x64")
def test_rows_move_together_as_they_do_alone(name):
    game, state = bent(name)
    args = {k: x for k, x in BY_HAND[name][0].items() if isinstance(x, float)}
    starts = np.array([[0.7, -0.4], [0.1, 0.9], [-1.2, 0.3]])
    numbers = np.array([0.5, 1.0, 2.0])

    def move(w, number):
        there = state.with_player("gen", params=w[0]).with_player("disc", params=w[1])
        scaled = {k: x * number for k, x in args.items()}
        after, _ = DYNAMICS[name](game, there, draws(0.0), None, **scaled)
        return jnp.stack([after.players[name].params for name in ("gen", "disc")])

    with jax.debug_key_reuse(False):  # a false alarm under vmap
        together = jax.jit(jax.vmap(move))(starts, numbers)
    alone = [move(w, n) for w, n in zip(starts, numbers, strict=True)]
    np.testing.assert_allclose(together, np.stack(alone), rtol=1e-12)


@pytest.mark.parametrize(("name", "key"), [("unrolled", "unroll_steps"), ("consensus", "gamma")])
def test_networks_that_do_not_look_ahead_move_at_once(name, key):
    """No unrolled step, or no price on v, is simultaneous to the last bit: arguments get there."""
    config = tiny.config(dynamics__name=name)
    config.dynamics.args[key] = 0  # an integer does for a float
    plain = tiny.config(dynamics__name="simultaneous")
    state, batch = init_state(config, jax.random.key(0)), tiny.batch(config)
    one, _ = jax.jit(make_train_step(config))(state, batch, hypers(config))
    other, _ = jax.jit(make_train_step(plain))(state, batch, hypers(plain))
    for a, b in zip(
        jax.tree.leaves(one.players["gen"].params),
        jax.tree.leaves(other.players["gen"].params),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("name", "key", "value", "says"),
    [
        ("consensus", "gamma", "1", "expected float"),
        ("unrolled", "unroll_steps", 2.0, "expected int"),
        ("unrolled", "unroll_steps", -1, "of at least 0"),
        ("unrolled", "gamma", 0.1, "choose from unroll_steps"),
        ("alternating", "k_disc", 2, "unknown"),
    ],
)
def test_wrong_arguments_are_refused(name, key, value, says):
    config = tiny.config(dynamics__name=name)
    config.dynamics.args[key] = value
    with pytest.raises(ConfigError, match=says):
        make_train_step(config)


@pytest.mark.parametrize("name", sorted(set(DYNAMICS) - {"alternating"}))
def test_only_alternating_moves_a_player_twice(name):
    for key in ("k_disc", "k_gen"):
        config = tiny.config(dynamics__name=name)
        config.dynamics[key] = 2
        with pytest.raises(ConfigError, match=f"{key} is 2: expected 1"):
            make_train_step(config)


def shapes(tree):
    return jax.tree.structure(tree), [(x.shape, x.dtype) for x in jax.tree.leaves(tree)]


@pytest.mark.parametrize("name", sorted(DYNAMICS))
def test_a_frozen_player_stays_bit_for_bit(name):
    """With one player's rate at 0 only the other moves: no gradient leaks across."""
    config = tiny.config(dynamics__name=name)
    state = init_state(config, jax.random.key(0))
    step = jax.jit(make_train_step(config))
    for frozen, moving in (("gen", "disc"), ("disc", "gen")):
        numbers = hypers(config)
        still = numbers.players[frozen] | {"lr": jnp.zeros(())}
        numbers = numbers.replace(players=numbers.players | {frozen: still})
        after, _ = step(state, tiny.batch(config), numbers)
        assert shapes(after) == shapes(state)  # so that a loop can carry it
        same, moved = (
            [np.array_equal(*each) for each in zip(*leaves, strict=True)]
            for leaves in (
                [jax.tree.leaves(s.players[name].params) for s in (state, after)]
                for name in (frozen, moving)
            )
        )
        assert all(same)
        assert not any(moved)
