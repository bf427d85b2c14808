"""The heart: purity, keys, no retrace, one fake for two players, rows, other platforms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from jax import export

from gan_jax import data
from gan_jax.bench.products import products
from gan_jax.config import get_config, hypers, to_json
from gan_jax.data import open_data, pipeline
from gan_jax.dynamics.step import average_decay
from gan_jax.games import make_setup
from gan_jax.host.errors import DataMissingError
from gan_jax.place import place_batch
from gan_jax.steps import init_state, make_sampler, make_train_many, make_train_step
from gan_jax.sweeps import rows
from gan_jax.training.steps import make_init
from gan_jax.types import Batch


@pytest.fixture(scope="module")
def game():
    config = tiny.config()
    return config, init_state(config, jax.random.key(0)), jax.jit(make_train_step(config))


def leaves_equal(a, b):
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(
        np.array_equal(
            jax.random.key_data(x) if is_key(x) else x, jax.random.key_data(y) if is_key(y) else y
        )
        for x, y in pairs
    )


def is_key(x):
    return jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def test_a_step_counts_and_keeps_its_key(game):
    config, state, step = game
    after, metrics = step(state, tiny.batch(config), hypers(config))
    assert after.step == 1
    assert leaves_equal(after.key, state.key)
    assert set(metrics) == {"disc_loss", "gen_loss", "d_real", "d_fake", "acc_real", "acc_fake"}


def test_randomness_is_of_key_and_step_alone(game):
    config, state, step = game
    args = tiny.batch(config), hypers(config)
    assert leaves_equal(step(state, *args), step(state, *args))
    other = step(state.replace(step=state.step + 1), *args)[1]
    assert other["gen_loss"] != step(state, *args)[1]["gen_loss"]
    other = step(state.replace(key=jax.random.key(9)), *args)[1]
    assert other["gen_loss"] != step(state, *args)[1]["gen_loss"]


def test_new_numbers_do_not_recompile(game):
    config, state, step = game
    step(state, tiny.batch(config), hypers(config))
    before = step._cache_size()
    for lr in (1e-3, 0.5, 2):
        step(state, tiny.batch(config), hypers(tiny.config(gen__lr=float(lr), seed=3)))
    assert step._cache_size() == before


def scheduled(**leaves):
    """Every number that may change along a run does."""
    schedules = dict.fromkeys(("gen__schedule", "gen__b2_schedule", "ema__schedule"), "linear")
    schedules |= {"penalty__schedule": "cosine", "penalty__name": "r1", "disc__optimizer": "sgd"}
    numbers = {"gen__b2_end": 0.9, "penalty__weight": 1.0, "penalty__weight_end": 0.1}
    numbers |= {"ema__decay": 0.0, "ema__decay_end": 0.9, "ema__warmup": False}
    return tiny.config(**{**schedules, **numbers, **leaves})


def test_numbers_of_schedules_do_not_recompile_and_may_differ_between_rows():
    own = {"penalty__weight_end": 0.5, "penalty__schedule_steps": 3, "ema__schedule_steps": 2}
    own |= {"ema__decay_end": 0.5, "gen__b2_end": 0.5, "schedule_images": 80, "gen__lr_end": 1e-5}
    configs = scheduled(), scheduled(**own)
    static = [rows.static_part(to_json(c), "") for c in configs]
    assert static[0] == static[1]
    state, step = init_state(configs[0], jax.random.key(0)), jax.jit(make_train_step(configs[0]))
    state = state.replace(step=jnp.int32(1))
    one, other = (step(state, tiny.batch(c), hypers(c))[0] for c in configs)
    assert step._cache_size() == 1
    assert not leaves_equal(one.players["disc"].params, other.players["disc"].params)
    assert not leaves_equal(one.averages, other.averages)


@pytest.mark.parametrize(("t", "decay"), [(0, 0.0), (2, 0.5**0.5), (4, 0.5**0.25), (9, 0.5**0.25)])
def test_a_half_life_that_rises(t, decay):
    """Linearly from 0 to 4 steps, in 4 steps: 2 in the middle."""
    config = scheduled(ema__schedule_steps=4, ema__decay_end=0.5**0.25, ema__warmup=False)
    found = average_decay("linear", False, jnp.int32(t), hypers(config).game)
    assert float(found) == pytest.approx(decay, rel=1e-5)


def test_the_first_losses_are_those_of_the_formulas():
    """disc: half the sum of the cross-entropies; gen: non-saturating, against the same disc."""
    config = tiny.config(disc__loss_scale=0.5, disc__lr=0.0)
    state = init_state(config, jax.random.key(0))
    _, metrics = make_train_step(config)(state, tiny.batch(config), hypers(config))
    d_real, d_fake = metrics["d_real"], metrics["d_fake"]
    # D is near-constant at the start, so means of logs are logs of means
    expected = -0.5 * (jnp.log(d_real) + jnp.log1p(-d_fake))
    np.testing.assert_allclose(metrics["disc_loss"], expected, rtol=1e-2)
    np.testing.assert_allclose(metrics["gen_loss"], -jnp.log(d_fake), rtol=1e-2)


@pytest.fixture(scope="module")
def steady():
    """The game without the average's warm-up."""
    config = tiny.config(ema__warmup=False)
    return config, init_state(config, jax.random.key(0)), jax.jit(make_train_step(config))


@pytest.mark.parametrize(
    ("warms_up", "t", "decay"),
    [(False, 0, 0.75), (True, 0, 0.1), (True, 5, 0.4), (True, 25, 26 / 35), (True, 10**6, 0.75)],
)
def test_ema_is_the_running_mean_of_gen(warms_up, t, decay, game, steady):
    """Its decay is at most (1 + t) / (10 + t) in step t, and no other program for another one."""
    config, state, step = game if warms_up else steady
    state = state.replace(step=jnp.int32(t))
    step(state, tiny.batch(config), hypers(config))
    before = step._cache_size()
    after, _ = step(state, tiny.batch(config), hypers(tiny.config(ema__decay=0.75)))
    assert step._cache_size() == before
    gen = after.players["gen"].params
    expected = jax.tree.map(lambda e, g: decay * e + (1 - decay) * g, state.averages["gen"], gen)
    for a, b in zip(jax.tree.leaves(after.averages["gen"]), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)


def test_a_mean_that_warms_up_soon_forgets_where_it_began(game):
    """After 5 steps 1 / 2002 is left, the product of 1/10, 2/11, ... 5/14, and not .999^5."""
    config, state, step = game
    numbers, began = hypers(tiny.config(gen__lr=0.0)), jax.tree.map(jnp.ones_like, state.averages)
    after = state.replace(averages=began)
    for _ in range(5):
        after, _ = step(after, tiny.batch(config), numbers)
    for mean, weight in zip(
        jax.tree.leaves(after.averages), jax.tree.leaves(state.players["gen"].params), strict=True
    ):
        np.testing.assert_allclose(mean, weight + (1 - weight) / 2002, rtol=1e-5, atol=1e-6)


def test_samples_come_from_the_mean_where_there_is_one(game):
    config, state, _ = game
    z = jnp.ones((3, config.latent.dim))
    sample = make_sampler(config)
    zero = jax.tree.map(jnp.zeros_like, state.players["gen"].params)
    assert np.all(sample(state.replace(averages={"gen": zero}), z) == 0)
    assert np.any(sample(state.replace(averages={}), z) != 0)


def test_the_mean_has_statistics_of_its_own():
    """Batch norm's are averaged as weights are, and samples of the mean know no others."""
    config = tiny.config(gen__args__batch_norm=True, ema__warmup=False)
    state, numbers = init_state(config, jax.random.key(0)), hypers(tiny.config(ema__decay=0.75))
    after, _ = jax.jit(make_train_step(config))(state, tiny.batch(config), numbers)
    assert not leaves_equal(after.players["gen"].vars, state.players["gen"].vars)
    expected = jax.tree.map(
        lambda e, g: 0.75 * e + 0.25 * g, state.players["gen"].vars, after.players["gen"].vars
    )
    for name, part in expected.items():
        for a, b in zip(
            jax.tree.leaves(after.averages["gen"][name]), jax.tree.leaves(part), strict=True
        ):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)
    z, sample = jax.random.normal(jax.random.key(1), (3, config.latent.dim)), make_sampler(config)
    vars = {name: after.averages["gen"][name] for name in after.players["gen"].vars}
    params = {name: after.averages["gen"][name] for name in after.players["gen"].params}
    x = sample(after, z)
    assert leaves_equal(
        x, sample(after.with_player("gen", params=params, vars=vars).replace(averages={}), z)
    )
    lost = jax.tree.map(lambda v: v * jnp.nan, after.players["gen"].vars)
    assert leaves_equal(x, sample(after.with_player("gen", vars=lost), z))


def test_a_mean_without_statistics_is_like_the_weights(game):
    """As it always was: checkpoints of such nets stay what they are."""
    _, state, _ = game
    assert jax.tree.structure(state.averages["gen"]) == jax.tree.structure(
        state.players["gen"].params
    )
    assert leaves_equal(state.averages["gen"], state.players["gen"].params)
    assert init_state(tiny.config(ema__decay=0.0), jax.random.key(0)).averages == {}


def test_many_steps_are_the_same_steps():
    config = tiny.config()
    numbers, source = hypers(config), pipeline.make_source(config, None, place_batch())
    start = init_state(config, jax.random.key(0))
    take, step = pipeline.make_take(config, open_data(config)), jax.jit(make_train_step(config))
    state, losses = start, []
    for _ in range(3):
        state, metrics = step(state, take(state, (), jnp.zeros((1, 0), int)), numbers)
        losses.append(metrics["disc_loss"])
    many = jax.jit(make_train_many(config))
    after, mean = many(start, *source(start.key, 0), numbers, np.int32(3))
    assert after.step == 3
    np.testing.assert_allclose(mean["disc_loss"], np.mean(losses), rtol=1e-6)
    for a, b in zip(
        jax.tree.leaves(after.players["gen"].params),
        jax.tree.leaves(state.players["gen"].params),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_donated_state_shares_no_buffer():
    """An average that starts as gen's own arrays would crash at the first donation."""
    config = tiny.config()
    state = init_state(config, jax.random.key(0))
    pointers = [
        x.unsafe_buffer_pointer() for x in jax.tree.leaves(state) if not is_key(x) and x.size
    ]
    assert len(pointers) == len(set(pointers))


def test_rows_train_together_as_they_do_alone():
    config = tiny.config()
    seeds, rates = [0, 1, 2], [1e-4, 1e-3, 1e-2]
    init, step = jax.jit(make_init(make_setup(config))), jax.jit(make_train_step(config))
    mean, batch = jnp.zeros((1,)), tiny.batch(config)
    numbers = [hypers(tiny.config(gen__lr=lr)) for lr in rates]
    stack = lambda trees: jax.tree.map(lambda *x: jnp.stack(x), *trees)  # noqa: E731
    states = [init(jax.random.key(s), h, mean) for s, h in zip(seeds, numbers, strict=True)]
    alone = [step(s, batch, h)[1]["gen_loss"] for s, h in zip(states, numbers, strict=True)]
    with jax.debug_key_reuse(False):  # a false alarm under vmap
        rows = jax.jit(jax.vmap(make_train_step(config), in_axes=(0, None, 0)))
        together = rows(stack(states), batch, stack(numbers))[1]["gen_loss"]
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_both_players_meet_the_same_fakes_made_once():
    """k = 1: the compiled step holds gen's forward products once, not once for each player."""
    config = tiny.config(gen__args__hidden=(5, 7), batch_size=16)
    state = init_state(config, jax.random.key(0))
    step = jax.jit(make_train_step(config))
    compiled = step.lower(state, tiny.batch(config), hypers(config)).compile()
    forward = [p for p in products(compiled) if {p.left, p.right} == {(16, 5), (5, 7)}]
    assert len(forward) <= 1
    text = step.lower(state, tiny.batch(config), hypers(config)).as_text()
    assert text.count("(tensor<16x5xf32>, tensor<5x7xf32>)") == 2  # before the compiler saw it


def maxout(**leaves):
    config = tiny.config(ema__decay=0.0, latent__law="uniform", **leaves)
    config.gen.net, config.disc.net = "maxout", "maxout"
    config.disc.args = {"units": (4,), "pieces": 2}
    config.gen.args = {"hidden": (4,)}
    return config


@pytest.mark.parametrize("low", [0.0, -1.0], ids=["sigmoid", "tanh"])
def test_gen_starts_at_the_mean_of_the_data(low):
    config = maxout(data__name="digits", data__low=low)
    mean = data.load("digits", "train").x.mean(0) / 255
    state = init_state(config, jax.random.key(0))
    x = make_sampler(config)(state, jnp.zeros((1, config.latent.dim)))
    expected = low + (1 - low) * np.clip(mean, 1e-7, 1)
    np.testing.assert_allclose(x[0], expected, atol=2e-3 * (1 - low))


@pytest.mark.parametrize("points", [0, 50])
def test_gen_of_points_starts_anywhere(points):
    """Their mean is no place in a range; out narrows them knowingly, and is no image's."""
    config = maxout(data__name="ring", data__points=points)
    for args in ({"hidden": (4,)}, {"hidden": (4,), "out": "sigmoid"}):
        config.gen.args = args
        state = init_state(config, jax.random.key(0))
        assert not np.any(state.players["gen"].params["out"]["linear"]["bias"])


@pytest.mark.parametrize("path", tiny.EXPERIMENTS, ids=lambda p: p.stem)
def test_every_experiment_lowers_for_tpu_and_gpu(path):
    """The step is exported from this machine for machines that are not here.

    That of the variant "tiny" where an experiment's data have to be prepared.
    """
    config = tiny.experiment(path)
    try:
        setup = make_setup(config)
    except DataMissingError:
        config = tiny.experiment(path, "tiny")
        setup = make_setup(config)
    numbers = hypers(config)
    spec = setup.data.spec
    shape, other = spec.shape, spec.other or spec.shape
    state = jax.eval_shape(make_init(setup), jax.random.key(0), numbers, jnp.zeros(shape))
    size = (config.dynamics.k_disc, config.batch_size)
    batch = Batch(
        x=jax.ShapeDtypeStruct((*size, *shape), jnp.float32),
        label=jax.ShapeDtypeStruct(size, jnp.int32) if setup.game.sampler.classes else None,
        other=jax.ShapeDtypeStruct((*size, *other), jnp.float32),
        text=jax.ShapeDtypeStruct((*size, spec.text_length), jnp.int32),
    )
    step = jax.jit(make_train_step(config), donate_argnums=0)
    exported = export.export(step, platforms=("tpu", "cuda"))(state, batch, numbers)
    assert set(exported.platforms) == {"tpu", "cuda"}


def test_the_default_config_is_an_experiment():
    config = get_config()
    jax.eval_shape(
        make_init(make_setup(config)), jax.random.key(0), hypers(config), jnp.zeros((28, 28, 1))
    )
