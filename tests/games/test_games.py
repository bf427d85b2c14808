"""Games of any players: each move changes its own, and CycleGAN is one more file."""

import functools
import subprocess
import sys
import time
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gan_jax import data, games
from gan_jax.config import hypers
from gan_jax.data import open_data, pipeline
from gan_jax.dynamics.move import make_move
from gan_jax.evaluate import make_evaluate, make_picture
from gan_jax.games import cyclegan, make_setup
from gan_jax.games.play import Play
from gan_jax.host.errors import ConfigError, DivergedError
from gan_jax.steps import init_state, make_train_many, make_train_step
from gan_jax.sweeps import rows
from gan_jax.sweeps.cohort import init_rows, make_members, make_train_rows
from gan_jax.training import run as train
from gan_jax.training.experiment import load_sweep
from gan_jax.types import Batch, Draw, Net, Player, State

EXPERIMENT = next(path for path in tiny.EXPERIMENTS if path.stem == "cyclegan_shapes")
SMALL = """
import sys
sys.path.insert(0, {tests!r})
import tiny

def get_config():
    return tiny.config(steps=60, dynamics__name="optimistic", **{leaves})
"""
OF_GAME = {
    "cyclegan": {"data__name": "square_ring"},
    "bigan": {"gen__net": "bigan", "disc__net": "bigan"},
    "pix2pix": tiny.pictures("pix2pix"),
    "stackgan": tiny.pictures("stackgan"),
}
# Every game, and those that have more than one form.
FORMS = {name: {"game": name, **OF_GAME.get(name, {})} for name in games.names()}
FORMS |= {"cyclegan on pictures": tiny.pictures("cyclegan")}
NEEDS_START = "stackgan, stage 2"
FORMS |= {NEEDS_START: tiny.pictures("stackgan", stage=2)}
GENS, DISCS = {"gen_ab", "gen_ba"}, {"disc_a", "disc_b"}


def config(**leaves):
    leaves = {"game": "cyclegan", "data__name": "square_ring", **leaves}
    c = tiny.config(**leaves)
    c.game_args.pool = 12
    return c


def batch(c, seed=0):
    state, opened = init_state(c, jax.random.key(seed)), open_data(c)
    if opened.is_endless:
        return pipeline.make_take(c, opened)(state, (), jnp.zeros((1, 0), int))
    arrays = opened.examples().map(jnp.asarray)
    rows = jnp.arange(2 * c.batch_size).reshape(2, 1, -1)
    order = rows if pipeline.are_apart(c, arrays) else rows[0]
    return pipeline.make_take(c, opened)(state, arrays, order)


def moved(before, after):
    def same(a, b):
        return all(map(np.array_equal, jax.tree.leaves(a.params), jax.tree.leaves(b.params)))

    return {n for n in before.players if not same(before.players[n], after.players[n])}


@pytest.mark.parametrize("form", FORMS)
def test_each_move_changes_its_players_and_no_others(form):
    c = tiny.config(**FORMS[form])
    game, h = make_setup(c).game, hypers(c)
    state = init_state(c, jax.random.key(0))
    draws = game.draw(batch(c), jax.random.split(state.key, 1))
    draw = jax.tree.map(lambda a: a[0], draws)
    for move in game.moves:
        after, _ = jax.jit(functools.partial(make_move, game, move))(state, draw, h)
        assert moved(state, after) == set(move.players)


@pytest.mark.parametrize("name", ["simultaneous", "alternating", "extragradient", "consensus"])
def test_cyclegan_plays_under_any_dynamics(name):
    c = config(dynamics__name=name, disc__normalise="spectral")
    state, step = init_state(c, jax.random.key(0)), jax.jit(make_train_step(c))
    after, metrics = step(state, batch(c), hypers(c))
    assert moved(state, after) == GENS | DISCS
    assert {"disc_loss", "gen_loss", "cycle_loss", "identity_loss"} <= set(metrics)
    assert int(after.memory["pooled"]) == c.batch_size
    after, _ = step(after, batch(c), hypers(c))
    assert int(after.memory["pooled"]) == c.game_args.pool


def test_one_bad_generator_is_refused_alone():
    """A NaN in the gradient of gen_ab alone: gen_ba moves, and the discs and their pool as well."""
    c = config()
    state = init_state(c, jax.random.key(0))
    game = make_setup(c).game
    gens = game.moves[-1]

    def spoilt(play, draw, h):
        loss, notes = gens.loss(play, draw, h)
        weights = jax.tree.leaves(play.params["gen_ab"])[0]
        return loss + jnp.sqrt(weights.sum() - jax.lax.stop_gradient(weights.sum())), notes

    draws = game.draw(batch(c), jax.random.split(state.key, 1))
    bad = gens._replace(loss=spoilt)
    after, _ = make_move(game, bad, state, jax.tree.map(lambda a: a[0], draws), hypers(c))
    assert moved(state, after) == {"gen_ba"}
    assert int(after.players["gen_ab"].opt.refused.times) == 1


def test_the_pool_is_filled_then_swaps_half_of_what_comes():
    pool, count, key = jnp.zeros((50, 1)), jnp.int32(0), jax.random.key(0)
    fresh = jnp.arange(1.0, 51)[:, None]
    shown, pool, count = cyclegan.from_pool(pool, count, fresh, key)
    np.testing.assert_array_equal(shown, fresh)
    np.testing.assert_array_equal(pool, fresh)
    newer = 100 + jnp.arange(400.0)[:, None]
    shown, after, _ = cyclegan.from_pool(pool, count, newer, jax.random.key(1))
    fresh_share = (np.asarray(shown) == np.asarray(newer)).mean()
    assert 0.42 < fresh_share < 0.58
    both = np.sort(np.concatenate([shown.ravel(), after.ravel()]))
    whole = np.sort(np.concatenate([newer.ravel(), pool.ravel()]))
    np.testing.assert_array_equal(both, whole)  # nothing is lost and nothing shown twice


def test_the_cycle_term_is_what_its_paper_says():
    """With nets that shift by their bias: both distances are known."""
    c = config(gen__args__hidden=(), gen__args__gain=0.0, objective="wgan", disc__args__gain=0.0)
    state = init_state(c, jax.random.key(0))
    game, h = make_setup(c).game, hypers(c)
    a, b = jnp.full((1, 8, 2), 3.0), jnp.full((1, 8, 2), -2.0)
    draw = jax.tree.map(
        lambda x: x[0], game.draw(Batch(b, other=a), jax.random.split(state.key, 1))
    )
    play = game.play(
        game, ("gen_ab", "gen_ba"), {n: p.params for n, p in state.players.items()}, state, draw
    )
    loss, notes = game.moves[1].loss(play, draw, h)
    out = {n: state.players[n].params["out"]["linear"]["bias"] for n in GENS}
    back = np.abs(out["gen_ba"] - 3).mean() + np.abs(out["gen_ab"] + 2).mean()
    np.testing.assert_allclose(notes.metrics["cycle_loss"], back, rtol=1e-6)
    np.testing.assert_allclose(notes.metrics["identity_loss"], back, rtol=1e-6)
    expected = notes.metrics["gen_loss"] + 10 * (back + 0.5 * back)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_the_domains_are_drawn_by_themselves():
    drawn = batch(config(batch_size=4000))
    b, a = np.asarray(drawn.x[0]), np.asarray(drawn.other[0])
    law = data.distribution("square_ring")
    of_b, of_a = (
        ((x[:, None] - np.asarray(centres)) ** 2).sum(-1).argmin(1)
        for x, centres in ((b, law.centres()), (a, law.other_centres()))
    )
    table = np.histogram2d(of_a, of_b, bins=8)[0]
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / table.sum()
    assert ((table - expected) ** 2 / expected).sum() < 100  # 49 degrees of freedom


def test_both_directions_are_drawn_and_one_is_measured():
    c = config()
    state = init_state(c, jax.random.key(0))
    picture = make_picture(make_setup(c))(state)
    assert picture.shape[1] > 2 * picture.shape[0]
    assert "eval/modes" in make_evaluate(make_setup(c))(state)


@pytest.mark.parametrize(
    ("leaves", "says"),
    [
        ({"data__name": "ring"}, "two domains"),
        ({"data__points": 50}, "data.points 0"),
        ({"gen__rescale_gradient": 1.0}, "no place for gen.rescale_gradient"),
        ({"gen__top_k": 0.5}, "no place for gen.top_k, expected 0"),
        ({"disc__san": True}, "no place for disc.san, expected False"),
        ({"penalty__name": "lecam", "penalty__weight": 1.0}, "keep a memory"),
        ({"penalty__name": "zcr", "penalty__weight": 1.0}, "latents"),
        ({"disc__net": "autoencoder", "objective": "ebgan"}, "energies"),
        ({"game": "cycelgan"}, "Did you mean 'cyclegan'"),
        ({"game_args__cycle": "much"}, "expected float"),
        ({"game_args__pool": -1}, "at least 0"),
        ({"game_args__pol": 1}, "Did you mean 'pool'"),
    ],
)
def test_what_a_game_has_no_place_for_is_refused(leaves, says):
    c = tiny.edit(tiny.config(game="cyclegan", data__name="square_ring"))
    with c.unlocked():
        tiny.edit(c, **leaves)
    with pytest.raises(ConfigError, match=says):
        make_setup(c)


def test_its_sweep_is_one_program_and_a_row_is_the_row_alone():
    base, _, settings = load_sweep(str(EXPERIMENT))
    (cohort,) = rows.group(rows.resolve(base, settings))
    assert len(cohort.rows) == 16
    configs = [config(), config(seed=1)]
    for c, cycle in zip(configs, (10.0, 0.5), strict=True):
        c.game_args.cycle = cycle
    program = jax.jit(make_train_rows(make_members(configs).setup))
    orders = jnp.zeros((2, configs[0].log_every_steps, 1, 0), jnp.int32)
    with jax.debug_key_reuse(False):  # a false alarm under vmap
        states, h = init_rows(make_members(configs))
        after, _ = program(states, (), orders, h, np.int32(2))
    alone, _ = jax.jit(make_train_many(configs[1]))(
        init_state(configs[1], jax.random.key(1)), (), orders[1], hypers(configs[1]), np.int32(2)
    )
    for a, b in zip(jax.tree.leaves(alone.players), jax.tree.leaves(after.players), strict=True):
        np.testing.assert_allclose(a, b[1], rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("gan", NEEDS_START)])
def test_a_game_goes_on_to_the_same_bytes_after_a_kill(tmp_path, form):
    file = tmp_path / "config.py"
    file.write_text(SMALL.format(tests=str(tiny.FOLDER), leaves=FORMS[form]))

    def start(folder, kill_after=10**9):
        command = [sys.executable, "-m", "gan_jax", "train", "--config", str(file)]
        log = tmp_path / folder / "metrics.jsonl"
        with subprocess.Popen([*command, "--workdir", str(log.parent)]) as process:
            while process.poll() is None:
                if log.exists() and log.read_bytes().count(b"\n") >= kill_after:
                    process.kill()
                time.sleep(0.01)
        return log.read_bytes(), process.returncode

    whole, code = start("whole")
    assert code == 0
    assert start("killed", kill_after=5)[1] == -9
    assert start("killed") == (whole, 0)
    pictures = [(tmp_path / f / "samples" / "step_00000060.png") for f in ("whole", "killed")]
    assert pictures[0].read_bytes() == pictures[1].read_bytes()


@pytest.mark.parametrize("moving", [(), ("disc",)])
@pytest.mark.parametrize("independent", [False, True])
def test_reals_pass_before_fakes_and_together_only_where_the_player_moves(moving, independent):
    """Seen by a net that counts its passes, as spectral normalisation's power iteration does."""

    def apply(params, vars, x, key, train):
        return 0 * x[:, 0] + vars["passes"], {"passes": vars["passes"] + 1}

    net = Net(None, apply, rows_are_independent=independent)
    state = State(0, None, {"disc": Player({}, {"passes": 1.0}, None)}, {}, {})
    draw = Draw(Batch(jnp.zeros((3, 1))), None, jax.random.key(0))
    play = Play(types.SimpleNamespace(nets={"disc": net}), moving, {"disc": {}}, state, draw)
    real, fake = play.pair("disc", draw.batch.x, draw.batch.x, (0, 1))
    together = independent and bool(moving)
    assert (real.tolist(), fake.tolist()) == ([1.0] * 3, [1.0 if together else 2.0] * 3)
    assert play.vars["disc"]["passes"] == (2 if together else 3)
    assert play.critic("disc", 2)(draw.batch.x).tolist() == [1.0] * 3  # as before this loss
    assert play.vars["disc"]["passes"] == (2 if together else 3)  # and it notes nothing


def test_a_divergence_names_the_player_of_any_game(tmp_path):
    c = config(gen__lr=1e30, disc__lr=1e30, steps=20)
    with pytest.raises(
        DivergedError, match=r"(gen|disc)_\w+'s gradient of .* was not finite in step"
    ):
        train.train(make_setup(c), tmp_path)
