"""BiGAN: pairs, the move that gen and enc make together, and what the encoder finds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from ml_collections import ConfigDict

from gan_jax import evaluate, nets
from gan_jax.config import hypers
from gan_jax.dynamics.move import make_move
from gan_jax.games import bigan, make_setup
from gan_jax.host.errors import ConfigError
from gan_jax.steps import init_state, make_train_many, make_train_step
from gan_jax.sweeps.cohort import init_rows, make_members, make_train_rows
from gan_jax.types import Batch

NETS = {"gen__net": "bigan", "disc__net": "bigan"}


def config(**leaves):
    return tiny.config(**{"game": "bigan", **NETS, **leaves})


def images(**leaves):
    return config(data__name="digits", **leaves)


def first_draw(c, seed=0):
    """(game, state, its first draw, parameters by player)."""
    game, state = make_setup(c).game, init_state(c, jax.random.key(seed))
    x = jax.random.normal(jax.random.key(seed + 1), (1, c.batch_size, 1))
    draw = jax.tree.map(lambda a: a[0], game.draw(Batch(x), state.key[None]))
    return game, state, draw, {name: player.params for name, player in state.players.items()}


def same(a, b):
    return all(map(np.array_equal, jax.tree.leaves(a), jax.tree.leaves(b)))


def test_gen_and_enc_move_together_along_one_loss():
    """Each along the slope of the one number at the old parameters of both."""
    c = config(gen__optimizer="sgd", gen__lr=0.1)
    game, state, draw, params = first_draw(c)
    move = game.moves[1]
    assert move.players == ("gen", "enc")
    after, metrics = make_move(game, move, state, draw, hypers(c))

    def loss(both):
        play = game.play(game, move.players, params | both, state, draw)
        return move.loss(play, draw, hypers(c))[0]

    own = {name: params[name] for name in move.players}
    value, slopes = jax.value_and_grad(loss)(own)
    np.testing.assert_allclose(metrics["gen_loss"], value, rtol=1e-5)
    for name in move.players:
        expected = jax.tree.map(lambda w, g: w - 0.1 * g, own[name], slopes[name])
        for a, b in zip(*map(jax.tree.leaves, (after.players[name].params, expected)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
        assert not same(after.players[name].params, params[name])
    assert same(after.players["disc"], state.players["disc"])


def test_disc_sees_examples_with_their_codes_and_fakes_with_their_latents():
    """The losses in float64, from the logits of the two kinds of pairs."""
    c = config(disc__loss_scale=0.5)
    game, state, draw, params = first_draw(c)
    found = {}
    for move in game.moves:
        play = game.play(game, move.players, params, state, draw)
        found[move.players], _ = move.loss(play, draw, hypers(c))
    v = {name: player.vars for name, player in state.players.items()}
    key = jax.random.key(5)
    code, _ = game.nets["enc"].apply(params["enc"], v["enc"], draw.batch.x, key, train=True)
    fake, _ = game.nets["gen"].apply(params["gen"], v["gen"], draw.z, key, train=True)
    logits = [
        np.asarray(
            game.nets["disc"].apply(
                params["disc"], v["disc"], jnp.concatenate(pair, 1), key, train=True
            )[0],
            np.float64,
        )
        for pair in ((draw.batch.x, code), (fake, draw.z))
    ]
    real, fake = logits
    of_disc = (np.log1p(np.exp(-real)) + np.log1p(np.exp(fake))).mean()
    of_both = (np.log1p(np.exp(-fake)) + np.log1p(np.exp(real))).mean()
    np.testing.assert_allclose(found["disc",], 0.5 * of_disc, rtol=1e-5)
    np.testing.assert_allclose(found["gen", "enc"], of_both, rtol=1e-5)


@pytest.mark.parametrize(
    "leaves",
    [
        {"dynamics__name": "simultaneous"},
        {"dynamics__name": "alternating", "dynamics__k_gen": 2},
        {"dynamics__name": "extragradient"},
        {"dynamics__name": "unrolled"},
        {"disc__normalise": "spectral", "objective": "hinge"},
        {"penalty__name": "wgan_gp", "penalty__weight": 1.0, "objective": "wgan"},
        {"penalty__name": "lecam", "penalty__weight": 0.1},
        {"disc__net": "mlp", "disc__instance_noise": 0.1},
    ],
    ids=str,
)
def test_it_trains_under(leaves):
    c = config(**leaves)
    before = state = init_state(c, jax.random.key(0))
    step = jax.jit(make_train_step(c))
    for seed in range(2):
        state, metrics = step(state, tiny.batch(c, seed=seed), hypers(c))
    assert {"disc_loss", "gen_loss", "d_real", "d_fake"} <= set(metrics)
    assert all(np.isfinite(value) for value in metrics.values())
    for name in ("gen", "enc", "disc"):
        assert not same(before.players[name].params, state.players[name].params)


@pytest.mark.slow
def test_it_learns_an_inverse():
    """On the ring the reconstructions of points come near them, which they did not at first.

    Enough steps, and an average long enough, that another processor's rounding does not matter.
    With an enc that stays as it was, gen alone comes half of the way.
    """
    c = config(data__name="ring", batch_size=128, disc__net="mlp", ema__decay=0.99)
    c.gen.args.hidden = c.disc.args.hidden = (64, 64)
    c.gen.args.weights, c.gen.args.gain = "lecun", 1.0
    c.gen.lr = c.disc.lr = 1e-3
    c.penalty.name, c.penalty.weight = "r1", 0.1
    setup, draw = make_setup(c), make_setup(c).data.synthetic.sample
    state, step = init_state(c, jax.random.key(0)), make_train_step(c)
    x = draw(jax.random.key(2**20), 200)

    def error(state):
        again = setup.game.sampler.sample(state, setup.game.encoders["latent"](state, x))
        return float(jnp.linalg.norm(again - x, axis=1).mean())

    def body(state, key):
        return step(state, Batch(draw(key, c.batch_size)[None]), hypers(c))[0], None

    keys = jax.random.split(jax.random.key(1), 2000)
    trained = jax.jit(lambda state: jax.lax.scan(body, state, keys)[0])(state)
    assert error(trained) < 0.4 * error(state)


def test_z_enters_every_layer():
    """At each layer by a map of its own, as in the authors' code, by hand in float64."""
    net = nets.make_discriminator("bigan", {"hidden": (5, 4)}, (3,))
    pair = jax.random.normal(jax.random.key(0), (6, 3 + 2))
    params, vars = net.init(jax.random.key(1), pair)
    assert {n for n in params if n.endswith("_z")} == {"dense_0_z", "dense_1_z", "logit_z"}
    assert all(leaf.ndim == 2 for leaf in jax.tree.leaves(params))  # no biases, no gains
    params = jax.tree.map(lambda w: jax.random.normal(jax.random.key(w.size), w.shape), params)
    found, _ = net.apply(params, vars, pair, jax.random.key(2), train=True)
    w = {name: np.asarray(p["linear"]["kernel"], np.float64) for name, p in params.items()}
    h, z = np.split(np.asarray(pair, np.float64), [3], axis=1)
    h = h @ w["dense_0"] + z @ w["dense_0_z"]
    h = np.where(h > 0, h, 0.2 * h)
    h = h @ w["dense_1"] + z @ w["dense_1_z"]
    h = (h - h.mean(0)) / np.sqrt(h.var(0) + 1e-4)
    h = np.where(h > 0, h, 0.2 * h)
    np.testing.assert_allclose(found, (h @ w["logit"] + z @ w["logit_z"])[:, 0], rtol=1e-4)


def test_the_encoder_takes_gens_arguments_in_reverse():
    net = nets.make_encoder("bigan", {"hidden": (5, 7), "out": "tanh"}, 3)
    params, vars = net.init(jax.random.key(0), jnp.zeros((2, 4, 4, 1)))
    shapes = [params[name]["linear"]["kernel"].shape for name in ("dense_0", "dense_1", "out")]
    assert shapes == [(16, 7), (7, 5), (5, 3)]
    x = jax.random.normal(jax.random.key(1), (6, 4, 4, 1))
    features = net.encode(params, vars, x)
    assert features.shape == (6, 5)
    z, _ = net.apply(params, vars, x, None, train=False)
    np.testing.assert_allclose(z, features @ params["out"]["linear"]["kernel"], rtol=1e-5)
    assert nets.make_encoder("mlp", {}, 3) is None


def test_gens_section_is_the_encoders():
    c = config(gen__lr=0.0)
    game, state, draw, params = first_draw(c)
    after, _ = make_move(game, game.moves[1], state, draw, hypers(c))
    assert same(after.players["enc"].params, params["enc"])
    assert same(after.players["gen"].params, params["gen"])


def test_its_picture_has_reals_above_their_reconstructions():
    c = images(grid_samples=18)
    setup, state = make_setup(c), init_state(c, jax.random.key(0))
    assert set(state.averages) == {"gen", "enc"}
    real = jax.random.uniform(jax.random.key(3), (18, 8, 8, 1))
    shown = setup.game.gallery(state, jax.random.key(1), Batch(real))
    assert shown.shape == (4, 8, 8, 8, 1)
    right = shown[:, 4:]
    np.testing.assert_array_equal(right[::2].reshape(8, 8, 8, 1), real[:8])
    z = setup.game.encoders["latent"](state, real[:8])
    again = setup.game.sampler.sample(state, z)
    np.testing.assert_allclose(right[1::2].reshape(8, 8, 8, 1), again, atol=1e-6)
    z = setup.game.sampler.latent(jax.random.key(1), 16)
    drawn = setup.game.sampler.sample(state, z)
    np.testing.assert_allclose(shown[:, :4].reshape(16, 8, 8, 1), drawn, atol=1e-6)
    picture = evaluate.make_picture(setup)(state)
    assert picture.shape[1] > 1.9 * picture.shape[0]


def test_neighbours_are_of_the_last_hidden_layer(monkeypatch):
    """Held-out digits as queries, training ones as neighbours, by brute force."""
    c = images(eval_samples=70, gen__args=ConfigDict({"hidden": (30, 30)}))
    setup, state = make_setup(c), init_state(c, jax.random.key(0))
    train, held = setup.data.examples(), setup.data.test()
    enc = state.players["enc"]

    def hidden(x):
        x = jnp.asarray(setup.data.to_range(jnp.asarray(x)))
        return np.asarray(setup.game.nets["enc"].encode(enc.params, enc.vars, x), np.float64)

    near, far = hidden(train.x), hidden(held.x[:70])
    which = np.square(far[:, None] - near[None]).sum(-1).argmin(1)
    expected = (train.label[which] == held.label[:70]).mean()
    found = evaluate.make_evaluate(setup, ["nearest_neighbour"])(state)
    assert found == {"eval/neighbour_accuracy": pytest.approx(expected)}
    assert 0.5 < expected < 1
    other = make_setup(tiny.config(data__name="digits"))
    assert evaluate.EVALUATORS["nearest_neighbour"](other) is None


@pytest.mark.parametrize(
    ("leaves", "says"),
    [
        ({"gen__net": "mlp"}, "expected gen.net 'bigan'"),
        ({"disc__pack": 2}, "disc.pack 1"),
        ({"disc__view": "moments"}, "disc.view 'sample'"),
        ({"data__name": "digits", "disc__net": "dcgan", "disc__args": ConfigDict()}, "one vector"),
        ({"data__name": "digits", "gen__condition": "concat"}, "takes no labels"),
        ({"penalty__name": "cr"}, "change images or latents"),
        ({"data__name": "digits", "disc__augment": "cutout"}, "change images or latents"),
        ({"penalty__name": "bcr"}, "change images or latents"),
        ({"penalty__name": "zcr", "penalty__weight": 1.0}, "change images or latents"),
        ({"gen__rescale_gradient": 1.0}, "no place for gen.rescale_gradient"),
        ({"gen__top_k": 0.5}, "no place for gen.top_k, expected 0"),
        ({"disc__san": True}, "no place for disc.san, expected False"),
        (
            {"disc__net": "autoencoder", "disc__args": ConfigDict(), "objective": "ebgan"},
            "supports neither energies",
        ),
        ({"game_args__info": 1.0}, "game_args"),
    ],
)
def test_what_it_has_no_place_for_is_refused(leaves, says):
    c = config()
    with c.unlocked():
        tiny.edit(c, **leaves)
    with pytest.raises(ConfigError, match=says):
        make_setup(c)


def test_a_row_of_a_cohort_is_the_row_alone():
    configs = [config(), config(seed=1, gen__lr=1e-3)]
    members = make_members(configs)
    orders = jnp.zeros((2, configs[0].log_every_steps, 1, 0), jnp.int32)
    with jax.debug_key_reuse(False):  # a false alarm under vmap
        states, h = init_rows(members)
        after, _ = jax.jit(make_train_rows(members.setup))(states, (), orders, h, np.int32(2))
    alone, _ = jax.jit(make_train_many(configs[1]))(
        init_state(configs[1], jax.random.key(1)), (), orders[1], hypers(configs[1]), np.int32(2)
    )
    for a, b in zip(jax.tree.leaves(alone.players), jax.tree.leaves(after.players), strict=True):
        np.testing.assert_allclose(a, b[1], rtol=1e-4, atol=1e-6)


def test_pairs_are_flat_examples_before_latents():
    x, z = jnp.arange(12.0).reshape(2, 2, 3, 1), -jnp.ones((2, 2))
    np.testing.assert_array_equal(
        bigan.pairs(x, z), [[0, 1, 2, 3, 4, 5, -1, -1], [6, 7, 8, 9, 10, 11, -1, -1]]
    )
