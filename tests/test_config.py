import json
import math

import jax
import numpy as np
import pytest

from gan_jax import config as config_lib
from gan_jax.rules import CHOICES, RULES, doubts, problems
from gan_jax.types import ConfigError


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


def test_every_number_has_a_rule(config):
    """A leaf that is a number and not checked is how -5 examples get in."""
    numbers = {k for k, v in config_lib.flatten(config).items() if isinstance(v, int | float)}
    assert numbers == set(RULES)


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


@pytest.mark.parametrize(
    ("name", "weight", "says"),
    [
        ("r1", 0.0, "penalty r1 is off: penalty.weight is 0"),
        ("none", 0.5, "penalty.weight 0.5 is of no penalty: penalty.name is none"),
        ("r1", 0.5, ""),
        ("none", 0.0, ""),
    ],
)
def test_a_penalty_that_is_off_is_said(name, weight, says):
    config = config_lib.get_config()
    config.penalty.name, config.penalty.weight = name, weight
    assert doubts(config) == [says] * bool(says)
    assert problems(config) == []
