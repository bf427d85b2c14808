"""What a line of refusals or of numbers that are not finite comes to, by policy."""

import contextlib
import json

import jax
import numpy as np
import pytest
import tiny

from gan_jax.dynamics.guard import GUARD, Refused
from gan_jax.games import make_setup
from gan_jax.host.errors import DivergedError
from gan_jax.steps import init_state
from gan_jax.training.checkpoint import Checkpoints
from gan_jax.training.folder import RunDir
from gan_jax.training.record import Evaluation, Record, make_evaluations

NONE = Refused(*(np.int32(n) for n in (10, 0, -1, -1)))
NUMBERS = {"disc_loss": np.float32(1.5), "gen_loss": np.float32(0.5)}


class Pace:
    def rate(self, step):
        return 1.0

    def update(self, step, metrics):
        pass


@contextlib.contextmanager
def record(folder, **leaves):
    config = tiny.config(**leaves)
    nothing = Evaluation(lambda s: {}, lambda s: {}, lambda s: None)
    with RunDir(folder, config) as run, Checkpoints(run.checkpoints_dir, 1) as saved:
        run.start(None)
        yield Record(make_setup(config), run, saved, nothing, Pace())


def line(times=0, first=-1, leaf=-1, player="disc", **numbers):
    refused = Refused(*(np.int32(n) for n in (10, times, first, leaf)))
    guards = {"disc": NONE, "gen": NONE} | {player: refused}
    return {**NUMBERS, **numbers, GUARD: guards}


def last_line(folder):
    return json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])


@pytest.mark.parametrize(
    ("objective", "left_out"),
    [("minimax", set()), ("hinge", {"d_real"}), ("wgan", {"d_real", "acc_real"})],
)
def test_a_line_has_no_d_where_there_is_none(tmp_path, objective, left_out):
    numbers = {"d_real": np.float32(0.5), "acc_real": np.float32(0.75)}
    with record(tmp_path, objective=objective) as kept:
        kept.line(5, line(**numbers))
    assert {*numbers} - last_line(tmp_path).keys() == left_out


def test_rows_look_alike_where_their_objectives_have_a_d_alike():
    """A row of a cohort has the metrics that it has alone."""
    objectives = ["hinge", "minimax", "lsgan", "fgan_gan"]
    configs = [tiny.config(objective=name) for name in objectives]
    evaluation_of, state = make_evaluations(), init_state(configs[0], jax.random.key(0))
    rows = [evaluation_of(make_setup(config)) for config in configs]
    assert rows[0] is rows[2]
    assert rows[1] is rows[3]
    found = [set(row.evaluate(state)) for row in rows[:2]]
    assert found[1] - found[0] == {"eval/disc_gap"}


def test_a_good_line(tmp_path):
    with record(tmp_path) as kept:
        kept.line(5, line())
        assert kept.summary("preempted").step == 5
    assert last_line(tmp_path) == {"step": 5, "disc_loss": 1.5, "gen_loss": 0.5}
    assert json.loads((tmp_path / "summary.json").read_text())["findings"] == []


@pytest.mark.parametrize(
    ("player", "k", "leaf", "said"),
    [
        ("disc", 1, 0, "disc's gradient of Stack_0/dense_0/linear/bias was not finite in step 8"),
        ("disc", 3, 3, "disc's gradient of logit/linear/kernel was not finite in step 3"),
        ("gen", 2, 2, "gen's gradient of out/linear/bias was not finite in step 4"),
    ],
)
def test_stop_names_the_player_the_leaf_and_the_step(tmp_path, player, k, leaf, said):
    told = pytest.raises(DivergedError, match=f"^diverged by step 10: {said}; no checkpoint")
    with record(tmp_path, **{f"dynamics__k_{player}": k}) as kept, told:
        kept.line(10, line(2, 7, leaf, player))
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["status"] == "diverged"
    assert summary["reason"] == said
    assert summary["findings"] == [{"label": "not finite", "step": 10, "evidence": said}]


@pytest.mark.parametrize("policy", ["skip", "rollback"])
def test_skip_and_rollback_go_on_up_to_the_limit(tmp_path, policy):
    with record(tmp_path, nonfinite__policy=policy, nonfinite__limit=3) as kept:
        kept.line(5, line(3, 2, 0, disc_loss=np.float32("nan")))  # its mean is lost with one step
        assert last_line(tmp_path)["refused"] == 3
        with pytest.raises(DivergedError, match=r"4 updates were refused: nonfinite\.limit"):
            kept.line(10, line(4, 2, 0))
    assert json.loads((tmp_path / "summary.json").read_text())["labels"] == ["not finite"]


def test_when_a_gradient_was_first_not_finite_is_known_after_a_resume(tmp_path):
    """And that it was, where nothing is left to do; the state says which leaf it was."""
    leaves = {"nonfinite__policy": "skip"}
    with record(tmp_path, **leaves) as kept:
        kept.line(5, line())
        kept.line(10, line(1, 7, 0))
    for steps, evidence in ([], "a gradient was not finite by step 10"), ([15], "in step 8"):
        config = tiny.config(**leaves)
        with RunDir(tmp_path, config) as run, Checkpoints(run.checkpoints_dir, 1) as saved:
            run.start(10)
            kept = Record(make_setup(config), run, saved, Evaluation(None, None, None), Pace())
            for step in steps:
                kept.line(step, line(1, 7, 0))
            kept.summary("preempted")
        (found,) = json.loads((tmp_path / "summary.json").read_text())["findings"]
        assert (found["label"], found["step"]) == ("not finite", 10)
        assert evidence in found["evidence"]


def test_what_diagnosis_measures_ends_no_run(tmp_path):
    with record(tmp_path, nonfinite__policy="skip") as kept:
        kept.line(5, line(**{"watch/gen_grad": np.float32("inf")}))
    assert last_line(tmp_path)["nonfinite"] == {"watch/gen_grad": "inf"}


def test_a_refusal_excuses_the_numbers_of_its_own_line_only(tmp_path):
    lost = {"disc_loss": np.float32("nan")}
    told = pytest.raises(DivergedError, match="disc_loss not finite")
    with record(tmp_path, nonfinite__policy="skip") as kept:
        kept.line(5, line(1, 2, 0, **lost))
        kept.line(10, line(2, 2, 0, **lost))
        with told:
            kept.line(15, line(2, 2, 0, **lost))


def test_a_number_that_is_lost_without_a_refusal(tmp_path):
    told = pytest.raises(DivergedError, match="gen_loss not finite")
    with record(tmp_path, nonfinite__policy="skip") as kept, told:
        kept.line(5, line(gen_loss=np.float32("inf")))


def test_findings_are_those_of_the_lines_also_after_a_resume(tmp_path):
    watched = {f"watch/{name}": np.float32(0.5) for name in ("auc", "gen_grad", "logit_fake")}
    watched |= {"watch/logit_real": np.float32(1), "watch/spread": np.float32(0.01)}
    with record(tmp_path) as kept:
        for step in (10, 15):
            moves = {"watch/place": np.float32(step / 40), "watch/variety": np.float32(9 / step)}
            kept.line(step, line(**watched, **moves))
    config = tiny.config()
    with RunDir(tmp_path, config) as run, Checkpoints(run.checkpoints_dir, 1) as saved:
        run.start(15)
        kept = Record(make_setup(config), run, saved, Evaluation(None, None, None), Pace())
        for step in (20, 25, 30, 35):
            moves = {"watch/place": np.float32(step / 40), "watch/variety": np.float32(0.1)}
            kept.line(step, line(**watched, **moves))
        kept.summary("preempted")
    found = json.loads((tmp_path / "summary.json").read_text())["findings"]
    assert [(f["label"], f["step"]) for f in found] == [
        ("disc stands still", 20),
        ("mode collapse", 35),
    ]
