"""pix2pix, CycleGAN and StackGAN: each term by itself in float64, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gan_jax.config import hypers
from gan_jax.data.pipeline import make_orders
from gan_jax.dynamics.move import field, params
from gan_jax.games import cyclegan, make_setup
from gan_jax.games.play import FAKE_DROPOUT, GEN_DROPOUT, REAL_DROPOUT
from gan_jax.games.play.translation import in_rows
from gan_jax.games.stackgan import WRONG
from gan_jax.host.errors import ConfigError
from gan_jax.steps import init_state, make_train_many
from gan_jax.sweeps import rows
from gan_jax.sweeps.cohort import init_rows, make_members, make_train_rows
from gan_jax.sweeps.product import seeds
from gan_jax.types import Batch, Draw

SIDE = 16


def config(game, **leaves):
    c = tiny.config(**tiny.pictures(game, batch_size=3, **leaves))
    if game == "pix2pix":
        c.gen.args.keep = 1.0  # masks in float64 would be others
    return c


def pictures(seed, *shape):
    return jnp.tanh(jax.random.normal(jax.random.key(seed), (3, *shape)))


def draw_of(c):
    """A draw of some pictures, texts and latents."""
    text = jnp.asarray([[2, 3, 0], [4, 1, 0], [5, 0, 0]], jnp.int32)
    x, other = pictures(1, SIDE, SIDE, 3), pictures(2, SIDE, SIDE, 3)
    z = jax.random.normal(jax.random.key(4), (3, c.latent.dim))
    return Draw(Batch(x, other=other, text=text), z, jax.random.key(6))


def gradients(c, state, draw, move):
    """Of the players of a move, with the numbers of a config, as the dynamics take them."""
    game = make_setup(c).game
    v, _ = jax.jit(field(game, game.moves[move : move + 1], state, draw, hypers(c)))(
        params(game, state)
    )
    return {name: v[name] for name in game.moves[move].players}


def reference(c, state, draw, loss, players):
    """The gradients of loss(call, draw), written down anew, in float64.

    call(name, x, role) is a training pass of a player.
    """
    nets = make_setup(c).game.nets

    def of(moved, all_params, draw, keys):
        def call(name, x, role):
            given = moved.get(name, all_params[name])
            vars = jax.tree.map(np.asarray, state.players[name].vars)
            return nets[name].apply(given, vars, x, keys[role], train=True)[0]

        return loss(call, draw)

    roles = (*range(70),)
    keys = [jax.random.fold_in(draw.key, role) for role in roles]
    own = {name: player.params for name, player in state.players.items()}
    as_numpy = jax.tree.map(np.asarray, (own, draw.batch, draw.z))
    with jax.enable_x64(True):
        wide = jax.tree.map(
            lambda a: jnp.asarray(a, jnp.float64) if a.dtype.kind == "f" else jnp.asarray(a),
            as_numpy,
        )
        all_params, batch, z = wide
        moved = {name: all_params[name] for name in players}
        return jax.grad(of)(moved, all_params, Draw(batch, z, None), keys)


def assert_close(found, right):
    for (path, a), b in zip(
        jax.tree_util.tree_leaves_with_path(found), jax.tree.leaves(right), strict=True
    ):
        largest = max(np.abs(np.asarray(x)).max() for x in jax.tree.leaves(right))
        np.testing.assert_allclose(
            a, np.asarray(b), rtol=2e-3, atol=1e-5 * largest, err_msg=jax.tree_util.keystr(path)
        )


def apart(one, other):
    """What one set of gradients has beyond another: those of a term alone."""
    return jax.tree.map(lambda a, b: a - b, one, other)


def pair(batch, x):
    return jnp.concatenate([batch.other, x], -1)


PIX2PIX = {
    "disc": (
        0,
        {},
        lambda call, d: (
            0.5
            * (
                jax.nn.softplus(-call("disc", pair(d.batch, d.batch.x), REAL_DROPOUT)).mean()
                + jax.nn.softplus(
                    call(
                        "disc", pair(d.batch, call("gen", d.batch.other, GEN_DROPOUT)), FAKE_DROPOUT
                    )
                ).mean()
            )
        ),
    ),
    "adversarial": (
        1,
        {"l1": 0.0},
        lambda call, d: jax.nn.softplus(
            -call("disc", pair(d.batch, call("gen", d.batch.other, GEN_DROPOUT)), FAKE_DROPOUT)
        ).mean(),
    ),
    "l1": (
        1,
        {"adversarial": 0.0},
        lambda call, d: 100 * jnp.abs(d.batch.x - call("gen", d.batch.other, GEN_DROPOUT)).mean(),
    ),
}


@pytest.mark.parametrize("term", PIX2PIX)
def test_pix2pix_has_the_gradients_of_its_paper(term):
    move, numbers, loss = PIX2PIX[term]
    c = config("pix2pix", disc__loss_scale=0.5)
    c.game_args.update(numbers)
    state, draw = init_state(c, jax.random.key(0)), draw_of(c)
    found = gradients(c, state, draw, move)
    assert_close(found, reference(c, state, draw, loss, list(found)))


def adversarial(call, d):
    to_b, to_a = call("gen_ab", d.batch.other, 0), call("gen_ba", d.batch.x, 0)
    return sum(
        ((call(n, y, 0) - 1) ** 2).mean() / 2 for n, y in (("disc_b", to_b), ("disc_a", to_a))
    )


def there_and_back(call, d):
    a, b = d.batch.other, d.batch.x
    back_a = call("gen_ba", call("gen_ab", a, 0), 0)
    back_b = call("gen_ab", call("gen_ba", b, 0), 0)
    return jnp.abs(back_a - a).mean() + jnp.abs(back_b - b).mean()


def same(call, d):
    a, b = d.batch.other, d.batch.x
    return jnp.abs(call("gen_ba", a, 0) - a).mean() + jnp.abs(call("gen_ab", b, 0) - b).mean()


def test_cyclegans_generators_have_the_gradients_of_its_paper():
    """The adversarial term, and what the cycle and the identity add to it, each by itself."""
    found = {}
    for name, (cycle, identity) in {"none": (0, 0), "cycle": (10, 0), "both": (10, 0.5)}.items():
        c = config("cyclegan", game_args__cycle=float(cycle), game_args__identity=float(identity))
        state, draw = init_state(c, jax.random.key(0)), draw_of(c)
        found[name] = gradients(c, state, draw, 1)
    gens = list(found["none"])
    scale = {"adversarial": 1, "cycle": 10, "identity": 5}
    terms = {
        "adversarial": (found["none"], adversarial),
        "cycle": (apart(found["cycle"], found["none"]), there_and_back),
        "identity": (apart(found["both"], found["cycle"]), same),
    }
    for name, (ours, term) in terms.items():
        right = reference(c, state, draw, lambda *a, f=term, w=scale[name]: w * f(*a), gens)
        assert_close(ours, right)


def test_cyclegans_discs_are_shown_what_the_pool_gives():
    """A full pool swaps about half of what comes: the others are translations of before."""
    c = config("cyclegan", disc__loss_scale=0.5)
    state, draw = init_state(c, jax.random.key(0)), draw_of(c)
    pools = {
        f"pool_{domain}": jnp.tanh(jax.random.normal(jax.random.key(i), (12, SIDE, SIDE, 3)))
        for i, domain in enumerate("ab", start=7)
    }
    state = state.replace(memory=state.memory | pools | {"pooled": jnp.int32(12)})
    game, shown, swapped = make_setup(c).game, {}, 0
    from_other = {"a": ("gen_ba", draw.batch.x), "b": ("gen_ab", draw.batch.other)}
    for i, (domain, (gen, x)) in enumerate(from_other.items()):
        net, player = game.nets[gen], state.players[gen]
        fresh = net.apply(player.params, player.vars, x, None, train=True)[0]
        key = jax.random.fold_in(jax.random.fold_in(draw.key, cyclegan.FROM_POOL), i)
        given, *_ = cyclegan.from_pool(pools[f"pool_{domain}"], jnp.int32(12), fresh, key)
        swapped += (np.asarray(given) != np.asarray(fresh)).any((1, 2, 3)).sum()
        shown[domain] = np.asarray(given)
    assert 0 < swapped < 6

    def loss(call, d):
        reals = {"a": d.batch.other, "b": d.batch.x}
        halves = [
            ((call(f"disc_{n}", reals[n], 0) - 1) ** 2).mean()
            + (call(f"disc_{n}", jnp.asarray(shown[n], jnp.float64), 0) ** 2).mean()
            for n in "ab"
        ]
        return sum(halves) / 4  # lsgan's own half, and loss_scale

    found = gradients(c, state, draw, 0)
    assert_close(found, reference(c, state, draw, loss, list(found)))


def drawn(call, d):
    return call("gen_1", (d.z, d.batch.text), GEN_DROPOUT)


def stackgans_disc(call, d):
    x, text = d.batch.x, d.batch.text
    right = call("disc_1", (x, text), REAL_DROPOUT)
    fake = call("disc_1", (drawn(call, d).x, text), FAKE_DROPOUT)
    wrong = call("disc_1", (x, text[jnp.asarray([2, 0, 1])]), WRONG)
    half = (jax.nn.softplus(fake).mean() + jax.nn.softplus(wrong).mean()) / 2
    return jax.nn.softplus(-right).mean() + half


def kl(call, d):
    made = drawn(call, d)
    var = jnp.exp(made.log_std) ** 2
    return 2 * ((var + made.mean**2 - 1 - jnp.log(var)) / 2).mean()


def stackgans_gen(call, d):
    return jax.nn.softplus(-call("disc_1", (drawn(call, d).x, d.batch.text), FAKE_DROPOUT)).mean()


def test_stackgan_has_the_gradients_of_its_paper():
    found = {}
    for weight in (0.0, 2.0):
        c = config("stackgan", game_args__kl=weight)
        state, draw = init_state(c, jax.random.key(0)), draw_of(c)
        found[weight] = gradients(c, state, draw, 1)
    of_disc = gradients(c, state, draw, 0)
    assert_close(of_disc, reference(c, state, draw, stackgans_disc, ["disc_1"]))
    assert_close(found[0.0], reference(c, state, draw, stackgans_gen, ["gen_1"]))
    assert_close(apart(found[2.0], found[0.0]), reference(c, state, draw, kl, ["gen_1"]))


@pytest.mark.parametrize("game", ["pix2pix", "cyclegan", "stackgan"])
def test_two_seeds_are_one_program_and_a_row_is_the_row_alone(game):
    configs = [
        config(game, seed=seed, log_every_steps=2, gen__optimizer="sgd", disc__optimizer="sgd")
        for seed in (0, 1)
    ]
    members = make_members(configs)
    arrays = members.setup.examples()
    with jax.debug_key_reuse(False):  # a false alarm under vmap
        states, h = init_rows(members)
        orders = jnp.stack(
            [make_orders(c, arrays)(s, 0) for c, s in zip(configs, states.key, strict=True)]
        )
        after, _ = jax.jit(make_train_rows(members.setup))(states, arrays, orders, h, np.int32(1))
    state = init_state(configs[1], jax.random.key(1))
    one = jax.jit(make_train_many(configs[1]))
    alone, _ = one(state, arrays, orders[1], hypers(configs[1]), np.int32(1))
    for a, b in zip(jax.tree.leaves(alone.players), jax.tree.leaves(after.players), strict=True):
        np.testing.assert_allclose(a, b[1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("leaves", "says"),
    [
        ({"data__name": "emoji"}, "these data have only one: expected data.name 'emoji_pairs'"),
        ({"data__paired": False}, "learns from pairs, and data.paired is False"),
        ({"gen__net": "mlp", "gen__args": {}}, "this gen.net maps latents: expected gen.net 'pix2"),
        ({"disc__pack": 2}, "disc.pack 1"),
        ({"gen__top_k": 0.5}, "no place for gen.top_k, expected 0"),
        ({"objective": "gan_qp"}, "objective is 'gan_qp', which is about one logit an example"),
        ({"disc__normalise": "gradient"}, "disc.normalise is 'gradient', which is about one"),
        ({"game": "cyclegan", "data__name": "emoji_grey"}, "their pictures are of shape"),
        ({"game": "gan"}, "game 'gan' makes samples from latents: expected another"),
        ({"game": "stackgan"}, "needs nets that read: expected gen.net and disc.net 'stackgan'"),
        ({"game": "stackgan", "data__name": "emoji_none"}, "Did you mean"),
        ({"game_args__l1": -1.0}, "at least 0"),
    ],
)
def test_what_a_game_of_pictures_has_no_place_for_is_refused(leaves, says):
    c = config("pix2pix")
    with c.unlocked():
        if "gen__args" in leaves or leaves.get("game") == "stackgan":
            c.gen.args = {}
        tiny.edit(c, **{name: value for name, value in leaves.items() if name != "gen__args"})
    with pytest.raises(ConfigError, match=says):
        make_setup(c)


def test_stackgans_second_stage_wants_the_first():
    with pytest.raises(ConfigError, match=r"stage is 3: expected 1 or 2"):
        make_setup(config("stackgan", game_args__stage=3))
    found = rows.group(rows.resolve(config("stackgan", stage=2, steps=40), seeds(1)))
    with pytest.raises(ConfigError, match="takes gen_1 from a run that trained it before"):
        rows.check(found)


def test_pictures_that_belong_together_stand_side_by_side():
    first, second = jnp.arange(14.0).reshape(7, 1, 1, 2)[..., :1], jnp.ones((7, 1, 1, 3))
    shown = in_rows(first, second)
    assert shown.shape == (3, 4, 1, 1, 3)  # two pairs in each of three rows, and one is left out
    np.testing.assert_array_equal(shown[1, :, 0, 0, 0], [4, 1, 6, 1])
