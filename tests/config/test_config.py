import copy
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax.config import leaves
from gan_jax.config.checks import doubts, problems
from gan_jax.config.declaration import STATIC, Rule
from gan_jax.host.errors import ConfigError

RULES = {path for path, leaf in leaves.LEAVES.items() if isinstance(leaf.values, Rule)}
CHOICES = {k: leaf.values for k, leaf in leaves.LEAVES.items() if leaf.values and k not in RULES}


@pytest.fixture
def config():
    return config_lib.get_config()


def test_the_default_has_no_problem(config):
    assert problems(config) == []


def test_a_new_key_is_refused(config):
    with pytest.raises(AttributeError):
        config.batchsize = 3


@pytest.mark.parametrize("path", sorted(RULES))
def test_every_rule_names_its_leaf_and_bites(path, config):
    section, _, key = path.rpartition(".")
    owner = config_lib.leaf(config, section) if section else config
    owner[key] = -7 if isinstance(owner[key], int) else -7.0
    if path in ("latent.low", "latent.high"):
        owner[key] = math.nan
    assert any(p.startswith(f"{path} is ") for p in problems(config))


@pytest.mark.parametrize("path", [p for p in sorted(RULES) if p.endswith(("lr", "weight"))])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_rates_are_finite(path, value, config):
    section, _, key = path.rpartition(".")
    config_lib.leaf(config, section)[key] = value
    assert problems(config)


def test_every_leaf_says_why_and_traced_ones_are_numbers():
    for path, leaf in leaves.LEAVES.items():
        assert leaf.why
        assert leaf.reach == STATIC or leaf.default == {} or type(leaf.default) in (int, float)
        assert leaf.reach.how != "switch" or not leaf.values.test(-1.0), path  # 0 is off


def test_every_number_has_a_rule(config):
    """A leaf that is a number and not checked is how -5 examples get in."""
    numbers = {k for k, v in config_lib.flatten(config).items() if type(v) in (int, float)}
    assert numbers == RULES


@pytest.mark.parametrize("path", sorted(CHOICES))
def test_choices_suggest_the_nearest(path, config):
    section, _, key = path.rpartition(".")
    owner = config_lib.leaf(config, section) if section else config
    right = CHOICES[path][0]
    owner[key] = right + "x"
    assert f"Did you mean {right!r}?" in problems(config)[0]


def test_batches_are_counted_in_int32(config):
    config.steps, config.dynamics.k_disc = 2**30, 2
    assert problems(config) == [f"steps times dynamics.k_disc is {2**31}: expected below {2**31}"]
    config.steps -= 1
    assert not problems(config)


def test_all_problems_at_once(config):
    config.batch_size, config.gen.lr, config.latent.law = 0, math.nan, "norml"
    assert len(problems(config)) == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ({"gen.lr": "1e-3"}, 1e-3),
        ({"gen.lr": "1"}, 1.0),
        ({"steps": "7"}, 7),
        ({"steps": "1e3"}, 1000),
        ({"gen.args.width": "1.5e2"}, 150),
        ({"gen.lr": "1e1"}, 10.0),
        ({"disc.lr": "1e99"}, 1e99),
        ({"objective": "hinge"}, "hinge"),
        ({"data.dir": "/tmp/x"}, "/tmp/x"),
        ({"gen.args.hidden": "(3, 4)"}, (3, 4)),
        ({"gen.args.hidden": "[3, 4]"}, (3, 4)),
        ({"objective_args.zeta": "0.5"}, 0.5),
    ],
)
def test_overrides_are_typed_as_the_default(text, value, config):
    assert config_lib.override(config, text) == []
    found = config_lib.leaf(config, next(iter(text)))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text", [{"steps": "1.5"}, {"steps": "true"}, {"gen.lr": "fast"}, {"batch_size": ""}]
)
def test_overrides_of_the_wrong_type(text, config):
    (problem,) = config_lib.override(config, text)
    assert next(iter(text)) in problem
    assert "expected" in problem


def test_an_unknown_override_suggests(config):
    (problem,) = config_lib.override(config, {"gen.learning_rate": "1", "seed": "2"})
    assert "gen.l" in problem
    assert config.seed == 2


def test_json_round_trip(config):
    config.gen.args.hidden, config.data.dir, config.gen.lr = (3, 4), "d", 3e-5
    text = json.dumps(config_lib.to_json(config), allow_nan=False)
    again = config_lib.from_json(json.loads(text))
    assert config_lib.flatten(again) == config_lib.flatten(config)


class Size:
    """No value of a leaf."""


ODD = [None, 10**400, 10**5000, math.nan, math.inf, {"a": 1}, Size(), Size, [[Size()]], 1 + 2j]
ODD += [b"1", np.array([[1], [2]]), np.datetime64("2020-01-01"), jax.random.key(0), range(3), {1}]
LEAVES = config_lib.flatten(config_lib.get_config())
UNSET = {path for path, value in LEAVES.items() if value is None}
TUPLES = {path for path, value in LEAVES.items() if isinstance(value, tuple)}


@pytest.mark.parametrize("value", ODD, ids=lambda v: type(v).__name__)
def test_no_leaf_takes_an_odd_value(value):
    """From a config file, a row, a config.json: a short line each that names the leaf."""
    fine = UNSET if value is None else TUPLES if isinstance(value, np.ndarray) else set()
    for path in sorted(LEAVES.keys() - fine):
        for make in (by_assigning, by_a_config_json, by_a_file):
            found = said(make, path, value)
            assert found.startswith((f"{path} is", f"config key '{path}.a' is unknown"))
            assert len(found) < 200 or "choose from" in found


def said(make, path, value):
    """What is wrong with a config that is made so, with a value at a path."""
    try:
        return "; ".join(problems(make(path, value)))
    except ConfigError as error:
        return str(error)


def by_assigning(path, value):
    config = config_lib.get_config()
    config_lib.assign(config, path, value)
    return config


def by_a_config_json(path, value):
    values = config_lib.to_json(config_lib.get_config())
    *sections, key = path.split(".")
    owner = values
    for section in sections:
        owner = owner[section]
    owner[key] = value
    return config_lib.from_json(values)


def by_a_file(path, value):
    """Which may hold anything; then what a check does first."""
    sections = path.split(".")[:-1]
    values = {k: v for k, v in LEAVES.items() if k.rpartition(".")[0] == ".".join(sections)}
    values = {k.rpartition(".")[2]: v for k, v in (values | {path: value}).items()}
    for section in reversed(sections):
        values = {section: values}
    settled, found = config_lib.settle(ConfigDict(values))
    if found:
        raise ConfigError("; ".join(found))
    return settled


@pytest.mark.parametrize(
    "text", ["None", "1" * 400, "1" * 5000, "{[]: 1}", "{}", "(" * 500, "b'1'"]
)
def test_no_number_takes_an_odd_override(text):
    for path in RULES:
        (problem,) = config_lib.override(config_lib.get_config(), {path: text})
        assert problem.startswith(f"{path} is ")
        assert len(problem) < 200


@pytest.mark.parametrize("path", sorted(UNSET))
def test_a_leaf_that_may_be_unset_takes_none(path, config):
    assert config_lib.assign(config, path, "x") == "x"
    assert config_lib.assign(config, path, None) is None
    assert config_lib.settle(config)[1] == []


PLAIN = {
    "seed": [np.int64(3), np.uint8(3), jnp.int32(3), np.array(3)],
    "gen.lr": [np.float32(0.001), np.float64(0.001), jnp.float32(0.001)],
    "ema.decay": [0, np.int64(0), np.array(0.0), -0.0 + 0],
    "disc.lr": [jnp.bfloat16(0.5), np.float16(0.5)],
    "objective": [np.str_("hinge")],
    "ema.warmup": [np.bool_(False), jnp.array(False)],
    "gen.args.hidden": [[3, 4], np.array([3, 4]), jnp.array([3, 4]), [np.int64(3), 4]],
    "objective_args.zeta": [np.float32(0.1)],
}


@pytest.mark.parametrize("path", PLAIN)
def test_numbers_of_numpy_and_jax_are_numbers(path, config):
    """A float32 is the decimal that was written: 0.001."""
    found = [config_lib.assign(config, path, value) for value in PLAIN[path]]
    assert json.dumps(found)  # plain
    assert len(set(found)) == 1
    if path in LEAVES:
        assert type(found[0]) is type(LEAVES[path])


def test_references_and_their_types_settle(config):
    """A copy without references; an integer that a float refers to becomes a float."""
    config.disc.lr = config.gen.get_ref("lr") * 2
    config.gen.b1 = config.disc.get_ref("b1")
    config.gen.args.hidden = (3,)
    config.disc.args.hidden = config.gen.args.get_ref("hidden")
    assert config_lib.override(config, {"gen.lr": "1e-3", "gen.args.hidden": "(5,)"}) == []
    settled, found = config_lib.settle(config)
    assert found == []
    assert (settled.disc.lr, settled.disc.args.hidden) == (2e-3, (5,))
    settled.gen.lr = 1.0
    assert settled.disc.lr == 2e-3


def test_a_weight_follows_the_penalty_until_one_is_given(config):
    """In copies too, and in what is written down; with no penalty it is 0, as it always was."""
    assert config.penalty.weight == 0.0
    config.penalty.name = "wgan_gp"
    copied = copy.deepcopy(config)
    copied.penalty.name = "r1"
    found = [config.penalty.weight, copied.penalty.weight]
    assert found == [10.0, leaves.NOT_GIVEN]
    assert config_lib.to_json(config)["penalty"]["weight"] == 10.0
    config.penalty.weight = 0
    config.penalty.name = "dragan"
    assert config.penalty.weight == 0.0
    assert config_lib.settle(config)[0].penalty.weight == 0.0


def test_an_older_config_means_what_it_did():
    """Its runs had no warm-up of the average; a new one has."""
    assert config_lib.get_config().ema.warmup
    old = config_lib.to_json(config_lib.get_config())
    del old["ema"]["warmup"]
    assert not config_lib.from_json(old).ema.warmup
    assert not config_lib.as_before().ema.warmup
    assert config_lib.flatten(leaves.BEFORE).keys() <= LEAVES.keys()


def test_json_of_another_version_is_refused():
    with pytest.raises(ConfigError, match="gen\\.rate"):
        config_lib.from_json({"gen": {"rate": 1}})


def test_hypers_are_arrays_of_one_type(config):
    """Python floats among them would retrace when a sweep mixes both."""
    for leaf in jax.tree.leaves(config_lib.hypers(config)):
        assert isinstance(leaf, jax.Array)
        assert leaf.dtype == np.float32
        assert leaf.shape == ()


def test_schedules_last_the_run_by_default(config):
    config.steps, config.dynamics.k_disc = 10, 3
    hypers = config_lib.hypers(config)
    assert hypers.players["disc"]["schedule_steps"] == 30
    assert hypers.players["gen"]["schedule_steps"] == 10
    assert hypers.game["penalty_schedule_steps"] == hypers.game["ema_schedule_steps"] == 10


def test_schedules_may_be_counted_in_images(config):
    """batch_size of them a step, however many steps the run has; steps of its own come first."""
    config.steps, config.batch_size, config.dynamics.k_disc = 10, 8, 3
    config.schedule_images, config.ema.schedule_steps = 100, 7
    hypers = config_lib.hypers(config)
    assert hypers.players["disc"]["schedule_steps"] == 37.5
    assert hypers.game["penalty_schedule_steps"] == 12.5
    assert hypers.game["ema_schedule_steps"] == 7


@pytest.mark.parametrize(
    ("name", "weight", "says"),
    [
        ("r1", 0.0, "penalty r1 is off: penalty.weight is 0"),
        ("none", 0.5, "penalty.weight 0.5 has no effect: penalty.name is none"),
        ("r1", 0.5, ""),
        ("none", 0.0, ""),
    ],
)
def test_a_penalty_that_is_off_is_said(name, weight, says):
    config = config_lib.get_config()
    config.penalty.name, config.penalty.weight = name, weight
    assert doubts(config) == [says] * bool(says)
    assert problems(config) == []


@pytest.mark.parametrize(
    "held",
    [
        {"penalty.name": "wgan_gp"},
        {"disc.clip_weights": "0.01"},
        {"disc.normalise": "spectral"},
        {"objective": "hinge"},
    ],
)
def test_wgan_wants_a_constraint(held):
    config = config_lib.get_config()
    config.objective = "wgan"
    assert "nothing constrains disc" in doubts(config)[0]
    config_lib.override(config, held)
    assert doubts(config) == []
    if "penalty.name" in held:
        config.penalty.weight = 0.0
        assert len(doubts(config)) == 2
