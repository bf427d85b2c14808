"""InfoGAN: its latents, its information term, and what Q says of held-out images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from ml_collections import ConfigDict

from gan_jax import evaluate
from gan_jax.config import hypers
from gan_jax.evaluate.evaluators.encoded import category_error
from gan_jax.games import infogan, make_setup
from gan_jax.games.play.parts import make_latent
from gan_jax.host.errors import ConfigError
from gan_jax.nets.layers.codes import Codes
from gan_jax.steps import init_state, make_train_many, make_train_step
from gan_jax.sweeps.cohort import init_rows, make_members, make_train_rows
from gan_jax.types import Batch


def config(**leaves):
    return tiny.config(game="infogan", **leaves)


def images(**leaves):
    """Convolutions of a few channels on digits of 8x8."""
    c = config(data__name="digits", gen__net="dcgan", disc__net="dcgan", **leaves)
    c.gen.args = ConfigDict({"channels": (4,)})
    c.disc.args = ConfigDict({"channels": (4,), "dense": 6})
    return c


def first_play(c, seed=0):
    """(game, state, its first draw, the Play in which disc moves)."""
    game, state = make_setup(c).game, init_state(c, jax.random.key(seed))
    x = jax.random.normal(jax.random.key(seed + 1), (1, c.batch_size, 1))
    draw = jax.tree.map(lambda a: a[0], game.draw(Batch(x), state.key[None]))
    params = {name: player.params for name, player in state.players.items()}
    return game, state, draw, game.play(game, ("disc",), params, state, draw)


def test_latents_are_noise_then_a_category_then_codes():
    latent = config(latent__dim=3).latent
    z = np.asarray(infogan.with_codes(make_latent(latent), Codes(5, 2))(jax.random.key(0), 4000))
    noise, hot, numbers = z[:, :3], z[:, 3:8], z[:, 8:]
    assert numbers.shape == (4000, 2)
    assert set(np.unique(hot)) == {0, 1}
    assert (hot.sum(1) == 1).all()
    assert np.abs(hot.mean(0) - 0.2).max() < 0.03
    assert np.abs(numbers).max() <= 1
    assert np.abs(numbers.mean(0)).max() < 0.04
    assert np.abs(numbers.std(0) - 3**-0.5).max() < 0.02  # U(-1, 1)
    assert np.abs(noise.std(0) - 1).max() < 0.05
    together = np.abs(np.corrcoef(np.concatenate([noise, numbers, hot[:, :4]], 1).T))
    assert (together[:5, :] - np.eye(9)[:5]).max() < 0.06  # noise and codes: of nothing else
    hot_again, numbers_again = infogan.codes_of(jnp.asarray(z), Codes(5, 2))
    np.testing.assert_array_equal(hot_again, hot)
    np.testing.assert_array_equal(numbers_again, numbers)


def reference(hot, numbers, logits, mean):
    """-log Q of each example in float64, from the densities themselves."""
    hot, numbers, logits, mean = (np.asarray(x, np.float64) for x in (hot, numbers, logits, mean))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    density = np.exp(-0.5 * (numbers - mean) ** 2) / np.sqrt(2 * np.pi)
    return -np.log((chances * hot).sum(1)) - np.log(density).sum(1)


def test_the_information_term_is_that_of_the_densities():
    keys = jax.random.split(jax.random.key(0), 4)
    hot = jax.nn.one_hot(jax.random.randint(keys[0], (32,), 0, 10), 10)
    logits, numbers, mean = (
        jax.random.normal(key, shape)
        for key, shape in zip(keys[1:], ((32, 10), (32, 3), (32, 3)), strict=True)
    )
    found = infogan.information_loss(hot, numbers, logits, mean)
    np.testing.assert_allclose(found, reference(hot, numbers, logits, mean), rtol=1e-5)


@pytest.mark.parametrize("info", [0.0, 0.5, 3.0])
def test_both_losses_are_a_gans_with_the_term_at_its_weight(info):
    """Of the fakes, not of the reals, and of the latents that these fakes were made from."""
    c = config()
    c.game_args.info = info
    game, state, draw, _ = first_play(c)
    params = {name: player.params for name, player in state.players.items()}
    found = {}
    for move in game.moves:
        play = game.play(game, move.players, params, state, draw)
        found[move.players], notes = move.loss(play, draw, hypers(c))
        found |= notes.metrics
    fake = play.nets["gen"].apply(params["gen"], {}, draw.z, None, train=False)[0]
    vars = state.players["disc"].vars
    seen, _ = game.nets["disc"].apply(params["disc"], vars, fake, draw.key, train=True)
    heads = seen.heads["category"], seen.heads["mean"]
    term = reference(draw.z[:, 2:12], draw.z[:, 12:], *heads).mean()
    np.testing.assert_allclose(found["info_loss"], term, rtol=1e-5)
    for name in ("disc", "gen"):
        expected = found[f"{name}_loss"] + info * term
        np.testing.assert_allclose(found[name,], expected, rtol=1e-5)


def test_q_is_among_discs_parameters_and_gen_answers_it():
    """With Q alone in the losses gen's gradient is not zero; without the term it has no part."""
    c = config(objective="wgan")
    game, state, draw, _ = first_play(c)
    assert {"recognition", "category", "mean"} <= set(state.players["disc"].params)
    params = {name: player.params for name, player in state.players.items()}

    def loss(own, move, mover, info):
        h = hypers(c)
        h = h.replace(game_args={"info": jnp.asarray(info)})
        play = game.play(game, (mover,), params | {mover: own}, state, draw)
        return game.moves[move].loss(play, draw, h)[0]

    of_disc = [jax.grad(loss)(params["disc"], 0, "disc", info) for info in (0.0, 1.0)]
    for part in ("recognition", "category", "mean"):
        sizes = [max(float(jnp.abs(x).max()) for x in jax.tree.leaves(g[part])) for g in of_disc]
        assert sizes[0] == 0 < sizes[1], part
    of_gen = [jax.grad(loss)(params["gen"], 1, "gen", info) for info in (0.0, 1.0)]
    assert any((a != b).any() for a, b in zip(*map(jax.tree.leaves, of_gen), strict=True))


@pytest.mark.parametrize(
    "leaves",
    [
        {"dynamics__name": "simultaneous"},
        {"dynamics__name": "alternating", "dynamics__k_disc": 2},
        {"dynamics__name": "extragradient"},
        {"dynamics__name": "unrolled"},
        {"disc__normalise": "spectral"},
        {"disc__normalise": "gradient"},
        {"penalty__name": "r1", "penalty__weight": 0.1},
        {"gen__rescale_gradient": 1.0},
    ],
    ids=str,
)
def test_it_trains_under(leaves):
    c = config(**leaves)
    state, step = init_state(c, jax.random.key(0)), jax.jit(make_train_step(c))
    for seed in range(2):
        state, metrics = step(state, tiny.batch(c, seed=seed), hypers(c))
    assert {"disc_loss", "gen_loss", "info_loss", "category_acc"} <= set(metrics)
    assert all(np.isfinite(value) for value in metrics.values())


def test_q_learns_the_codes():
    c = config(batch_size=64, disc__lr=3e-3, gen__lr=3e-3)
    c.gen.args.hidden, c.disc.args.hidden, c.game_args.categories = (32,), (32,), 3
    state, step = init_state(c, jax.random.key(0)), jax.jit(make_train_step(c))
    found = []
    for seed in range(150):
        state, metrics = step(state, tiny.batch(c, seed=seed), hypers(c))
        found.append((float(metrics["category_acc"]), float(metrics["info_loss"])))
    assert found[-1][0] > 0.8
    assert found[-1][1] < found[0][1] - 0.5


def test_published_sizes():
    """6,559,169 and 133,262 of the authors, whose layers before batch norm have biases of no use.

    128 + 1,024 of them in disc, 128 in Q, which also has 258 for deviations that it never takes.
    """
    path = next(path for path in tiny.EXPERIMENTS if path.stem == "mnist_infogan")
    c = tiny.experiment(path)
    state = jax.eval_shape(lambda: init_state(c, jax.random.key(0)))
    sizes = {name: sum(x.size for x in jax.tree.leaves(p)) for name, p in _parts(state).items()}
    assert sizes == {
        "gen": 6_652_481 - (1024 + 6272 + 64) - 2 * (6272 - 128),
        "Q": 133_262 - 128 - 258,
        "disc": 6_559_169 - 128 - 1024,
    }


def _parts(state):
    disc = dict(state.players["disc"].params)
    q = {name: disc.pop(name) for name in ("recognition", "category", "mean")}
    return {"gen": state.players["gen"].params, "Q": q, "disc": disc}


def test_its_picture_has_a_row_a_category_and_a_column_a_value():
    """Only the category differs between rows, and only the one code within each eight columns."""
    c = images()
    c.game_args.categories, c.game_args.codes = 3, 2
    game, state = make_setup(c).game, init_state(c, jax.random.key(0))
    asked = Codes(3, 2)
    parts = _Recorder()
    noise = make_latent(c.latent)
    infogan.traversals(parts, noise, asked, state, jax.random.key(1), None)
    z = parts.z.reshape(3, 2, 8, 2 + 3 + 2)
    assert (z[..., :2] == z[0, 0, 0, :2]).all()
    np.testing.assert_array_equal(
        z[..., 2:5].argmax(-1), np.arange(3)[:, None, None] + 0 * z[..., 0]
    )
    np.testing.assert_allclose(z[1, 0, :, 5], np.linspace(-2, 2, 8), rtol=1e-6)
    np.testing.assert_allclose(z[1, 1, :, 6], np.linspace(-2, 2, 8), rtol=1e-6)
    assert (z[:, 0, :, 6] == 0).all()
    assert (z[:, 1, :, 5] == 0).all()
    assert game.gallery(state, jax.random.key(1), jnp.zeros((4, 8, 8, 1))).shape[:2] == (3, 16)
    picture = evaluate.make_picture(make_setup(c))(state)
    assert picture.shape[1] > 4 * picture.shape[0]


class _Recorder:
    """Parts whose gen returns its latents."""

    def __init__(self):
        self.gen = self

    takes = frozenset()

    def apply(self, params, vars, z, key, train):
        self.z = np.asarray(z)
        return z, vars


def test_categories_are_named_so_that_the_fewest_are_wrong():
    """Greedy naming would call both categories after class 0."""
    label = np.asarray([0] * 6 + [1] * 5)
    category = np.asarray([0, 0, 0, 1, 1, 1] + [1, 1, 0, 0, 0])
    logits = np.eye(2)[category]
    # named 0 -> 1 and 1 -> 0: right are three of each; the other way three and two
    assert category_error(logits, label) == pytest.approx(1 - 6 / 11)
    few = np.eye(3)[[2, 2, 2, 1]]  # one class has two categories: the rarer is left over
    assert category_error(few, np.asarray([0, 0, 0, 0])) == 0.25
    assert category_error(np.eye(4)[[3, 1, 0, 2]], np.arange(4)) == 0


def test_its_error_is_of_held_out_images_on_schedule():
    c = images(eval_samples=60)
    setup, state = make_setup(c), init_state(c, jax.random.key(0))
    found = evaluate.make_evaluate(setup)(state)
    assert 0 < found["eval/code_error"] < 1
    held = setup.data.test()
    x = setup.data.to_range(jnp.asarray(held.x[:60]))
    logits = setup.game.encoders["category"](state, x)
    assert found["eval/code_error"] == category_error(np.asarray(logits), held.label[:60])
    c.data.split = "train+test"
    assert evaluate.EVALUATORS["codes"](make_setup(c)) is None
    assert evaluate.EVALUATORS["codes"](make_setup(tiny.config(data__name="digits"))) is None


@pytest.mark.parametrize(
    ("leaves", "says"),
    [
        ({"disc__pack": 2}, "disc.pack 1"),
        ({"disc__view": "moments"}, "disc.view 'sample'"),
        ({"penalty__name": "zcr", "penalty__weight": 1.0}, "moves latents"),
        ({"disc__net": "maxout", "disc__args": ConfigDict()}, "no recognition head"),
        (
            {"disc__net": "autoencoder", "disc__args": ConfigDict(), "objective": "ebgan"},
            "no recognition head",
        ),
        ({"data__name": "digits", "gen__condition": "concat"}, "takes no labels"),
        ({"game_args__categories": 1}, "expected at least 2 and 1"),
        ({"game_args__codes": 0}, "expected at least 2 and 1"),
        ({"game_args__info": -1.0}, "at least 0"),
    ],
)
def test_what_it_has_no_place_for_is_refused(leaves, says):
    c = config()
    with c.unlocked():
        tiny.edit(c, **leaves)
    with pytest.raises(ConfigError, match=says):
        make_setup(c)


def test_rows_with_other_weights_are_one_program():
    configs = [config(), config(seed=1)]
    for c, info in zip(configs, (1.0, 0.2), strict=True):
        c.game_args.info = info
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
