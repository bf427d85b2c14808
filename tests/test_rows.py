"""From a sweep's rows to configs with an id each, and to the programs they share."""

import re
import time

import jax
import numpy as np
import pytest
import tiny

from gan_jax import experiment
from gan_jax import rows as rows_lib
from gan_jax.cohort import init_rows, objectives_of, rows_hypers
from gan_jax.config import from_json, to_json
from gan_jax.records import plain_config
from gan_jax.sweep import chain, param, product, seeds
from gan_jax.types import ConfigError


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
    "the sweep has no rows": [],
}


@pytest.mark.parametrize("says", WRONG)
def test_what_is_wrong_names_the_row(says):
    with pytest.raises(ConfigError, match=says):
        rows_lib.resolve(base(), WRONG[says])


def test_what_a_row_asks_of_others_is_checked_too():
    odd = [{"objective": "hinge", "objective_args.smooth_real": 0.1}]
    with pytest.raises(ConfigError, match=r"row 1: objective_args.smooth_real: nothing here takes"):
        rows_lib.check(grouped(seeds(1), odd))
    with pytest.raises(ConfigError, match=r"row 1: disc.pack is 3: expected a divisor"):
        rows_lib.check(grouped(seeds(1), [{"disc.pack": 3}]))
    rows_lib.check(grouped(seeds(2), [{"objective_args.smooth_real": 0.1}]))


TOGETHER = {
    "numbers": product(param("gen.lr", [1e-3, 1e-2]), param("penalty.weight", [0, 1]), seeds(2)),
    "objectives": param("objective", ["hinge", "wgan", "fgan_kl"]),
    "their numbers": chain(
        [{"objective": "hinge"}], param("objective_args.smooth_real", [0.1, 0.2])
    ),
    "ema above 0": param("ema.decay", [0.5, 0.9]),
}
APART = {
    "batch_size is 4, not 8": param("batch_size", [8, 4]),
    r"gen.args.hidden is \(5,\), not \(4,\)": param("gen.args.hidden", [(4,), (5,)]),
    "ema.decay is True, not False": param("ema.decay", [0.0, 0.9]),
    "penalty.name is r2, not r1": param("penalty.name", ["r1", "r2"]),
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
            lambda: init_rows([from_json(row.config) for row in cohort.rows])
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
    config, found, settings = experiment.load_sweep(str(path), {"batch_size": "8"}, name)
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
