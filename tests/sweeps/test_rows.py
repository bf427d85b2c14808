"""From a sweep's rows to configs with an id each, and to the programs they share."""

import json
import re
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from ml_collections import ConfigDict

from gan_jax.config import from_json, override, to_json
from gan_jax.config.as_json import plain_config
from gan_jax.host.errors import ConfigError
from gan_jax.sweeps import rows as rows_lib
from gan_jax.sweeps.cohort import init_rows, make_members, objectives_of, rows_hypers
from gan_jax.sweeps.product import chain, param, product, random_search, seeds
from gan_jax.sweeps.rows import static_part
from gan_jax.training import experiment


def base(**leaves):
    return tiny.config(data__name="ring", **leaves)


def grouped(*rows, config=None):
    return rows_lib.group(rows_lib.resolve(config or base(), chain(*rows)))


def test_a_row_is_the_base_with_its_values():
    (row,) = rows_lib.resolve(
        base(), [{"gen.lr": 1, "gen.args.hidden": (3, 4), "objective_args.smooth_real": 0.1}]
    )
    expected = base(gen__lr=1.0, gen__args__hidden=(3, 4), objective_args__smooth_real=0.1)
    assert row.config == plain_config(to_json(expected))
    assert from_json(row.config).gen.args.hidden == (3, 4)
    assert row.values["gen.lr"] == 1.0


def linked():
    """A base in which leaves refer to others: to one, through two, with an operation, in args."""
    config = base()
    config.disc.lr = config.gen.get_ref("lr")
    config.disc.lr_end = config.disc.get_ref("lr") / 10
    config.gen.lr_end = config.disc.get_ref("lr_end")
    config.disc.args.hidden = config.gen.args.get_ref("hidden")
    return config


def test_references_hold_in_a_row_as_on_the_command_line():
    texts = {"gen.lr": "1e-3", "gen.args.hidden": "(7,)"}
    given = linked()
    assert override(given, texts) == []
    before = linked()
    row, other = rows_lib.resolve(
        before, [{"gen.lr": 1e-3, "gen.args.hidden": (7,)}, {"gen.lr": 1e-2}]
    )
    assert row.config == plain_config(to_json(experiment.check(given).config))
    assert (row.config["disc"]["lr"], row.config["gen"]["lr_end"]) == (1e-3, 1e-4)
    assert row.config["disc"]["args"]["hidden"] == [7]
    assert row.values == {"gen.lr": 1e-3, "gen.args.hidden": (7,)}
    assert (other.config["disc"]["lr"], other.config["disc"]["args"]["hidden"]) == (1e-2, [4])
    assert to_json(before) == to_json(linked())
    again = from_json(row.config)  # in which they are values
    again.gen.lr = 1.0
    assert again.disc.lr == 1e-3


def test_what_follows_a_row_is_held_to_its_rule():
    config = base()
    config.disc.b1 = config.gen.get_ref("momentum") * 4
    with pytest.raises(ConfigError, match=r"row 1: disc.b1 is 2.0: expected a number in \[0, 1\)"):
        rows_lib.resolve(config, param("gen.momentum", [0.1, 0.5]))


def test_a_row_weighs_its_penalty_as_is_usual_unless_it_says_how():
    rows = rows_lib.resolve(
        base(),
        [
            {"penalty.name": "wgan_gp"},
            {"penalty.name": "wgan_gp", "penalty.weight": 0.0},
            {"penalty.weight": 0.5, "penalty.name": "r1"},
            {"seed": 1},
        ],
    )
    assert [row.config["penalty"]["weight"] for row in rows] == [10.0, 0.0, 0.5, 0.0]
    with pytest.raises(ConfigError, match=r"^row 1: penalty.weight is not given, and penalty 'r1'"):
        rows_lib.resolve(base(), [{"seed": 1}, {"penalty.name": "r1"}])
    config = base(penalty__name="r1")  # each row gives it
    assert len(rows_lib.resolve(config, param("penalty.weight", [0.0, 1.0]))) == 2


RATES = [1e-3, 1e-2]


@pytest.mark.parametrize(
    ("rows", "plain"),
    [
        (param("seed", np.arange(2)), seeds(2)),
        (param("gen.lr", np.float32(RATES)), param("gen.lr", RATES)),
        (param("gen.lr", np.array(RATES)), param("gen.lr", RATES)),
        (param("gen.lr", jnp.array(RATES)), param("gen.lr", RATES)),
        (param(np.str_("objective"), np.array(["hinge"])), [{"objective": "hinge"}]),
        (param("gen.args.hidden", np.array([[3], [4]])), param("gen.args.hidden", [(3,), (4,)])),
        (random_search(9, {"batch_size": np.array([8]), "seed": range(99)}, 1), None),
        ([ConfigDict({"seed": 0}), {"seed": 1}], seeds(2)),
    ],
)
def test_rows_of_numpy_are_rows_of_numbers(rows, plain):
    if plain is None:
        plain = random_search(9, {"batch_size": [8], "seed": range(99)}, 1)
    found, expected = (rows_lib.resolve(base(), each) for each in (rows, plain))
    assert found == expected
    json.dumps([[row.values, row.config] for row in found])


def test_an_id_leaves_out_what_an_older_version_did():
    """Rows without the average's warm-up, which it had not, keep their ids and cohorts."""
    before = base(ema__warmup=False)
    row, warm = rows_lib.resolve(before, [{"seed": 3}, {"seed": 3, "ema.warmup": True}])
    older = rows_lib.as_known_before(row.config)
    assert "warmup" not in older["ema"]
    assert row.id == rows_lib.hashed(older) != warm.id
    assert from_json(older) == from_json(row.config)
    assert row.config["ema"]["warmup"] is False
    assert static_part(older, "") == static_part(row.config, "") != static_part(warm.config, "")


def test_ids_are_those_of_the_first_version():
    """Recorded results and sweeps that go on hang on them."""
    path = next(path for path in tiny.EXPERIMENTS if path.stem == "objectives_ring")
    config, _, settings = experiment.load_sweep(str(path), name="objectives")
    found = rows_lib.resolve(config, settings)
    assert [row.id for row in found[:2]] == ["640b1c75301b", "92a01fad3523"]
    assert [cohort.id for cohort in rows_lib.group(found)] == ["c6096d41afa2"]


def test_an_id_is_of_the_config_alone():
    one, two = (rows_lib.resolve(base(), part)[0] for part in (seeds(1), [{"objective": "hinge"}]))
    again = rows_lib.resolve(base(objective="hinge"), [{"seed": 0}])[0]
    assert one.id != two.id == again.id
    assert len(one.id) == 12


WRONG = {
    "row 1: gen.lr is -1.0: expected a finite number of at least 0": param("gen.lr", [1, -1.0]),
    "row 0: config key 'gen.lrr' is unknown": param("gen.lrr", [1.0]),
    "row 0: objective 'hinje' is unknown.*Did you mean 'hinge'": param("objective", ["hinje"]),
    "row 0: gen.optimizer 'adm' is unknown": param("gen.optimizer", ["adm"]),
    "row 0: batch_size is 'eight'": param("batch_size", ["eight"]),
    "rows 0 and 1 are the same config": param("gen.lr", [1, 1.0]),
    "rows 0 and 1 are the same config ": param("objective_args.smooth_real", [1, np.float32(1)]),
    "row 0: gen.lr is None: expected float": param("gen.lr", [None]),
    "row 0: seed is an integer of more than 64 bits": param("seed", [10**400]),
    "row 0: config key 'gen' is unknown": [{"gen": {"lr": 1e-3}}],
    "row 1: it is a tuple: expected a dict": [{}, ("seed", 1)],
    "row 0: it is a str: expected a dict": list({"seed": 1}),
    "row 0: config key 1 is not a text": [{1: 2}],
    "row 0: gen.args.gain is inf: expected a finite number": [{"gen.args.gain": float("inf")}],
    "row 0: gen.args.act is {.*: expected a number, ": [{"gen.args.act": {"relu": 1}}],
    "row 0: disc.lr is 'x': expected float; gen.lr is -1.0: expected ": [
        {"gen.lr": -1, "disc.lr": "x"}
    ],
    "the sweep has no rows": [],
}


@pytest.mark.parametrize("says", WRONG)
def test_what_is_wrong_names_the_row(says):
    with pytest.raises(ConfigError, match=says.strip()):
        rows_lib.resolve(base(), WRONG[says])


def test_what_a_row_asks_of_others_is_checked_too():
    odd = [{"objective": "hinge", "objective_args.smooth_real": 0.1}]
    with pytest.raises(ConfigError, match=r"row 1: objective_args.smooth_real: nothing here takes"):
        rows_lib.check(grouped(seeds(1), odd))
    with pytest.raises(ConfigError, match=r"row 1: disc.pack is 3: expected a divisor"):
        rows_lib.check(grouped(seeds(1), [{"disc.pack": 3}]))
    rows_lib.check(grouped(seeds(2), [{"objective_args.smooth_real": 0.1}]))
    gamma = product([{"dynamics.name": "consensus"}], param("dynamics.args.gamma", [1, -1.0]))
    with pytest.raises(ConfigError, match=r"row 1: dynamics.args.gamma is -1.0: expected float"):
        rows_lib.check(grouped(gamma))


TOGETHER = {
    "numbers": product(param("gen.lr", [1e-3, 1e-2]), param("penalty.weight", [0, 1]), seeds(2)),
    "objectives": param("objective", ["hinge", "wgan", "fgan_kl"]),
    "their numbers": chain(
        [{"objective": "hinge"}], param("objective_args.smooth_real", [0.1, 0.2])
    ),
    "numbers of the dynamics": product(
        [{"dynamics.name": "consensus"}], param("dynamics.args.gamma", [1, 0.5])
    ),
    "numbers of the game": product(
        [{"game": "cyclegan", "data.name": "square_ring"}], param("game_args.cycle", [1, 0.5])
    ),
    "ema above 0": param("ema.decay", [0.5, 0.9]),
}
APART = {
    "batch_size is 4, not 8": param("batch_size", [8, 4]),
    r"gen.args.hidden is \(5,\), not \(4,\)": param("gen.args.hidden", [(4,), (5,)]),
    "ema.decay is True, not False": param("ema.decay", [0.0, 0.9]),
    "dynamics.args.unroll_steps is 2, not 1": product(
        [{"dynamics.name": "unrolled"}], param("dynamics.args.unroll_steps", [1, 2])
    ),
    "game_args.pool is 9, not 8": product(
        [{"game": "cyclegan", "data.name": "square_ring"}], param("game_args.pool", [8, 9])
    ),
    "penalty.name is r2, not r1": product(
        [{"penalty.weight": 1.0}], param("penalty.name", ["r1", "r2"])
    ),
    "objective is began, not one of logits": param("objective", ["hinge", "began"]),
    "penalty.args.target is a number, not absent": [
        {"penalty.name": "wgan_gp"},
        {"penalty.name": "wgan_gp", "penalty.args.target": 2.0},
    ],
}


@pytest.mark.parametrize("rows", TOGETHER.values(), ids=TOGETHER)
def test_rows_that_differ_in_traced_numbers_share_a_program(rows):
    (cohort,) = grouped(rows)
    assert len(cohort.rows) == len(rows)
    assert cohort.why == ""
    with jax.debug_key_reuse(False):  # a false alarm under vmap
        states, hypers = jax.eval_shape(
            lambda: init_rows(make_members([from_json(row.config) for row in cohort.rows]))
        )
    assert {x.shape[0] for x in jax.tree.leaves((states, hypers))} == {len(rows)}


@pytest.mark.parametrize("why", APART)
def test_rows_that_differ_in_the_program_do_not(why):
    one, two = grouped(APART[why])
    assert one.why == ""
    assert re.search(why, two.why), two.why


def test_runs_that_may_end_early_are_alone():
    assert len(grouped(seeds(3), config=base(stop_at_equilibrium=2))) == 3


def test_images_that_are_streamed_cannot_be_shared():
    """scikit-learn's digits have 1437 x 64 bytes, 90 kB."""
    config = tiny.config(data__name="digits", data__device_mb=0)
    rows_lib.check(grouped(seeds(1), config=config))
    with pytest.raises(ConfigError, match=r"row 0: .*device_mb is 0: digits train has 0.0877 MB"):
        rows_lib.check(grouped(seeds(2), config=config))
    config.data.device_mb = 1
    rows_lib.check(grouped(seeds(2), config=config))
    rows_lib.check(grouped(seeds(2), config=base(data__device_mb=0)))


def test_numbers_of_an_objective_reach_its_rows_only():
    configs = [
        base(objective="hinge"),
        base(objective="blend", objective_args__zeta=3.0),
        base(objective="blend"),
        base(objective="minimax", objective_args__smooth_real=0.25),
    ]
    found = rows_hypers(configs).objective
    assert objectives_of(configs) == ("blend", "hinge", "minimax")
    np.testing.assert_array_equal(found["index"], [1, 0, 0, 2])
    np.testing.assert_array_equal(found["zeta"], [0, 3, 1, 0])
    np.testing.assert_array_equal(found["smooth_real"], [0, 0, 0, 0.25])
    assert "index" not in rows_hypers(configs[1:3]).objective


def test_varied_leaves_are_those_that_differ():
    rows = rows_lib.resolve(base(), product(param("gen.lr", [0.1, 0.2]), param("steps", [40])))
    assert rows_lib.varied(rows) == ["gen.lr"]


def test_a_thousand_rows_are_planned_quickly():
    start = time.monotonic()
    cohorts = grouped(product(param("gen.lr", np.linspace(1e-4, 1e-2, 10).tolist()), seeds(100)))
    print(f"{time.monotonic() - start:.2f} s for {len(cohorts[0].rows)} rows")
    assert len(cohorts[0].rows) == 1000
    assert time.monotonic() - start < 20


SWEEPS = [
    (path, name)
    for path in tiny.EXPERIMENTS
    for name in getattr(experiment.load_module(str(path)), "SWEEPS", {})
]


@pytest.mark.parametrize(("path", "name"), SWEEPS, ids=lambda x: getattr(x, "stem", x))
def test_every_sweep_of_an_experiment_can_be_run(path, name):
    config, found, settings = experiment.load_sweep(
        str(path), tiny.overrides(path) | {"batch_size": "8"}, name
    )
    assert (found, config.batch_size) == (name, 8)
    cohorts = rows_lib.group(rows_lib.resolve(config, settings))
    assert sum(len(cohort.rows) for cohort in cohorts) == len(settings)
    rows_lib.check(cohorts)


def test_a_file_says_which_sweeps_it_has(tmp_path):
    file = tmp_path / "config.py"
    text = "from gan_jax.config import get_config\n"
    for sweeps, says in {
        "": "has no SWEEPS: expected",
        "SWEEPS = {}": "has no SWEEPS: expected",
        "SWEEPS = {'a': [{}], 'b': [{}]}": r"has several sweeps: --sweep a\|b",
    }.items():
        file.write_text(text + sweeps)
        with pytest.raises(ConfigError, match=says):
            experiment.load_sweep(str(file))
    with pytest.raises(ConfigError, match="sweep 'c' is unknown: choose from a, b"):
        experiment.load_sweep(str(file), name="c")
    file.write_text(text + "SWEEPS = {'a': [{'seed': 3}]}")
    assert experiment.load_sweep(str(file))[1:] == ("a", [{"seed": 3}])
