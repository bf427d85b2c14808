"""Combinators of rows."""

import math

import pytest

from gan_jax.host.errors import ConfigError
from gan_jax.sweeps import product as sweep
from gan_jax.sweeps.product import chain, param, product, random_search, seeds, subsample, zipit

TWO, THREE = param("objective", ["hinge", "wgan"]), seeds(3)


def test_a_product_varies_its_last_part_fastest():
    rows = product(TWO, THREE)
    assert [(r["objective"], r["seed"]) for r in rows] == [
        (name, seed) for name in ("hinge", "wgan") for seed in range(3)
    ]
    assert product() == [{}]


def test_zipped_parts_go_side_by_side():
    rows = zipit(param("gen.lr", [1, 2]), param("disc.lr", [3, 4]))
    assert rows == [{"gen.lr": 1, "disc.lr": 3}, {"gen.lr": 2, "disc.lr": 4}]
    with pytest.raises(ConfigError, match=r"parts of \[2, 3\] rows: expected equally many"):
        zipit(TWO, THREE)


def test_chained_parts_come_one_after_the_other_and_are_copies():
    rows = chain(TWO, THREE)
    assert rows == TWO + THREE
    rows[0]["objective"] = "other"
    assert TWO[0]["objective"] == "hinge"


@pytest.mark.parametrize("join", [product, zipit])
def test_a_leaf_is_not_varied_twice(join):
    with pytest.raises(ConfigError, match="seed is varied twice"):
        join(THREE, seeds(3))


def test_a_subsample_is_the_seeds_and_in_order():
    rows = product(TWO, seeds(50))
    some = subsample(rows, 20, seed=3)
    places = [rows.index(row) for row in some]
    assert places == sorted(places)
    assert len(set(places)) == 20
    assert subsample(rows, 20, seed=3) == some != subsample(rows, 20, seed=4)
    assert subsample(rows, 100, seed=0) == rows
    with pytest.raises(ConfigError, match="asks for 101 rows of 100"):
        subsample(rows, 101)


def test_a_random_search_keeps_to_its_laws():
    laws = {
        "gen.lr": sweep.log_uniform(1e-5, 1e-1),
        "gen.b1": sweep.uniform(0.2, 0.4),
        "objective": ["hinge", "wgan"],
    }
    rows = random_search(400, laws, seed=1)
    assert rows == random_search(400, laws, seed=1) != random_search(400, laws, seed=2)
    assert {row["objective"] for row in rows} == {"hinge", "wgan"}
    assert all(0.2 <= row["gen.b1"] < 0.4 for row in rows)
    powers = [math.log10(row["gen.lr"]) for row in rows]
    assert -5 <= min(powers) < -4.8
    assert sum(power < -3 for power in powers) == pytest.approx(200, abs=40)
