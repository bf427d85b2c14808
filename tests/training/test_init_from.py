"""A run that starts from another's weights: what is taken, what is listed, and that it resumes."""

import json
import re
import shutil

import jax
import numpy as np
import pytest
import tiny

from gan_jax.games import make_setup
from gan_jax.host.errors import ConfigError, NoCheckpointError
from gan_jax.training import init_from, manifest
from gan_jax.training import record as record_lib
from gan_jax.training import run as train
from gan_jax.training.checkpoint import Checkpoints
from gan_jax.training.folder import RunDir


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """Runs draw and evaluate nothing."""
    monkeypatch.setattr(record_lib, "make_picture", lambda setup: lambda state: None)
    monkeypatch.setattr(record_lib, "make_evaluate", lambda setup, part="": lambda state: {})
    monkeypatch.setattr(record_lib.plots, "plot_curves", lambda *paths: None)


def small(**leaves):
    return make_setup(tiny.config(gen__args__batch_norm=True, **leaves))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A run of 40 steps with batch statistics and an average."""
    with pytest.MonkeyPatch.context() as patch:
        plain.__wrapped__(patch)
        folder = tmp_path_factory.mktemp("source")
        train.train(small(), folder)
    return folder


def saved(folder, step=None):
    with Checkpoints(folder, read_only=True) as checkpoints:
        return checkpoints.restore(None, step)[1]


def began(setup, folder, asked, optimizer=False):
    """The state that a run starts with, by path; and what was said of it."""
    start = init_from.prepare(setup, folder, str(asked), optimizer)
    with RunDir(folder, setup.config) as run:
        init_from.first_state(setup, run, start)
    return saved(folder / "init"), start


def own(setup):
    state = init_from.init_state(setup, jax.random.key(setup.config.seed))
    return {name: leaf.array for name, leaf in manifest.to_host(state).items() if not leaf.impl}


def test_weights_statistics_and_averages_are_taken_and_nothing_else(source, tmp_path):
    setup = small(seed=7)
    there, fresh = saved(source / "checkpoints"), own(setup)
    found, start = began(setup, tmp_path, source)
    for name, array in found.items():
        is_taken = re.match("players/.*/(params|vars)/|averages/", name)
        np.testing.assert_array_equal(array, there[name] if is_taken else fresh[name], name)
    assert found["step"] == 0
    assert not np.array_equal(
        there["averages/gen/out/linear/kernel"], fresh["players/gen/params/out/linear/kernel"]
    )
    assert (
        start.says()
        == f"starts from {source} at step 40: {len(start.taken)} arrays fit, which is all"
    )


def test_an_earlier_step_can_be_named(source, tmp_path):
    found, start = began(small(), tmp_path, f"{source}:20")
    kernel = "players/gen/params/out/linear/kernel"
    np.testing.assert_array_equal(found[kernel], saved(source / "checkpoints", 20)[kernel])
    assert start.step == 20


def test_optimisers_come_along_where_they_are_asked_for(source, tmp_path):
    """Without the count of refused updates, which is of the other run."""
    there = saved(source / "checkpoints")
    found, _ = began(small(), tmp_path, source, optimizer=True)
    inner = [name for name in found if "/opt/inner/" in name]
    assert len(inner) > 8
    for name in inner:
        np.testing.assert_array_equal(found[name], there[name])
    assert there["players/gen/opt/refused/updates"] == 40
    assert found["players/gen/opt/refused/updates"] == 0


def test_what_does_not_fit_is_listed_and_stays_as_the_seed_has_it(source, tmp_path):
    setup = small(gen__args__hidden=(4, 3))
    found, start = began(setup, tmp_path, source)
    out = "players/gen/params/out/linear/kernel"
    np.testing.assert_array_equal(found[out], own(setup)[out])
    there = saved(source / "checkpoints")
    for name in (n for n in found if n.startswith("players/disc/params/")):
        np.testing.assert_array_equal(found[name], there[name])
    assert "gen/out/linear/kernel (float32[4, 1] there, float32[3, 1] here)" in start.left
    assert any(
        re.match(r"gen/.*dense_1/linear/kernel \(absent there, float32", x) for x in start.left
    )
    assert "left out: gen/" in start.says()


def test_a_run_without_an_average_gives_its_weights_to_one(tmp_path):
    train.train(small(ema__decay=0.0), tmp_path / "a")
    found, _ = began(small(), tmp_path / "b", tmp_path / "a")
    for name in (n for n in found if n.startswith("averages/gen/")):
        rest = name.removeprefix("averages/gen/")
        (mine,) = (found[n] for n in found if re.fullmatch(f"players/gen/(params|vars)/{rest}", n))
        np.testing.assert_array_equal(found[name], mine)


def test_it_starts_again_without_the_other_run(source, tmp_path):
    """Stripped of all lines and checkpoints it comes to the same numbers."""
    whole, cut, other = (tmp_path / name for name in ("whole", "cut", "other"))
    shutil.copytree(source, other)
    setup = small(seed=3)
    train.train(setup, whole, start=init_from.prepare(setup, whole, str(other), False))
    shutil.rmtree(other)
    shutil.copytree(whole, cut)
    shutil.rmtree(cut / "checkpoints")
    for name in ("metrics.jsonl", "summary.json", init_from.RECORD):
        (cut / name).unlink()
    assert not train.train(setup, cut).was_done
    assert (cut / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()


def test_a_start_that_was_cut_short_is_not_taken_for_a_fresh_one(source, tmp_path):
    setup = small()
    (tmp_path / init_from.STATE).mkdir()
    with pytest.raises(NoCheckpointError, match=r"checkpoint 0 in .*init cannot be used"):
        train.train(setup, tmp_path)
    found, start = began(setup, tmp_path, source)  # named again, it is mended
    assert len(start.taken) > 8
    assert found["step"] == 0


def test_a_run_that_has_begun_takes_its_own_origin_only(source, tmp_path):
    setup = small()
    with pytest.raises(ConfigError, match="began without --init_from: leave --init_from out"):
        init_from.prepare(setup, source, str(source), False)
    train.train(setup, tmp_path, start=init_from.prepare(setup, tmp_path, str(source), False))
    for asked in (source, f"{source}:40"):
        assert init_from.prepare(setup, tmp_path, str(asked), False) is None
    for asked in (f"{source}:20", tmp_path):
        with pytest.raises(ConfigError, match=rf"began from {source}:40: leave"):
            init_from.prepare(setup, tmp_path, str(asked), False)


def test_what_cannot_be_started_from(source, tmp_path):
    setup = small()
    refused = {
        tmp_path / "no": (NoCheckpointError, "no run in .*no': expected DIR or DIR:STEP"),
        f"{source}:7": (NoCheckpointError, "it is not there: choose from 20, 40"),
        f"{source}:x": (NoCheckpointError, "no run in .*:x'"),
    }
    for asked, (kind, says) in refused.items():
        with pytest.raises(kind, match=says):
            init_from.prepare(setup, tmp_path / "new", str(asked), False)
    other = small(game="cyclegan", data__name="square_ring")
    with pytest.raises(ConfigError, match="nothing fits this run: disc/"):
        init_from.prepare(other, tmp_path / "new", str(source), False)
    assert not (tmp_path / "new").exists()


def test_a_colon_may_be_part_of_the_folder(source, tmp_path):
    shutil.copytree(source, tmp_path / "a:20")
    assert init_from.prepare(small(), tmp_path / "new", f"{tmp_path}/a:20", False).step == 40
    assert init_from.prepare(small(), tmp_path / "new", f"{tmp_path}/a:20:20", False).step == 20


def test_the_record_names_the_other_run(source, tmp_path):
    began(small(), tmp_path, source)
    said = json.loads((tmp_path / init_from.RECORD).read_text())
    assert (said["workdir"], said["step"], said["left_out"]) == (str(source), 40, [])
    assert init_from.origin(tmp_path) == f"{source}:40"
