"""disc's last layer, and the gradient that it sends gen: SAN, features, a normed pull."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gan_jax.config import hypers
from gan_jax.games.play import last_layer, regularisers
from gan_jax.host.errors import ConfigError
from gan_jax.objectives import OBJECTIVES
from gan_jax.objectives.samples import feature_matching
from gan_jax.steps import init_state, make_train_step
from gan_jax.training import experiment


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def setting():
    """Parameters of a small disc in float64, its logits as a function of both, reals and fakes."""
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(2, 6, 3))
    kernel = {"kernel": jnp.asarray(rng.normal(size=(4, 1))), "bias": jnp.asarray([0.3])}
    params = {"hidden": jnp.asarray(rng.normal(size=(3, 4))), "logit": {"linear": kernel}}
    return params, logits, jnp.asarray(real), jnp.asarray(fake)


def logits(params, x):
    last = params["logit"]["linear"]
    return (jnp.tanh(x @ params["hidden"]) @ last["kernel"])[:, 0] + last["bias"][0]


@pytest.mark.parametrize("name", ["minimax", "hinge", "lsgan", "rpgan", "monoflow_linear"])
def test_the_direction_descends_wasserstein_and_all_else_the_objective(name, x64):
    params, logits, real, fake = setting()

    def base(params):
        return OBJECTIVES[name](logits(params, real), logits(params, fake)).disc.mean()

    def sliced(params):
        held, alone = (
            last_layer.with_held_direction(params),
            last_layer.with_direction_alone(params),
        )
        return base(held) + logits(alone, fake).mean() - logits(alone, real).mean()

    ours, plain = jax.grad(sliced)(params), jax.grad(base)(params)
    np.testing.assert_allclose(ours["hidden"], plain["hidden"])
    w, slope, of_base = (last_layer.kernel_of(p)[:, 0] for p in (params, ours, plain))
    u = w / np.linalg.norm(w)
    h = np.tanh(fake @ params["hidden"]).mean(0) - np.tanh(real @ params["hidden"]).mean(0)
    np.testing.assert_allclose(slope - u * (u @ slope), h - u * (u @ h))  # wasserstein's
    np.testing.assert_allclose(u @ slope, u @ of_base)  # the length is the objective's
    assert not np.allclose(of_base - u * (u @ of_base), h - u * (u @ h))


def test_features_are_those_of_the_last_hidden_layer_and_matched_means_are_at_rest(x64):
    params, logits, real, fake = setting()

    def mean(x):
        return last_layer.mean_features(params, lambda params: logits(params, x))

    np.testing.assert_allclose(mean(real)[:, 0], np.tanh(real @ params["hidden"]).mean(0))

    def gen_loss(fake):
        return feature_matching(logits(params, real), logits(params, fake), mean(real), mean(fake))

    apart = (
        (np.tanh(real @ params["hidden"]) - np.tanh(fake @ params["hidden"])).mean(0) ** 2
    ).sum()
    np.testing.assert_allclose(gen_loss(fake).gen, np.full(6, apart))
    slope = jax.grad(lambda x: gen_loss(x).gen.mean())
    np.testing.assert_allclose(slope(real[::-1]), 0, atol=1e-15)
    assert np.abs(slope(fake)).max() > 1e-3
    minimax = OBJECTIVES["minimax"](logits(params, real), logits(params, fake))
    np.testing.assert_array_equal(gen_loss(fake).disc, minimax.disc)


def config(**leaves):
    sgd = {"disc__optimizer": "sgd", "gen__optimizer": "sgd", "disc__lr": 0.1, "gen__lr": 0.1}
    return tiny.config(**{"data__name": "ring", "dynamics__name": "simultaneous", **sgd, **leaves})


def play(c, steps=1, scale=1.0):
    """The players before and after, and the last metrics; disc's logits are scaled at the start."""
    state = init_state(c, jax.random.key(0))
    disc = state.players["disc"]
    louder = {**disc.params, "logit": jax.tree.map(lambda w: scale * w, disc.params["logit"])}
    before = state = state.with_player("disc", params=louder)
    step = jax.jit(make_train_step(c))
    for _ in range(steps):
        state, metrics = step(state, tiny.batch(c, (2,)), hypers(c))
    return before.players, state.players, metrics


def moved(c, name, **how):
    before, after, _ = play(c, **how)
    return jax.tree.map(lambda a, b: np.asarray(b - a), before[name].params, after[name].params)


def test_sliced_games_move_the_direction_alike_whatever_the_objective():
    moves = [moved(config(disc__san=True, objective=name), "disc") for name in ("hinge", "minimax")]
    moves.append(moved(config(objective="wgan"), "disc"))
    w = np.asarray(
        last_layer.kernel_of(init_state(config(), jax.random.key(0)).players["disc"].params)
    )
    u = w / np.linalg.norm(w)
    across = [each - u * (u * each).sum() for each in map(last_layer.kernel_of, moves)]
    for each in across[1:]:
        np.testing.assert_allclose(each, across[0], rtol=1e-3, atol=1e-7)
    assert np.abs(across[0]).max() > 1e-4
    lengths = [(u * last_layer.kernel_of(each)).sum() for each in moves[:2]]
    assert not np.isclose(*lengths, rtol=1e-2)
    gen_losses = [
        play(config(**c))[2]["gen_loss"] for c in ({"disc__san": True}, {"objective": "wgan"})
    ]
    np.testing.assert_allclose(*gen_losses, rtol=1e-5)


def test_a_normed_pull_does_not_know_how_loud_disc_is():
    quiet = {"disc__lr": 0.0, "objective": "wgan"}
    for decay, same in ((0.9, True), (0.0, False)):
        c = config(gen__pull_decay=decay, **quiet)
        soft, loud = (moved(c, "gen", steps=3, scale=scale) for scale in (1.0, 7.0))
        for a, b in zip(*map(jax.tree.leaves, (soft, loud)), strict=True):
            assert np.allclose(a, b, rtol=1e-3, atol=1e-6) == same


def test_a_pull_is_divided_by_the_root_of_its_running_square(x64):
    """Which counts all its numbers: at first its own sum of squares is then 1 / numbers."""
    fake, pull = (jnp.asarray(x) for x in np.random.default_rng(0).normal(size=(2, 5, 3)))
    memory, square = regularisers.first_pull(), float((pull**2).sum() * pull.size)
    for scale, size in ((1.0, square), (2.0, (0.9 + 0.1 * 4) * square)):
        play, h = SimpleNamespace(memory=memory), SimpleNamespace(game={"pull_decay": 0.9})

        def through(fake, play=play, h=h, scale=scale):
            shown, memory = regularisers.normed_pull(play, h, fake, scale * pull)
            return (shown * scale * pull).sum(), (shown, memory)

        slope, (shown, memory) = jax.grad(through, has_aux=True)(fake)
        np.testing.assert_array_equal(shown, fake)
        np.testing.assert_allclose(memory["pull"], size)
        np.testing.assert_allclose(slope, scale * pull / np.sqrt(size))
    assert memory["pulls"] == 2


def test_pull_and_slicing_train_under_what_differentiates_twice():
    for dynamics in ("consensus", "unrolled", "cgd"):
        c = config(dynamics__name=dynamics, gen__pull_decay=0.9, disc__san=True)
        state = jax.eval_shape(lambda c=c: init_state(c, jax.random.key(0)))
        after, _ = jax.eval_shape(make_train_step(c), state, tiny.batch(c, (2,)), hypers(c))
        assert after.players == state.players


REFUSED = {
    "both set the size": {"gen__rescale_gradient": 0.1, "gen__pull_decay": 0.9},
    "disc.san is about the last layer": {"disc__san": True, "disc__net": "autoencoder"},
    "no place for gen.pull_decay": {"gen__pull_decay": 0.9, "game": "infogan"},
}


@pytest.mark.parametrize("says", REFUSED)
def test_what_has_no_place_is_refused(says):
    leaves = REFUSED[says]
    energies = {"objective": "ebgan"} if "disc__net" in leaves else {}
    with pytest.raises(ConfigError, match=says):
        experiment.check(config(**leaves, **energies))
