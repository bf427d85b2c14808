"""Tables' cohorts go on: after kills, with more steps, more seeds, as if it had been one call."""

import json

import jax
import numpy as np
import pytest
import tiny

from gan_jax.config import hypers
from gan_jax.host import stop
from gan_jax.host.errors import ConfigError, PreemptedError
from gan_jax.reproduce import (
    adversarial_flow_1d,
    gaussian1d,
    goodfellow2014_recipe,
    modes,
    r3gan_lazy,
    training,
)
from gan_jax.reproduce.training import refused, train
from gan_jax.reproduce.work import samples


@pytest.fixture(autouse=True)
def quiet():
    """The key checker gives a false alarm under vmap."""
    with jax.debug_key_reuse(False):
        yield


def configs(steps, seeds=2, **leaves):
    """Checkpoints at 10 and 20, looks at 5, 10, ..."""
    every = {"log_every_steps": 5, "eval_every_steps": 5, "checkpoint_every_steps": 10} | leaves
    return [tiny.config(seed=seed, steps=steps, **every) for seed in range(seeds)]


def look(states):
    """A number of each row's own."""
    return [
        round(float(leaf), 6) for leaf in jax.tree.leaves(states.players["gen"].params)[0][:, 0]
    ]


def same(a, b):
    def plain(x):
        return jax.random.key_data(x) if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else x

    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(np.array_equal(plain(x), plain(y)) for x, y in pairs)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """23 steps at once."""
    with jax.debug_key_reuse(False):
        return train(tmp_path_factory.mktemp("whole"), "name", configs(23), look)


def places(folder):
    return sorted(path.name for path in (folder / "states").iterdir())


def steps_of(folder, place):
    found = (folder / "states" / place / "checkpoints").iterdir()
    return max(int(path.name) for path in found if path.name.isdigit())


@pytest.mark.parametrize("first", [5, 12, 20])
def test_more_steps_go_on_from_the_last(tmp_path, whole, first):
    train(tmp_path, "name", configs(first), look)
    more = train(tmp_path, "name", configs(23), look)
    assert same(more.states, whole.states)
    assert more.measured == whole.measured
    assert [step for step, _ in whole.measured[0]] == [5, 10, 15, 20]
    assert places(tmp_path) == ["0"]


def test_examples_come_in_one_order_however_the_steps_are_parted(tmp_path):
    points = {"seeds": 1, "data__name": "ring", "data__points": 80}  # ten batches an epoch
    whole = train(tmp_path / "whole", "name", configs(13, **points))
    train(tmp_path / "parts", "name", configs(7, **points))
    assert same(train(tmp_path / "parts", "name", configs(13, **points)).states, whole.states)


def test_rows_begin_with_states_that_are_given(tmp_path, whole):
    """And leave them as they are; from another step, or from none, the same rows are others."""
    at_10 = train(tmp_path / "a", "name", configs(10)).states
    at_5 = train(tmp_path / "b", "name", configs(5)).states
    for _ in range(2):  # the second finds the first's
        rest = train(tmp_path, "name", configs(23), look, at_10)
        assert same(rest.states, whole.states)
        assert rest.measured == [looks[2:] for looks in whole.measured]
    assert same(at_10, train(tmp_path / "a", "name", configs(10)).states)
    assert places(tmp_path) == ["0"]
    lower = train(tmp_path, "name", configs(10, gen__lr=0.0), None, at_5).states
    assert same(lower.players["gen"].params, at_5.players["gen"].params)
    assert same(train(tmp_path, "name", configs(23), look, at_5).states, whole.states)
    assert same(train(tmp_path, "name", configs(23), look).states, whole.states)
    assert places(tmp_path) == ["0", "1", "2", "3"]


def test_one_of_several_given_states_goes_with_its_row(tmp_path):
    """The first row is there already: the second begins with the second state."""
    states = train(tmp_path / "a", "name", configs(10)).states
    train(tmp_path, "name", configs(12)[:1], None, training.stack_rows([training.row(states, 0)]))
    both = train(tmp_path, "name", configs(12), None, states).states.players["gen"].params
    whole = train(tmp_path / "b", "name", configs(12)).states.players["gen"].params
    for a, b in zip(jax.tree.leaves(both), jax.tree.leaves(whole), strict=True):
        assert np.allclose(a, b, rtol=1e-4, atol=1e-6)


def test_what_is_done_is_not_done_again(tmp_path, whole, monkeypatch):
    first = train(tmp_path, "name", configs(23), look)
    monkeypatch.setattr(training, "make_cohort", None)
    again = train(tmp_path, "name", configs(23), look)
    assert same(first.states, again.states)
    assert again.measured == whole.measured


@pytest.mark.parametrize("dispatches", [1, 3])
def test_a_stop_is_saved_and_gone_on_from(tmp_path, whole, monkeypatch, dispatches):
    asked = iter([False] * dispatches + [True])
    monkeypatch.setattr(stop, "requested", lambda: next(asked))
    with pytest.raises(PreemptedError, match=f"step {5 * dispatches} of 23"):
        train(tmp_path, "name", configs(23), look)
    assert steps_of(tmp_path, "0") == 5 * dispatches
    monkeypatch.undo()
    assert same(train(tmp_path, "name", configs(23), look).states, whole.states)


def test_a_stop_between_two_cohorts_starts_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(stop, "requested", lambda: True)
    with pytest.raises(PreemptedError, match="stopped before name"):
        train(tmp_path, "name", configs(23))


@pytest.mark.parametrize("last", [5, 15, 20])
def test_a_kill_costs_what_came_after_the_last_checkpoint(tmp_path, whole, last):
    """At 5 nothing was saved yet; at 15 and 20 the look of that step was written, or not, too."""

    def dies(states):
        if int(states.step[0]) == last:
            raise KeyboardInterrupt
        return look(states)

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, "name", configs(23), dies)
    file = tmp_path / "states" / "0" / "looks.json"
    if last == 15:  # as if the kill came after the look
        file.write_text(json.dumps([*json.loads(file.read_text()), {"step": 15, "rows": [0, 0]}]))
    found = train(tmp_path, "name", configs(23), look)
    assert same(found.states, whole.states)
    assert found.measured == whole.measured


def test_only_seeds_that_are_not_there_are_trained(tmp_path, whole):
    train(tmp_path, "name", configs(23), look)
    before = (tmp_path / "states" / "0" / "seconds.json").read_bytes()
    three = train(tmp_path, "name", configs(23, seeds=3), look)
    assert places(tmp_path) == ["0", "1"]
    assert [c.seed for c in training._members(tmp_path / "states" / "1")] == [2]
    assert (tmp_path / "states" / "0" / "seconds.json").read_bytes() == before
    assert same(three.only([0, 1]).states, whole.states)
    assert three.measured[:2] == whole.measured
    assert len(three.measured[2]) == 4
    alone = train(tmp_path / "alone", "name", configs(23, seeds=3)[2:], look)
    assert same(three.only([2]).states, alone.states)
    assert three.measured[2] == alone.measured[0]


def test_rows_come_in_the_order_in_which_they_are_asked_for(tmp_path, whole):
    found = train(tmp_path, "name", configs(23)[::-1], look)
    assert same(found.only([1, 0]).states, train(tmp_path, "name", configs(23), look).states)
    assert found.measured == whole.measured[::-1]


def test_other_settings_are_another_cohort_and_older_files_are_found_again(tmp_path):
    train(tmp_path, "name", configs(5))
    train(tmp_path, "name", configs(5, gen__lr=0.5))
    assert places(tmp_path) == ["0", "1"]
    file = tmp_path / "states" / "0" / "rows.json"
    said = json.loads(file.read_text())
    for each in said["configs"]:
        del each["data"]["points"]  # as a version wrote it that did not know this leaf
    file.write_text(json.dumps(said))
    train(tmp_path, "name", configs(7, log_every_steps=1))
    assert places(tmp_path) == ["0", "1"]
    assert [steps_of(tmp_path, place) for place in "01"] == [7, 5]


def test_more_steps_of_a_schedule_over_all_of_them_are_another_cohort(tmp_path):
    train(tmp_path, "name", configs(5, gen__schedule="linear"))
    train(tmp_path, "name", configs(10, gen__schedule="linear"))
    assert [steps_of(tmp_path, place) for place in places(tmp_path)] == [5, 10]


def test_what_ended_before_its_first_checkpoint_binds_nobody(tmp_path):
    place = tmp_path / "states" / "0"
    (place / "checkpoints" / "5.saving").mkdir(parents=True)
    (place / "rows.json").write_text("{")
    train(tmp_path, "name", configs(5, seeds=1))
    assert len(json.loads((place / "rows.json").read_text())["configs"]) == 1


def test_a_shorter_row_of_another_name_is_its_own(tmp_path):
    """A table's row at the device's own precision is short, whatever its seeds did before."""
    train(tmp_path, "seeds", configs(10))
    train(tmp_path, "beside them", configs(5, seeds=1))
    assert [steps_of(tmp_path, place) for place in places(tmp_path)] == [10, 5]


def test_steps_are_not_taken_back(tmp_path):
    train(tmp_path, "name", configs(10))
    with pytest.raises(ConfigError, match="is at step 10, and 5 are asked for"):
        train(tmp_path, "name", configs(5))


def test_the_time_of_all_calls_counts(tmp_path):
    train(tmp_path, "name", configs(5))
    (tmp_path / "states" / "0" / "seconds.json").write_text("1000.0")
    train(tmp_path, "other", configs(5, gen__lr=0.5))
    train(tmp_path, "name", configs(10))
    assert 1000 < training.seconds(tmp_path) < 1200


def test_a_line_now_and_then(tmp_path, capsys):
    train(tmp_path, "ring: GAN", configs(5))
    said = capsys.readouterr().err
    assert "ring: GAN, 2 rows: from step 0 to 5\n" in said
    assert "ring: GAN, 2 rows: step 5 of 5, " in said


def test_samples_of_all_rows_come_from_one_latent(whole):
    config = configs(23)[0]
    x_MxNxD = samples(config, whole.states, 7)
    assert x_MxNxD.shape == (2, 7, 1)
    assert np.allclose(samples(config, whole.only([1]).states, 7)[0], x_MxNxD[1], rtol=1e-5)


def test_refused_updates_are_told(tmp_path):
    calm = train(tmp_path, "name", configs(5)).states
    assert refused(calm) == []
    wild = train(tmp_path, "wild", configs(5, seeds=1, disc__lr=1e38, disc__optimizer="sgd")).states
    assert "updates refused" in refused(wild)[0]


SETTINGS = {
    "goodfellow2014": lambda steps: goodfellow2014_recipe.settings(0, steps),
    "goodfellow2014, k = 2": lambda steps: goodfellow2014_recipe.settings(0, steps, k=2),
    "adversarial_flow_1d": lambda steps: adversarial_flow_1d.settings("normal", 0.2, 0, steps),
    "gaussian1d": lambda steps: gaussian1d.settings("raw", 0, steps),
    "r3gan_lazy": lambda steps: r3gan_lazy.settings("rpgan", 8, 0, steps),
    **{
        f"modes, {name}": lambda steps, m=m: m.settings("ring", 0, steps)
        for name, m in modes.METHODS.items()
    },
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_step_is_the_same_however_many_will_follow(name):
    """Else going on would not be what one call would have been."""
    short, long = (hypers(SETTINGS[name](steps)) for steps in (100, 1000))
    for player in ("gen", "disc"):
        one, other = short.players[player], long.players[player]
        assert {k for k in one if one[k] != other[k]} <= {"schedule_steps"}
        assert SETTINGS[name](100)[player].schedule in ("constant", "exponential")
