"""The run directory: stable bytes, one writer, nothing lost and nothing twice after a kill."""

import importlib.util
import json
import logging
import math
import os
import re
import resource
import subprocess
import sys
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageSequence

from gan_jax.config import flatten, get_config
from gan_jax.config.as_json import config_difference, read_config
from gan_jax.config.leaves import LEAVES
from gan_jax.evaluate.diagnostics import Finding
from gan_jax.evaluate.pictures import grid as images
from gan_jax.host import files
from gan_jax.host.errors import CannotWriteError, ConfigError, WorkdirBusyError
from gan_jax.training import curves as plots
from gan_jax.training import linelog
from gan_jax.training.folder import RunDir

CONFIG = {"gen": {"lr": 0.0002, "betas": (0.5, 0.999)}, "steps": 10, "name": "ring", "ema": None}
METRICS = {"gen_loss": np.float32(0.1), "disc_loss": jnp.float32(1.5), "count": np.int64(3)}


def write_steps(workdir, start, stop, at=None):
    with RunDir(workdir, CONFIG) as run:
        run.start(at)
        for step in range(start, stop):
            run.write(step, {"loss": np.float32(step) / 7})
            run.write_timing(step, step * 0.5, 2.0)


def lines(workdir, name="metrics.jsonl"):
    return [json.loads(line) for line in (workdir / name).read_text().splitlines()]


def picture(value=0.5, side=8):
    return images.grid(np.full((4, side, side, 1), value))


# The lock


def test_a_second_process_is_turned_away(tmp_path):
    code = "import sys; from gan_jax.training.folder import RunDir; RunDir(sys.argv[1])"
    command = [sys.executable, "-c", code, str(tmp_path)]
    with RunDir(tmp_path, CONFIG):
        second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    last = second.stderr.splitlines()[-1]
    assert last.startswith("gan_jax.host.errors.WorkdirBusyError: workdir ")
    assert f"is in use by process {os.getpid()} on " in last


def test_the_lock_goes_with_its_holder(tmp_path):
    with RunDir(tmp_path, CONFIG) as run:
        with pytest.raises(WorkdirBusyError):
            RunDir(tmp_path, CONFIG)
        run.close()
        RunDir(tmp_path, CONFIG).close()
    with pytest.raises(ConfigError):
        RunDir(tmp_path, {})
    RunDir(tmp_path).close()


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("mine")
    for workdir in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(CannotWriteError, match=r"cannot write .*choose another --workdir"):
            RunDir(workdir, CONFIG)
    assert (tmp_path / "file").read_text() == "mine"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "samples").write_text("")
    with pytest.raises(CannotWriteError, match="samples"):
        RunDir(tmp_path / "run", CONFIG)


@pytest.mark.parametrize("name", [".lock", "samples", "checkpoints", "metrics.jsonl"])
def test_nothing_is_written_through_links(tmp_path, name):
    other, run = tmp_path / "other", tmp_path / "run"
    write_steps(run, 0, 3)
    (run / name).rename(other)
    (run / name).symlink_to(other)
    if other.is_dir():
        (other / "step_00000099.png").write_bytes(b"precious")
    before = [p.read_bytes() for p in (other, *other.glob("*")) if p.is_file()]
    with pytest.raises(CannotWriteError, match=f"{name} is a link, and nothing is written through"):
        write_steps(run, 3, 5, at=2)
    assert [p.read_bytes() for p in (other, *other.glob("*")) if p.is_file()] == before


def test_a_workdir_may_be_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "here").symlink_to(tmp_path / "there")
    write_steps(tmp_path / "here", 0, 3)
    assert len(lines(tmp_path / "there")) == 3


# config.json


def test_the_config_is_plain_json_and_may_come_again(tmp_path):
    for config in (CONFIG, CONFIG | {"steps": 10.0}, json.loads(json.dumps(CONFIG))):
        RunDir(tmp_path, config).close()
    assert read_config(tmp_path) == json.loads(json.dumps(CONFIG))


def test_another_config_is_refused_and_told_apart(tmp_path):
    RunDir(tmp_path, CONFIG).close()
    before = (tmp_path / "config.json").read_bytes()
    other = {"gen": {"lr": 0.001, "betas": [0.5, 0.9]}, "steps": 10, "name": "ring", "new": True}
    with pytest.raises(ConfigError) as caught:
        RunDir(tmp_path, other)
    assert str(caught.value) == (
        f"workdir {tmp_path} holds another config: ema null there, absent here; "
        "gen.betas [0.5, 0.999] there, [0.5, 0.9] here; gen.lr 0.0002 there, 0.001 here; "
        "new absent there, true here: choose another --workdir, which can start from these "
        f"weights with --init_from {tmp_path}"
    )
    assert (tmp_path / "config.json").read_bytes() == before


def longer(folder, schedule="constant", schedule_steps=0, ended=None, before=10, after=20):
    """A run of `before` steps that is asked for `after`; ended: its summary's status and step."""
    player = {"schedule": schedule, "schedule_steps": schedule_steps}
    config = {"gen": player, "disc": player | {"schedule": "constant"}}
    with RunDir(folder, config | {"steps": before}) as run:
        if ended:
            run.write_summary(*ended, {})
    RunDir(folder, config | {"steps": after}).close()
    return read_config(folder)["steps"], (folder / "summary.json").exists()


@pytest.mark.parametrize("ended", [None, ("preempted", 5), ("done", 10)])
def test_more_steps_go_on_with_the_run(tmp_path, ended):
    steps, is_over = longer(tmp_path, ended=ended)
    assert steps == 20
    assert not is_over or ended == ("preempted", 5)


@pytest.mark.parametrize("ended", [("diverged", 10), ("done", 5)])
def test_what_ended_for_another_reason_stays_ended(tmp_path, ended):
    assert longer(tmp_path, ended=ended) == (20, True)


def test_a_run_goes_on_on_other_devices(tmp_path):
    config = {"devices": 8, "steps": 10}
    with RunDir(tmp_path, config) as run:
        run.write_summary("done", 10, {})
    RunDir(tmp_path, config | {"devices": 4}).close()
    assert read_config(tmp_path) == config
    assert (tmp_path / "summary.json").exists()
    with pytest.raises(ConfigError, match="steps 10 there, 9 here: choose"):
        RunDir(tmp_path, config | {"devices": 4, "steps": 9})


def test_fewer_steps_and_a_rate_that_follows_all_steps_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="steps 20 there, 10 here"):
        longer(tmp_path / "fewer", before=20, after=10)
    for schedule in ("linear", "cosine"):
        with pytest.raises(ConfigError, match="steps 10 there, 20 here"):
            longer(tmp_path / schedule, schedule)
        assert longer(tmp_path / f"{schedule} of its own", schedule, 5) == (20, False)


@pytest.mark.parametrize("path", [p for p in sorted(LEAVES) if p.endswith("schedule")])
def test_every_schedule_may_follow_all_steps(path):
    """Unless its steps are its own, or counted in images."""
    section = path.rpartition(".")[0]
    before, after = flatten(get_config()), {path: "linear", "steps": 20_000}
    assert config_difference(before | {path: "linear"}, before | after)
    for own in (f"{section}.schedule_steps", "schedule_images"):
        free = {path: "linear", own: 5}
        assert not config_difference(before | free, before | after | free)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"a": {"b": math.nan}}, r"config.a.b is nan"),
        ({"a": [1.0, -math.inf]}, r"config.a\[1\] is -inf"),
        ({"a": {"f": print}}, r"config.a.f is a builtin_function"),
    ],
)
def test_what_json_cannot_say_is_refused(tmp_path, config, expected):
    with pytest.raises(ConfigError, match=expected):
        RunDir(tmp_path, config)
    assert not (tmp_path / "config.json").exists()


def test_a_config_that_is_missing_or_broken(tmp_path):
    with pytest.raises(ConfigError, match="is not there"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text('{"a": ')
    with pytest.raises(ConfigError, match="cannot be read"):
        RunDir(tmp_path, CONFIG)


# metrics.jsonl


def test_a_line_is_the_shortest_that_says_it_all():
    values = METRICS | {"a": 1e-5, "half": jnp.bfloat16(0.1), "yes": np.bool_(True), "x": 0.1 + 0.2}
    assert linelog.to_line(7, values) == (
        b'{"step": 7, "a": 1e-05, "count": 3, "disc_loss": 1.5, "gen_loss": 0.1, '
        b'"half": 0.100097656, "x": 0.30000000000000004, "yes": true}\n'
    )


def test_every_float32_comes_back_bit_for_bit():
    chosen = np.random.default_rng(0).integers(0, 2**32, 2000, dtype=np.uint32).view(np.float32)
    for value in chosen[np.isfinite(chosen)]:
        line = json.loads(linelog.to_line(1, {"v": value}))
        assert np.float32(line["v"]).tobytes() == value.tobytes()


def test_what_is_not_finite_is_null_and_named():
    values = {"a": np.float32("nan"), "b": -math.inf, "c": 2.0}
    line = json.loads(linelog.to_line(1, values), parse_constant=pytest.fail)
    assert line == {"step": 1, "a": None, "b": None, "c": 2.0} | {
        "nonfinite": {"a": "nan", "b": "-inf"}
    }


@pytest.mark.parametrize("values", [{"step": 1}, {"nonfinite": 1}, {"a": np.ones(2)}])
def test_what_is_no_metric_is_refused(values):
    with pytest.raises(ValueError, match="metric"):
        linelog.to_line(1, values)


def test_steps_increase(tmp_path):
    with RunDir(tmp_path) as run:
        with pytest.raises(RuntimeError, match="start"):
            run.write(1, {})
        run.start(None)
        run.write(5, METRICS)
        for step in (5, 4):
            with pytest.raises(ValueError, match=f"step {step} comes after step 5"):
                run.write(step, METRICS)


def test_a_line_is_there_as_soon_as_it_is_written(tmp_path):
    with RunDir(tmp_path) as run:
        run.start(None)
        run.write(1, METRICS)
        assert lines(tmp_path)[0]["step"] == 1
        run.sync()


@pytest.mark.parametrize("torn", [b"", b'{"step": 9, "lo', b'{"step": 9}\n\0\0\0', b"\n", b"[3]\n"])
def test_a_resumed_run_has_the_bytes_of_one_that_went_through(tmp_path, torn):
    write_steps(tmp_path / "through", 1, 11)
    write_steps(tmp_path / "killed", 1, 9)
    for name in ("metrics.jsonl", "timing.jsonl"):
        with (tmp_path / "killed" / name).open("ab") as file:
            file.write(torn)
    write_steps(tmp_path / "killed", 7, 11, at=6)
    for name in ("metrics.jsonl", "timing.jsonl"):
        through, killed = ((tmp_path / run / name).read_bytes() for run in ("through", "killed"))
        assert through == killed
    assert [line["step"] for line in lines(tmp_path / "killed")] == list(range(1, 11))


@pytest.mark.parametrize("torn", [b'{"step": 4, "lo', b'{"step": 4', b"4\n", b'{"step": "4"}\n'])
def test_a_line_torn_by_a_power_cut_is_dropped_though_its_step_is_saved(tmp_path, torn):
    write_steps(tmp_path, 1, 4)
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(torn)
    write_steps(tmp_path, 5, 6, at=4)
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3, 5]


@pytest.mark.parametrize(
    "bad", [b"[" * 100_000, b'{"step": 1, "nonfinite": [1]}', b'{"step": 1' + b"1" * 400 + b"}"]
)
def test_a_line_that_was_made_to_harm_is_none(tmp_path, bad):
    write_steps(tmp_path, 0, 3)
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(bad + b"\n")
    assert [x["step"] for x in linelog.read_lines(tmp_path / "metrics.jsonl")] == [0, 1, 2]
    write_steps(tmp_path, 3, 5, at=2)
    assert [line["step"] for line in lines(tmp_path)] == [0, 1, 2, 3, 4]


def test_a_log_knows_its_lines_as_they_are_on_disk(tmp_path):
    write_steps(tmp_path, 0, 5)
    with RunDir(tmp_path, CONFIG) as run:
        until = run.lines_until(3)
        run.start(3)
        assert run.sync() == until == linelog.lines_until(tmp_path / "metrics.jsonl", 3)
        run.write(4, {"loss": 1.0})
        assert run.sync() == run.lines_until(4) != until
        assert run.sync().number == 5


def test_a_start_afresh_drops_everything(tmp_path):
    write_steps(tmp_path, 0, 5)
    write_steps(tmp_path, 0, 2)
    assert [line["step"] for line in lines(tmp_path)] == [0, 1]


def test_a_step_in_the_checkpoint_is_not_dropped(tmp_path):
    write_steps(tmp_path, 1, 4)
    write_steps(tmp_path, 4, 5, at=3)
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3, 4]


# Samples and summary


def test_a_resume_drops_later_samples_and_the_summary(tmp_path):
    with RunDir(tmp_path) as run:
        run.start(None)
        for step in (5, 10, 15):
            run.write_samples(step, picture())
        run.write_summary("preempted", 15, METRICS)
    with RunDir(tmp_path) as run:
        run.start(10)
        assert [path.name for path in run.sample_files()] == [
            "step_00000005.png",
            "step_00000010.png",
        ]
        assert not run.path("summary.json").exists()


FOUND = Finding("collapse", 3, "one mode")


def test_the_summary(tmp_path):
    with RunDir(tmp_path) as run:
        path = run.write_summary("diverged", 4, {"loss": np.float32("nan")}, [FOUND], 1.23456)
        with pytest.raises(ValueError, match="choose from done, diverged"):
            run.write_summary("fine", 4, {})
    assert json.loads(path.read_text()) == {
        "status": "diverged",
        "step": 4,
        "metrics": {"loss": None, "nonfinite": {"loss": "nan"}},
        "labels": ["collapse"],
        "findings": [{"label": "collapse", "step": 3, "evidence": "one mode"}],
        "seconds": 1.235,
    }


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/x", "", ".", "..", "a\0b", "samples/.."]
)
def test_a_name_cannot_leave_the_workdir(tmp_path, name):
    with RunDir(tmp_path / "run") as run, pytest.raises(ValueError, match="is not the name"):
        run.write_bytes(name, b"")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with RunDir(tmp_path) as run:
        run.write_bytes("report.html", b"old")
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(CannotWriteError, match=r"report.html: No space left on device"):
            run.write_bytes("report.html", b"new")
    assert (tmp_path / "report.html").read_bytes() == b"old"
    assert not list(tmp_path.glob("*.tmp")) + list(tmp_path.glob(".*.tmp"))


def test_hosts_that_write_one_file_at_once_do_not_meet(tmp_path, monkeypatch):
    """Another host, then another process, writes the same file while this one does."""
    file, fsync = tmp_path / "rows.json", os.fsync
    names = iter([("b", 1), ("a", os.getppid())])

    def meanwhile(handle):
        fsync(handle)
        if other := next(names, None):
            with monkeypatch.context() as there:
                there.setattr(os, "uname", lambda: SimpleNamespace(nodename=other[0]))
                there.setattr(os, "getpid", lambda: other[1])
                files.write_atomically(file, b"theirs")

    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(nodename="a"))
    monkeypatch.setattr(os, "fsync", meanwhile)
    files.write_atomically(file, b"ours")
    assert file.read_bytes() == b"ours"
    assert os.listdir(tmp_path) == ["rows.json"]


def test_what_a_killed_writer_left_is_cleared_and_nothing_else(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from gan_jax.host import files\n"
        "os.fsync = lambda handle: os.kill(os.getpid(), 9)\n"
        "files.write_atomically(Path(sys.argv[1]), b'torn')"
    )
    file = tmp_path / "rows[1].json"
    subprocess.run([sys.executable, "-c", code, str(file)], check=False)
    (left,) = tmp_path.iterdir()
    alive = tmp_path / re.sub(r"-\d+.tmp", f"-{os.getppid()}.tmp", left.name)
    alive.touch()
    files.write_atomically(file, b"whole")
    assert sorted(tmp_path.iterdir()) == sorted([file, alive])


# Pictures


@pytest.mark.parametrize(
    "shape", [(64, 28, 28, 1), (64, 32, 32, 3), (7, 28, 28, 1), (1, 64, 64, 3)]
)
def test_a_grid_is_comfortable_to_look_at(shape):
    made = images.grid(np.random.default_rng(0).random(shape))
    assert made.dtype == np.uint8
    assert made.shape[2] == shape[3]
    assert 600 <= max(made.shape[:2]) <= 900


def test_every_pixel_of_a_grid_is_where_it_belongs():
    levels = np.random.default_rng(0).integers(0, 256, (3, 300, 400, 1), dtype=np.uint8)
    made = images.grid(levels / 255, columns=2)
    assert made.shape == (603, 803, 1)
    for index, (top, left) in enumerate([(1, 1), (1, 402), (302, 1)]):
        cell = made[top : top + 300, left : left + 400]
        assert np.array_equal(cell, levels[index])
    border = np.concatenate([made[0], made[301], made[:, 401], made[:, 802]])
    assert len(np.unique(border)) == 1


def test_numbers_outside_the_range_are_clipped():
    values = np.array([-1, 0, 0.5, 1, 2, np.nan, np.inf, -np.inf])
    assert images.to_uint8(values).tolist() == [0, 0, 128, 255, 255, 0, 255, 0]


@pytest.mark.parametrize("shape", [(4, 8, 8), (4, 8, 8, 2), (0, 8, 8, 1)])
def test_what_is_no_set_of_images_is_refused(shape):
    with pytest.raises(ValueError, match="a grid needs images"):
        images.grid(np.zeros(shape))


def test_the_animation_has_a_frame_a_sample_and_rests_on_the_last(tmp_path):
    with RunDir(tmp_path) as run:
        assert run.write_progress() is None
        for step in (1000, 20, 300):
            run.write_samples(step, picture(step / 1000))
        path = run.write_progress()
    with Image.open(path) as gif:
        frames = [frame.convert("L") for frame in ImageSequence.Iterator(gif)]
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(gif)]
    centres = [frame.getpixel((frame.width // 4, frame.height // 4)) for frame in frames]
    assert durations == [120, 120, 2000]
    assert np.allclose(centres, [5, 77, 255], atol=9)
    assert len({frame.crop((0, 0, 80, 20)).tobytes() for frame in frames}) == 3  # labels


def test_a_long_animation_stays_small(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "GIF_BYTES", 100_000)
    noise = np.random.default_rng(0).random((100, 64, 64, 3))
    paths = [tmp_path / f"step_{i}.png" for i in range(100)]
    for path, image in zip(paths, noise, strict=True):
        path.write_bytes(images.png_bytes(images.to_uint8(image)))
    data = images.gif_bytes(paths, [str(i) for i in range(100)])
    assert len(data) <= 100_000
    assert images.spread(100, 60)[0] == 0
    assert images.spread(100, 60)[-1] == 99
    assert len(images.spread(100, 60)) == 60
    assert images.spread(3, 60) == [0, 1, 2]


# TensorBoard and curves


def read_events(workdir):
    from tensorboardX.proto.event_pb2 import Event

    for path in sorted(workdir.glob("events.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            size = int.from_bytes(data[at : at + 8], "little")
            yield Event.FromString(data[at + 12 : at + 12 + size])
            at += size + 16


def test_the_events_hold_scalars_and_samples_and_a_resume_purges(tmp_path):
    with RunDir(tmp_path) as run:
        run.start(None)
        run.write(1, METRICS | {"note": "not a number", "bad": math.nan})
        run.write_samples(1, picture())
    write_steps(tmp_path, 2, 3, at=1)
    assert len(list(tmp_path.glob("events.*"))) == 2
    events = list(read_events(tmp_path))
    scalars = {v.tag: v.simple_value for e in events for v in e.summary.value if e.step == 1}
    assert scalars["gen_loss"] == pytest.approx(0.1)
    assert math.isnan(scalars["bad"])
    assert "note" not in scalars
    shown = [v.image for e in events for v in e.summary.value if v.tag == "samples"]
    assert [(i.height, i.width) for i in shown] == [picture().shape[:2]]
    assert [e.step for e in events if e.session_log.status == 1] == [0, 2]


def test_the_events_hold_the_config_as_hparams_and_as_text(tmp_path):
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    write_steps(tmp_path, 1, 2)
    said = {v.tag: v for e in read_events(tmp_path) for v in e.summary.value}
    content = said["_hparams_/session_start_info"].metadata.plugin_data.content
    found = HParamsPluginData.FromString(content).session_start_info.hparams
    assert {k: v.number_value or v.string_value for k, v in found.items()} == {
        **{"gen.lr": 0.0002, "gen.betas": "(0.5, 0.999)", "steps": 10.0},
        **{"name": "ring", "ema": "None"},
    }
    text = said["config/text_summary"].tensor.string_val[0].decode()
    assert json.loads(text) == read_config(tmp_path)


def test_broken_events_do_not_stop_a_run(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "tensorboardX.event_file_writer", None)
    write_steps(tmp_path, 1, 4)
    assert len(lines(tmp_path)) == 3
    assert [record.message for record in caplog.records if "events stop here" in record.message]


def write_curves(workdir, rows=300):
    names = ("disc_loss", "gen_loss", "d_real", "d_fake", "acc_real", "acc_fake", "eval/parzen")
    with RunDir(workdir) as run:
        run.start(None)
        for step in range(rows):
            run.write(step, dict.fromkeys(names, math.nan if step % 7 == 0 else step / rows))
    return workdir / "metrics.jsonl"


def test_the_curves_are_drawn(tmp_path):
    out = plots.plot_curves(write_curves(tmp_path), tmp_path / "curves.png")
    with Image.open(out) as drawn:
        assert drawn.width > drawn.height > 300
        assert len(np.unique(np.asarray(drawn))) > 10
    steps, values = plots.read_columns(tmp_path / "metrics.jsonl")["gen_loss"]
    assert (len(steps), math.isnan(values[7]), values[6]) == (300, True, 0.02)


@pytest.mark.parametrize("count", [2, 10])
def test_a_legend_covers_no_curve_and_no_title(count):
    pytest.importorskip("matplotlib")
    steps = np.arange(5)
    names = [f"eval/count_{i}" for i in range(count)]
    panel = plots.Panel("samples of each class", {name: name[-1] for name in names})
    figure = plots._draw(dict.fromkeys(names, (steps, steps)), [panel] * 3)
    figure.canvas.draw()
    for ax in figure.axes:
        (title,) = ax.findobj(lambda each: getattr(each, "get_text", str)() == panel.title)
        legend = ax.get_legend().get_window_extent()
        for other in (ax, title):
            assert not legend.overlaps(other.get_window_extent().padded(-1))
        assert len(ax.get_legend().get_texts()) == count


def test_curves_that_do_not_fit_leave_nothing(tmp_path):
    pytest.importorskip("matplotlib")
    write_steps(tmp_path, 0, 3)
    (tmp_path / "victim").write_text("precious")
    (tmp_path / ".curves.png.tmp").symlink_to(tmp_path / "victim")  # where it once was written
    before = sorted(path.name for path in tmp_path.iterdir())
    (tmp_path / "metrics.jsonl").write_bytes(linelog.to_line(1, METRICS))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
        with pytest.raises(CannotWriteError, match=r"cannot write .*curves.png"):
            plots.plot_curves(tmp_path / "metrics.jsonl", tmp_path / "curves.png")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert (tmp_path / "victim").read_text() == "precious"


def test_the_curves_are_of_losses_and_evaluations():
    names = ("eval/accuracy_real", "eval/confidence", "eval/confidence_real", "test/confidence")
    found = {panel.title: set(panel.lines) for panel in plots.drawn([*names, "penalty", "d_real"])}
    assert found == {
        "mean D": {"d_real"},
        "eval/confidence": {"eval/confidence", "eval/confidence_real"},
    }


def test_without_matplotlib_or_numbers_there_are_no_curves(tmp_path, monkeypatch, caplog):
    (tmp_path / "metrics.jsonl").write_text("")
    assert plots.plot_curves(tmp_path / "metrics.jsonl", tmp_path / "out.png") is None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with caplog.at_level(logging.WARNING):
        assert plots.plot_curves(write_curves(tmp_path), tmp_path / "out.png") is None
    assert "pip install 'gan-jax[demo]'" in caplog.text
    assert not (tmp_path / "out.png").exists()


def test_the_running_mean():
    values = np.array([0.0, 3.0, np.nan, 9.0, 9.0])
    assert plots.smooth(values, 3).tolist() == [1.5, 1.5, 6.0, 9.0, 9.0]
    assert np.isnan(plots.smooth(np.full(3, np.nan), 1)).all()
