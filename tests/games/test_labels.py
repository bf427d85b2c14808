"""Conditional games: what a label changes, in which networks, and by how much."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tiny
from ml_collections import ConfigDict

from gan_jax.config import hypers
from gan_jax.data import pipeline
from gan_jax.evaluate import make_evaluate, make_picture, rows_of_classes
from gan_jax.evaluate.evaluators.draws import make_draw
from gan_jax.games import make_setup
from gan_jax.games.play.labels import class_losses
from gan_jax.games.play.terms import OF_GEN_ALONE, PENALTY_TERMS, Case
from gan_jax.host.errors import ConfigError
from gan_jax.nets import make_discriminator, make_generator
from gan_jax.nets.layers import BatchNorm, Labels, logit_of
from gan_jax.sweeps.cohort import init_rows, make_members, make_train_rows
from gan_jax.training.steps import init_state, make_train_step
from gan_jax.types import Batch

SHAPE, CLASSES = (8, 8, 1), 10
GENS = {
    "mlp": {"hidden": (6,)},
    "mlp with batch norm": {"hidden": (6,), "batch_norm": True},
    "maxout": {"hidden": (6,)},
    "dcgan": {"channels": (4,)},
    "cgan2014": {"latent_units": 4, "label_units": 4, "joint_units": 6, "keep_hidden": 1.0},
}
DISCS = {
    "mlp": {"hidden": (6,)},
    "maxout": {"units": (6,), "keep_input": 1.0, "keep_hidden": 1.0},
    "dcgan": {"channels": (4,)},
    "cgan2014": {"image_units": 6, "label_units": 4, "joint_units": 6, "keep_hidden": 1.0},
}
WITH_NORM = {"mlp with batch norm", "dcgan"}
GEN_CASES = [(net, how) for net in GENS for how in ("none", "concat", "norm")]
DISC_CASES = [(net, how) for net in DISCS for how in ("none", "concat", "projection", "acgan")]


def config(gen="mlp", gen_how="concat", disc="mlp", disc_how="concat", **leaves):
    """Digits of 8x8, networks of a few units."""
    return tiny.config(
        data__name="digits",
        gen__net=gen.partition(" ")[0],
        gen__args=ConfigDict(GENS[gen]),
        disc__net=disc,
        disc__args=ConfigDict(DISCS[disc]),
        gen__condition=gen_how,
        disc__condition=disc_how,
        **leaves,
    )


def batch(c, seed=0, shift=0):
    """[K, B, ...] of noise, with every label."""
    k, b = c.dynamics.k_disc, c.batch_size
    x = jax.random.uniform(jax.random.key(seed), (k, b, *SHAPE), minval=-1.0)
    return Batch(x, jnp.broadcast_to((jnp.arange(b) + shift) % CLASSES, (k, b)))


def begun(c, steps=0):
    setup = make_setup(c)
    state, step = init_state(setup, jax.random.key(0)), jax.jit(make_train_step(setup))
    for seed in range(steps):
        state, metrics = step(state, batch(c, seed), hypers(c))
        assert all(np.isfinite(v) for v in metrics.values()), metrics
    return setup, state


def changes(f):
    """By how much f(label) differs between two labels, at most."""
    one, other = (f(jnp.full(4, label, jnp.int32)) for label in (2, 7))
    return float(jnp.abs(one - other).max())


@pytest.mark.parametrize(("net", "how"), GEN_CASES, ids=" ".join)
def test_what_gen_makes_changes_with_the_label(net, how):
    if how == "norm" and net not in WITH_NORM:
        with pytest.raises(ConfigError, match=r"'norm', but net .* has no batch norm"):
            make_setup(config(net, how))
        return
    for steps in (0, 1):
        c = config(net, how, disc_how="none" if how == "none" else "concat")
        setup, state = begun(c, steps)
        z = setup.game.sampler.latent(jax.random.key(1), 4)
        # Conditional batch norm begins alike for all classes: gain 1 + 0, bias 0
        expected = how == "concat" or (how == "norm" and steps > 0)
        found = changes(lambda label: setup.game.sampler.sample(state, z, label))  # noqa: B023
        assert (found > 0) == expected, (steps, found)


@pytest.mark.parametrize(("net", "how"), DISC_CASES, ids=" ".join)
def test_what_disc_says_changes_with_the_label(net, how):
    x = batch(config(), 3).x[0, :4]
    for steps in (0, 1):
        setup, state = begun(config(disc=net, disc_how=how), steps)
        found = changes(lambda label: setup.game.decision.logits(state, x, label))  # noqa: B023
        assert (found > 0) == (how in ("concat", "projection")), (steps, found)


@pytest.mark.parametrize("how", ["concat", "projection", "acgan"])
@pytest.mark.parametrize("net", DISCS)
def test_gradients_reach_every_class(net, how):
    """Of gen's and of disc's tables, where the batch has all classes."""
    c = config("dcgan", "norm", net, how, batch_size=20)
    setup, state = begun(c, 1)
    _, after = setup, jax.jit(make_train_step(setup))(state, batch(c, 5), hypers(c))[0]
    moved = jax.tree.map(
        lambda a, b: np.abs(np.asarray(a - b)),
        *({n: p.params for n, p in s.players.items()} for s in (after, state)),
    )
    tables = {
        jax.tree_util.keystr(path): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(moved)
        if CLASSES in leaf.shape
    }
    assert any("gain" in name for name in tables)
    assert how == "concat" or any("disc" in name for name in tables)
    for name, leaf in tables.items():
        axis = leaf.shape.index(CLASSES)
        of_class = np.moveaxis(leaf, axis, 0).reshape(CLASSES, -1).max(1)
        assert (of_class > 0).all(), name


# What published rows have, and more: net, gen's and disc's condition, other leaves
IMAGE_NETS = [
    ("sndcgan", "norm", "projection", {"disc__normalise": "spectral"}),
    ("sngan", "norm", "projection", {"disc__normalise": "spectral", "objective": "hinge"}),
    ("sngan", "concat", "acgan", {}),
    ("sagan", "norm", "projection", {"disc__normalise": "spectral", "objective": "hinge"}),
    ("biggan", "norm", "projection", {"disc__normalise": "spectral", "objective": "hinge"}),
    ("biggan", "norm", "concat", {"gen__args__shared": 3, "gen__args__is_hierarchical": True}),
    ("biggan", "none", "none", {"gen__args__is_hierarchical": True}),
    ("r3gan", "concat", "projection", {"penalty__name": "r1r2", "penalty__weight": 0.1}),
    ("r3gan", "concat", "acgan", {"disc__normalise": "spectral"}),
]


@pytest.mark.parametrize("case", IMAGE_NETS, ids=lambda case: " ".join(case[:3]))
def test_image_networks_train_by_their_labels(case):
    """Three steps, as some layers begin at 0 and those before them move after they have."""
    net, gen_how, disc_how, more = case
    gen_args, disc_args = (ConfigDict(args) for args in tiny.args(net))
    c = tiny.config(data__name="digits", gen__net=net, disc__net=net, batch_size=20)
    c.gen.args, c.disc.args, c.latent.dim = gen_args, disc_args, 4
    c.gen.condition, c.disc.condition = gen_how, disc_how
    setup, first = begun(tiny.edit(c, **more))
    state, step = first, jax.jit(make_train_step(setup))
    for seed in range(3):
        state, metrics = step(state, batch(c, seed), hypers(c))
        assert all(np.isfinite(v) for v in metrics.values()), metrics
    moved = jax.tree.map(
        lambda a, b: np.abs(np.asarray(a - b)),
        *({n: p.params for n, p in s.players.items()} for s in (state, first)),
    )
    for path, leaf in jax.tree_util.tree_leaves_with_path(moved):
        at = leaf.shape.index(CLASSES) if CLASSES in leaf.shape else None
        each = leaf if at is None else np.moveaxis(leaf, at, 0).reshape(CLASSES, -1).max(1)
        assert each.all() if at is not None else each.any(), jax.tree_util.keystr(path)
    z, x = setup.game.sampler.latent(jax.random.key(1), 4), batch(c, 3).x[0, :4]
    of_gen = changes(jax.jit(lambda label: setup.game.sampler.sample(state, z, label)))
    of_disc = changes(jax.jit(lambda label: setup.game.decision.logits(state, x, label)))
    assert (of_gen > 0, of_disc > 0) == (gen_how != "none", disc_how in ("concat", "projection"))


def test_a_network_without_batch_norm_takes_no_norm_by_labels():
    with pytest.raises(ConfigError, match="'norm', but net 'r3gan' has no batch norm"):
        make_generator("r3gan", {}, (32, 32, 3), "tanh", Labels("norm", 10))


def turned(params, order):
    """The params with the rows or columns of each class in another order."""

    def leaf(path, value):
        name = jax.tree_util.keystr(path)
        if "embedding" in name or (name.endswith(("['gain']", "['bias']")) and value.ndim == 2):
            return value[order]
        if "['class']" in name:
            return value[..., order]
        if value.ndim == 2 and value.shape[0] in (2 + CLASSES, 64 + CLASSES):  # concat
            return jnp.concatenate([value[:-CLASSES], value[-CLASSES:][order]])
        return value

    return jax.tree_util.tree_map_with_path(leaf, params)


@pytest.mark.parametrize("how", ["concat", "projection", "acgan"])
@pytest.mark.parametrize("gen", ["mlp", "mlp with batch norm"])
def test_other_names_of_the_classes_give_the_same_game(gen, how):
    """Labels permuted in the data and in what is asked for, with tables permuted at the start."""
    c = config(gen, "norm" if gen in WITH_NORM else "concat", "mlp", how)
    setup = make_setup(c)
    order = jax.random.permutation(jax.random.key(9), CLASSES)
    name_of = jnp.argsort(order)  # what class y is called now
    state, step = init_state(setup, jax.random.key(0)), jax.jit(make_train_step(setup))
    players = {n: p.replace(params=turned(p.params, order)) for n, p in state.players.items()}
    renamed = state.replace(players=players, averages={})
    state = state.replace(averages={})
    for seed in range(3):
        each = batch(c, seed)
        state, metrics = step(state, each, hypers(c))
        renamed, same = step(renamed, Batch(each.x, name_of[each.label]), hypers(c))
        for name, value in metrics.items():
            np.testing.assert_allclose(value, same[name], rtol=1e-5, atol=1e-6)
    z, label = setup.game.sampler.latent(jax.random.key(1), 10), jnp.arange(10)
    np.testing.assert_allclose(
        setup.game.sampler.sample(state, z, label),
        setup.game.sampler.sample(renamed, z, name_of[label]),
        atol=1e-5,
    )


def random_discriminator(how, pack=1):
    net = make_discriminator("mlp", {"hidden": (5,)}, (3,), Labels(how, 4), pack)
    shape = (6 // pack, 3 * pack)
    x = jax.random.normal(jax.random.key(1), shape)
    label = jnp.asarray([0, 3, 1, 1, 2, 0])
    label = label if pack == 1 else label.reshape(-1, pack)
    params, vars = net.init(jax.random.key(0), x)
    params = jax.tree.map(lambda w: jax.random.normal(jax.random.key(w.size), w.shape), params)
    y, _ = net.apply(params, vars, x, None, False, label=label)
    wide = jax.tree.map(lambda w: np.asarray(w, np.float64), params)
    hot = np.eye(4)[np.asarray(label)].reshape(len(x), -1)
    return y, wide, np.asarray(x, np.float64), hot


def hidden(params, x):
    h = x @ params["Stack_0"]["dense_0"]["linear"]["kernel"]
    h += params["Stack_0"]["dense_0"]["linear"]["bias"]
    return np.where(h > 0, h, 0.01 * h)


def dense(params, h):
    return h @ params["linear"]["kernel"] + params["linear"]["bias"]


@pytest.mark.parametrize("pack", [1, 2])
def test_projection_is_that_of_the_paper(pack):
    """w phi(x) + b + phi(x) E y, Miyato and Koyama 2018, equation 3; in packs E has m places."""
    y, params, x, hot = random_discriminator("projection", pack)
    h = hidden(params, x)
    expected = dense(params["logit"], h)[:, 0]
    expected += ((hot @ params["projection"]["embedding"]) * h).sum(1)
    np.testing.assert_allclose(y, expected, rtol=1e-5)


@pytest.mark.parametrize("pack", [1, 2])
def test_concat_is_a_vector_with_the_label_behind_it(pack):
    y, params, x, hot = random_discriminator("concat", pack)
    h = hidden(params, np.concatenate([x, hot], 1))
    np.testing.assert_allclose(y, dense(params["logit"], h)[:, 0], rtol=1e-5)


@pytest.mark.parametrize("pack", [1, 2])
def test_acgans_classifier_and_its_losses(pack):
    """log P(C = c | X_real) + log P(C = c | X_fake), Odena et al. 2017, equation 3."""
    y, params, x, hot = random_discriminator("acgan", pack)
    h = hidden(params, x)
    np.testing.assert_allclose(y.logit, dense(params["logit"], h)[:, 0], rtol=1e-5)
    of_all = dense(params["class"], h).reshape(-1, 4)
    np.testing.assert_allclose(y.heads["class"].reshape(-1, 4), of_all, rtol=1e-5)
    hot = hot.reshape(-1, 4)
    expected = (np.log(np.exp(of_all).sum(1)) - (of_all * hot).sum(1)).mean()
    label = jnp.asarray(hot.argmax(1)).reshape(y.heads["class"].shape[:-1])
    blank = dict.fromkeys(Case._fields)
    case = Case(**blank | {"labels": (label, label), "real_heads": y.heads, "fake_heads": y.heads})
    for found in class_losses(case):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_conditional_batch_norm_is_the_plain_one_times_one_plus_gain():
    x = 3 * jax.random.normal(jax.random.key(0), (6, 2, 2, 5)) + 1
    label = jnp.asarray([0, 2, 1, 1, 2, 0])
    layer, plain = BatchNorm(classes=3), BatchNorm()
    variables = layer.init(jax.random.key(1), x, True, label)
    tables = {
        name: jax.random.normal(jax.random.key(i), (3, 5))
        for i, name in enumerate(("gain", "bias"))
    }
    y, _ = layer.apply(variables | {"params": tables}, x, True, label, mutable=["batch_stats"])
    normal, _ = plain.init_with_output(jax.random.key(1), x, True)
    each = {name: np.asarray(t)[np.asarray(label)][:, None, None] for name, t in tables.items()}
    np.testing.assert_allclose(y, normal * (1 + each["gain"]) + each["bias"], rtol=1e-5, atol=1e-5)


def test_an_image_has_its_label_as_channels():
    net = make_generator("dcgan", {"channels": (4,)}, SHAPE, "tanh", Labels("concat", CLASSES))
    params, _ = net.init(jax.random.key(0), jnp.zeros((2, 3)))
    assert params["start"]["linear"]["kernel"].shape[0] == 3 + CLASSES
    net = make_discriminator("dcgan", {"channels": (4,)}, SHAPE, Labels("concat", CLASSES))
    params, _ = net.init(jax.random.key(0), jnp.zeros((2, *SHAPE)))
    assert params["conv_0"]["kernel"].shape[2] == 1 + CLASSES


@pytest.mark.parametrize("labels", ["data", "uniform"])
def test_fakes_have_the_labels_of_the_reals_or_their_own(labels):
    c = config(latent__labels=labels, batch_size=512)
    setup = make_setup(c)
    each = batch(c)
    draws = setup.game.draw(each, jax.random.split(jax.random.key(3), 2))
    assert (draws.batch.label == each.label).all()
    same = np.asarray(draws.label == draws.batch.label)
    assert same.all() if labels == "data" else 0.05 < same.mean() < 0.15
    assert labels == "data" or (draws.label[0] != draws.label[1]).any()
    counts = np.bincount(np.asarray(draws.label).ravel(), minlength=CLASSES)
    assert counts.min() > 60


REFUSED = {
    "'ring' has no labels": {"data__name": "ring", "gen__condition": "concat"},
    "gen.condition is 'none': expected 'concat'": {"disc__condition": "acgan"},
    "net 'autoencoder' takes no labels": {
        "gen__condition": "concat",
        "disc__condition": "concat",
        "disc__net": "autoencoder",
        "disc__args": ConfigDict({}),
        "objective": "began",
    },
    "'wgan_gp' takes reals and fakes to one disc": {
        "gen__condition": "concat",
        "disc__condition": "projection",
        "latent__labels": "uniform",
        "penalty__name": "wgan_gp",
    },
    "disc.view 'moments' joins examples": {"gen__condition": "concat", "disc__view": "moments"},
}


@pytest.mark.parametrize("says", REFUSED)
def test_what_labels_do_not_fit_is_refused(says):
    leaves = {"data__name": "digits", **REFUSED[says]}
    with pytest.raises(ConfigError, match=says):
        make_setup(tiny.config(**leaves))


def test_examples_without_labels_are_refused(monkeypatch):
    setup = make_setup(config())
    arrays = setup.data.examples()
    label = arrays.label.copy()
    label[5] = -1
    monkeypatch.setattr(type(setup.data), "examples", lambda data: arrays._replace(label=label))
    with pytest.raises(ConfigError, match="not every example of train has a label"):
        setup.examples()
    assert make_setup(tiny.config(data__name="digits")).examples() is not None


@pytest.mark.parametrize("penalty", sorted({*PENALTY_TERMS} - {*OF_GEN_ALONE}))
def test_penalties_take_labels_along(penalty):
    begun(config(disc_how="projection", penalty__name=penalty, penalty__weight=0.1), 2)


@pytest.mark.parametrize(("labels", "penalty", "of"), [("uniform", "r1", 0), ("uniform", "r2", 1)])
def test_a_penalty_has_the_labels_of_its_side(labels, penalty, of):
    """At another label projection's slope is another one."""
    c = config(disc_how="projection", penalty__name=penalty, penalty__weight=0.1)
    c.latent.labels = labels
    setup, state = begun(c)
    h, net = hypers(c), setup.game.nets["disc"]
    draw = jax.tree.map(lambda a: a[0], setup.game.draw(batch(c), jax.random.key(1)[None]))
    play = setup.game.play(
        setup.game, ("disc",), {n: p.params for n, p in state.players.items()}, state, draw
    )
    _, notes = setup.game.moves[0].loss(play, draw, h)
    player = state.players["disc"]
    x = draw.batch.x if of == 0 else play("gen", draw.z, 1, label=draw.label)
    label = (draw.batch.label, draw.label)[of]

    def total(x):
        y, _ = net.apply(player.params, player.vars, x, jax.random.key(0), True, label=label)
        return logit_of(y).sum()

    slope = jax.grad(total)(x)
    expected = jnp.square(slope).sum((1, 2, 3)).mean()
    scale = notes.metrics["penalty"] / expected
    assert float(scale) in (pytest.approx(1, rel=1e-4), pytest.approx(0.5, rel=1e-4))


MORE = [
    ("acgan", {"disc__pack": 4}),
    ("projection", {"disc__pack": 4}),
    ("acgan", {"dynamics__name": "unrolled"}),
    ("concat", {"dynamics__name": "extragradient"}),
    ("projection", {"dynamics__k_disc": 2, "dynamics__k_gen": 3}),
    ("projection", {"disc__normalise": "spectral"}),
    ("concat", {"ema__decay": 0.0}),
]


@pytest.mark.parametrize(("how", "more"), MORE)
def test_labels_go_through_everything(how, more):
    c = config(disc_how=how, **more)
    setup, state = begun(c, 2)
    found = make_evaluate(setup)(state)
    assert all(np.isfinite(v) for v in found.values())
    columns = c.grid_samples // CLASSES or 1
    picture = make_picture(setup)(state)
    assert picture.shape[0] > picture.shape[1] * CLASSES / columns / 2


def test_rows_of_a_cohort_are_the_rows_alone():
    configs = [config(seed=seed, disc_how="acgan") for seed in (0, 1)]
    configs[1].disc.class_weight = 0.3
    members = make_members(configs)
    with jax.debug_key_reuse(False):  # a false alarm under vmap
        states, h = init_rows(members)
        arrays = members.setup.examples()
        examples = jax.tree.map(jnp.asarray, arrays)
        order = pipeline.make_order(configs[0], len(arrays.x))
        orders = jnp.stack([order(key, 0) for key in states.key])
        states, _ = make_train_rows(members.setup)(states, examples, orders, h, jnp.int32(2))
    for i, c in enumerate(configs):
        setup = make_setup(c)
        state, step = init_state(setup, jax.random.key(c.seed)), make_train_step(setup)
        for at in range(2):
            take = pipeline.make_take(c, setup.data)
            state, _ = step(state, take(state, examples, orders[i, at]), hypers(c))
        for a, b in zip(
            jax.tree.leaves(state.players["gen"].params),
            jax.tree.leaves(jax.tree.map(lambda x, i=i: x[i], states.players["gen"].params)),
            strict=True,
        ):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_samples_are_of_the_classes_that_are_asked_for():
    setup, state = begun(config(), 1)
    draw = make_draw(setup)
    in_turn, given = draw(state, 20), draw(state, 20, np.arange(20, dtype=np.int32) % CLASSES)
    np.testing.assert_array_equal(in_turn, given)
    assert (draw(state, 20, np.zeros(20, np.int32)) != in_turn).any()


def test_a_row_of_the_grid_is_a_class():
    label, columns = rows_of_classes(64, 10)
    assert columns == 6
    assert (label.reshape(10, 6) == np.arange(10)[:, None]).all()
    assert rows_of_classes(4, 10)[1] == 1  # at least one each
    label, columns = rows_of_classes(64, 3)  # each has several rows
    assert columns == 8
    assert label.reshape(-1, 8)[:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert (label.reshape(-1, 8) == label.reshape(-1, 8)[:, :1]).all()
    assert rows_of_classes(64, 0) == (None, None)


def test_classes_are_told_apart_after_a_while():
    """The classifier of acgan learns, and what it says is of the reals' labels."""
    c = config(disc="mlp", disc_how="acgan", batch_size=64)
    c.disc.args.hidden, c.disc.lr = (32,), 3e-3
    setup = make_setup(c)
    arrays = setup.examples()
    state, step = init_state(setup, jax.random.key(0)), jax.jit(make_train_step(setup))
    x = setup.data.to_range(jnp.asarray(arrays.x))
    for i in range(60):
        some = slice(64 * (i % 20), 64 * (i % 20) + 64)
        state, metrics = step(
            state, Batch(x[None, some], jnp.asarray(arrays.label)[None, some]), hypers(c)
        )
    assert metrics["class_acc"] > 0.7
    assert optax.tree.norm(state.players["disc"].params["class"]) > 0


@pytest.mark.parametrize("pack", [1, 2])
@pytest.mark.parametrize("how", ["concat", "projection", "acgan"])
def test_losses_are_those_of_each_sides_labels(how, pack):
    """With labels of their own for the fakes; class terms have each player's weight."""
    c = config(disc_how=how, latent__labels="uniform", disc__pack=pack)
    c.disc.class_weight, c.gen.class_weight = 0.3, 0.7
    setup, state = begun(c)
    params = {n: p.params for n, p in state.players.items()}
    draw = jax.tree.map(lambda a: a[0], setup.game.draw(batch(c), jax.random.key(1)[None]))

    def loss(move):
        play = setup.game.play(setup.game, setup.game.moves[move].players, params, state, draw)
        return setup.game.moves[move].loss(play, draw, hypers(c))[0]

    net, player = setup.game.nets["disc"], state.players["disc"]
    fake = setup.game.sampler.sample(state.replace(averages={}), draw.z, draw.label)

    def said(x, label):
        seen = jnp.moveaxis(x.reshape(-1, pack, *x.shape[1:]), 1, -2).reshape(-1, 8, 8, pack)
        label = label if pack == 1 else label.reshape(-1, pack)
        y, _ = net.apply(player.params, player.vars, seen, jax.random.key(0), True, label=label)
        if how != "acgan":
            return y, 0.0
        known = jax.nn.log_softmax(y.heads["class"].reshape(-1, CLASSES))
        return y.logit, -known[jnp.arange(len(known)), label.ravel()].mean()

    (real_B, of_reals), (fake_B, of_fakes) = (
        said(draw.batch.x, draw.batch.label),
        said(fake, draw.label),
    )
    plain = jax.nn.softplus(-real_B).mean() + jax.nn.softplus(fake_B).mean()
    np.testing.assert_allclose(loss(0), plain + 0.3 * (of_reals + of_fakes), rtol=1e-5)
    np.testing.assert_allclose(loss(1), jax.nn.softplus(-fake_B).mean() + 0.7 * of_fakes, rtol=1e-5)
