"""Checkpoints: bit-exact, never silently wrong, and there after a kill."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gan_jax.host.errors import CannotWriteError, ConfigError, NoCheckpointError
from gan_jax.sweeps.cohort import init_rows, make_members
from gan_jax.training import manifest
from gan_jax.training.checkpoint import Checkpoints
from gan_jax.training.linelog import Lines
from gan_jax.types import Player, State

KEY = 3


def make_state(number, size=7):
    """A small state with every kind of leaf that a run may hold."""
    weights = jnp.linspace(-1, 1, size) * number
    gen = Player(params={"Dense_0": {"kernel": weights}}, vars={}, opt=(jnp.int32(number), None))
    disc = Player(
        params={"bf16": jnp.full((2, 3), number, jnp.bfloat16), "flag": jnp.array([True, False])},
        vars={"empty": jnp.zeros((0, 4)), "half": jnp.full(3, number, jnp.float16)},
        opt=(jnp.uint32(number), jnp.array([jnp.nan, -0.0, jnp.inf])),
    )
    keys = {"key": jax.random.split(jax.random.key(number), 3)}
    players = {"gen": gen, "disc": disc}
    return State(jnp.int32(number), jax.random.key(KEY), players, averages={}, memory=keys)


LIKE = jax.eval_shape(make_state, jnp.int32(0))


def bits(tree):
    """dtype, shape and bytes of every leaf."""

    def leaf_bits(leaf):
        kind = str(leaf.dtype)
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        data = np.asarray(jax.random.key_data(leaf) if is_key else leaf)
        return kind, leaf.shape, data.tobytes()

    return jax.tree.map(leaf_bits, tree)


def save_all(folder, steps, **options):
    with Checkpoints(folder, **options) as checkpoints:
        for step in steps:
            checkpoints.save(step, make_state(step))


@pytest.fixture(scope="module")
def two_steps(tmp_path_factory):
    """A folder with the good steps 1 and 2; copy it before damaging it."""
    folder = tmp_path_factory.mktemp("good") / "checkpoints"
    save_all(folder, [1, 2])
    return folder


@pytest.fixture
def folder(two_steps, tmp_path):
    return shutil.copytree(two_steps, tmp_path / "checkpoints")


def restore(folder, like=LIKE, read_only=False, **options):
    said = []
    with Checkpoints(folder, read_only=read_only, warn=said.append) as checkpoints:
        return checkpoints.restore(like, **options), said


def data_files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_round_trip_keeps_every_bit(two_steps):
    (step, state), said = restore(two_steps)
    assert (step, said) == (2, [])
    assert bits(state) == bits(make_state(2))
    assert jax.tree.structure(state) == jax.tree.structure(make_state(2))
    assert jax.random.key_impl(state.key) == jax.random.key_impl(jax.random.key(KEY))
    jax.random.normal(state.key)  # a key that works


def test_an_older_step_can_be_asked_for(two_steps):
    (step, state), _ = restore(two_steps, step=1)
    assert (step, bits(state)) == (1, bits(make_state(1)))
    with pytest.raises(
        NoCheckpointError, match=r"checkpoint 7 in .* is not there: choose from 1, 2"
    ):
        restore(two_steps, step=7)


def test_no_step_at_all_is_none(tmp_path):
    assert restore(tmp_path / "new")[0] is None
    assert restore(tmp_path / "missing", read_only=True)[0] is None
    assert not (tmp_path / "missing").exists()


def test_the_caller_may_donate_right_after_save(tmp_path):
    overwrite = jax.jit(lambda x: x * 0 - 5, donate_argnums=0)
    host = np.arange(5, dtype=np.float32)
    device = jnp.arange(300_000.0)
    expected = bits({"device": device, "host": host})
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, {"device": device, "host": host})
        host[:] = -5
        jax.block_until_ready(overwrite(device))
        like = {"device": jax.ShapeDtypeStruct((300_000,), "float32")}
        like["host"] = jax.ShapeDtypeStruct((5,), "float32")
        _, restored = checkpoints.restore(like)
    assert bits(restored) == expected


def test_a_restored_state_may_be_donated(two_steps):
    (_, state), _ = restore(two_steps, read_only=True)
    add = jax.jit(lambda player: jax.tree.map(lambda x: x + 1, player), donate_argnums=0)
    moved = add(state.players["gen"])
    assert jnp.array_equal(moved.opt[0], jnp.int32(3))
    assert bits(restore(two_steps, read_only=True)[0][1]) == bits(make_state(2))


def test_only_the_latest_are_kept(tmp_path):
    with Checkpoints(tmp_path, keep=3) as checkpoints:
        for step in (1, 5, 20, 100):
            checkpoints.save(step, {"w": jnp.float32(step)})
        checkpoints.wait()
        assert checkpoints.steps() == [5, 20, 100]


def test_saving_a_good_step_again_changes_nothing(folder):
    before = {path: path.stat().st_mtime_ns for path in data_files(folder)}
    with Checkpoints(folder) as checkpoints:
        checkpoints.save(2, make_state(9))  # not read back yet: verified here
        checkpoints.save(2, make_state(9))
    assert {path: path.stat().st_mtime_ns for path in data_files(folder)} == before


def test_saving_over_a_damaged_step_writes_it_again(folder):
    (folder / "2" / "manifest" / "metadata").unlink()
    said = []
    with Checkpoints(folder, warn=said.append) as checkpoints:
        checkpoints.save(2, make_state(2))
    assert len(said) == 1
    assert bits(restore(folder)[0][1]) == bits(make_state(2))


def test_a_flipped_bit_never_goes_unseen(folder):
    chance = random.Random(0)
    files = data_files(folder / "2")
    for trial in range(2 * len(files)):
        path = files[trial % len(files)]
        good = path.read_bytes()
        bad = bytearray(good)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        path.write_bytes(bad)
        (step, state), said = restore(folder, read_only=True)
        path.write_bytes(good)
        assert (step, len(said)) == (1, 1), f"{path.relative_to(folder)} was trusted"
    assert bits(state) == bits(make_state(1))


ODD_NAMES = ["hidden=[128,128]", "back\\slash", "[", "a*b?", "**", "gs:", "x~", "~", "new\nline"]


@pytest.mark.parametrize("name", [*ODD_NAMES, "a:b c", "naïve 🎲", os.fsdecode(b"no\xfftext")])
def test_any_path_is_read_back(tmp_path, name):
    folder = tmp_path / name / "checkpoints"
    save_all(folder, [1, 2])
    (step, state), said = restore(folder)
    assert (step, said, bits(state)) == (2, [], bits(make_state(2)))
    assert sorted(path.name for path in folder.iterdir()) == ["1", "2"]


@pytest.mark.parametrize("name", ["hidden=[1]", "back\\slash", "a*b", "what?", "gs:"])
def test_where_a_path_would_be_misread_it_is_refused_at_once(tmp_path, name, monkeypatch):
    """On systems that have no names for open folders."""
    monkeypatch.setattr("gan_jax.training.orbax_files._HANDLES", tmp_path / "missing")
    with pytest.raises(ConfigError, match="choose another --workdir"):
        Checkpoints(tmp_path / name / "checkpoints")
    save_all(tmp_path / "a b:c", [1])
    assert restore(tmp_path / "a b:c")[0][0] == 1


def test_what_cannot_be_read_back_replaces_nothing(folder, monkeypatch):
    honest = manifest.read_item

    def one_bit_off(path, **item):
        read = honest(path, **item)
        if "state" in item:
            read["players/gen/params/Dense_0/kernel"].view(np.uint8)[5] ^= 1
        return read

    with Checkpoints(folder, keep=1) as checkpoints:
        with monkeypatch.context() as patch:
            patch.setattr("gan_jax.training.manifest.read_item", one_bit_off)
            checkpoints.save(3, make_state(3))
            with pytest.raises(CannotWriteError, match=r"checkpoint 3 .* does not match its check"):
                checkpoints.wait()
        assert sorted(path.name for path in folder.iterdir()) == ["1", "2"]
        checkpoints.save(3, make_state(3))
    assert sorted(path.name for path in folder.iterdir()) == ["3"]


def test_a_step_under_another_number_is_passed_over_and_stays(folder):
    shutil.copytree(folder / "1", folder / "7")
    (step, state), said = restore(folder)
    assert (step, bits(state)) == (2, bits(make_state(2)))
    assert [line.partition(": ")[2] for line in said] == ["it holds the state of step 1"]
    with pytest.raises(NoCheckpointError, match=r"checkpoint 7 .* it holds the state of step 1"):
        restore(folder, step=7)
    with Checkpoints(folder, warn=said.append) as checkpoints:
        checkpoints.save(7, make_state(7))
    assert said[1:] == [f"checkpoint 7 in {folder} is written again: it holds the state of step 1"]
    assert bits(restore(folder)[0][1]) == bits(make_state(7))


def test_swapped_steps_are_both_known(folder):
    for old, new in (("1", "x"), ("2", "1"), ("x", "2")):
        (folder / old).rename(folder / new)
    with pytest.raises(NoCheckpointError, match="of 2; 2: it holds the state of step 1"):
        restore(folder)


def own(folder, *configs, step=5):
    """Saves the state that these configs begin with, as if it were of that step."""
    with jax.debug_key_reuse(False):  # a false alarm under lax.map
        states = init_rows(make_members(configs))[0]
    states = states.replace(step=jnp.full(len(configs), step, jnp.int32))
    with Checkpoints(folder, of=configs) as checkpoints:
        checkpoints.save(step, states)
    return jax.eval_shape(lambda: states)


def restored_for(folder, like, *configs):
    with Checkpoints(folder, of=configs, warn=lambda line: None) as checkpoints:
        return checkpoints.restore(like)[0]


def test_a_checkpoint_is_of_its_config(tmp_path):
    config = tiny.config(seed=1)
    like = own(tmp_path, config)
    for same in ({}, {"steps": 80}, {"devices": 2}, {"data__dir": "/elsewhere"}):
        assert restored_for(tmp_path, like, tiny.config(seed=1, **same)) == 5
    for other in ({"gen__lr": 0.5}, {"batch_size": 9}, {"objective": "hinge"}):
        with pytest.raises(NoCheckpointError, match="it was saved for another config"):
            restored_for(tmp_path, like, tiny.config(seed=1, **other))
    with pytest.raises(NoCheckpointError, match="its key is not that of this config's seed"):
        restored_for(tmp_path, like, tiny.config(seed=2))
    newer = tiny.config(seed=1)
    with newer.unlocked():
        newer.gen.a_leaf_that_came_later = 3
    assert restored_for(tmp_path, like, newer) == 5


def test_the_steps_are_part_of_a_config_whose_rate_follows_them(tmp_path):
    like = own(tmp_path, tiny.config(gen__schedule="linear"))
    with pytest.raises(NoCheckpointError, match="another config"):
        restored_for(tmp_path, like, tiny.config(gen__schedule="linear", steps=80))


def test_a_cohorts_checkpoint_is_of_all_its_rows_in_their_order(tmp_path):
    first, second = tiny.config(gen__lr=0.1), tiny.config(gen__lr=0.2)
    like = own(tmp_path, first, second)
    assert restored_for(tmp_path, like, first, second) == 5
    for others in ((second, first), (first, tiny.config(gen__lr=0.3))):
        with pytest.raises(NoCheckpointError, match="another config"):
            restored_for(tmp_path, like, *others)


def test_a_checkpoint_of_another_format_is_refused(tmp_path):
    like = own(tmp_path, tiny.config())
    (step,) = tmp_path.iterdir()
    file = step / "manifest" / "metadata"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"version": 1}))
    (step / manifest.SEAL).unlink()
    manifest.seal(step)
    with pytest.raises(NoCheckpointError, match="of format 1, and this version reads format 2"):
        restored_for(tmp_path, like, tiny.config())


def test_lost_lines_are_missed_and_every_step_stays(folder):
    before, after = Lines(1, "a"), Lines(2, "b")
    said = []
    with Checkpoints(folder, keep=3, warn=said.append) as checkpoints:
        checkpoints.save(3, make_state(3), [before])
        checkpoints.save(4, make_state(4), [after])
        lines = {3: [before], 4: [after]}
        assert checkpoints.restore(LIKE, lines=lines.get)[0] == 4
        assert checkpoints.restore(LIKE, lines=lambda step: [before])[0] == 3
        assert checkpoints.restore(LIKE, lines={3: [None], 4: [Lines(2, "c")]}.get)[0] == 3
        assert checkpoints.steps() == [2, 3, 4]
        shutil.rmtree(folder / "2")  # which says nothing of lines
        assert checkpoints.restore(LIKE, lines=lambda step: [Lines(0, "")]) is None
        assert checkpoints.steps() == [3, 4]
        checkpoints.save(1, make_state(1), [Lines(0, "")])
        assert checkpoints.restore(LIKE, lines=lambda step: [Lines(0, "")])[0] == 1
    start = f"lines were lost since checkpoint 4 in {folder}: metrics.jsonl holds "
    assert said == [
        f"{start}1 of 2 lines; training goes on from step 3 again and writes them anew",
        f"{start}other lines than it did; training goes on from step 3 again and writes them anew",
        f"{start}0 of 2 lines; training goes from the beginning again and writes them anew",
        f"{start}0 of 2 lines; training goes on from step 1 again and writes them anew",
    ]


def test_nothing_is_written_or_removed_through_links(folder, tmp_path):
    (tmp_path / "other").symlink_to(folder)
    with pytest.raises(CannotWriteError, match="other is a link"):
        Checkpoints(tmp_path / "other")
    for name in ("1", "9.saving"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "precious").write_text("")
    shutil.rmtree(folder / "1")
    (folder / "1").symlink_to(tmp_path / "1")
    (folder / "9.saving").symlink_to(tmp_path / "9.saving")
    save_all(folder, [3, 4])
    assert sorted(path.name for path in folder.iterdir()) == ["3", "4"]
    assert (tmp_path / "1" / "precious").exists()
    assert (tmp_path / "9.saving" / "precious").exists()


def test_values_are_checked_against_the_manifest(folder, monkeypatch):
    """What Orbax returns is not trusted even if every file is as it was."""
    honest = manifest.read_item

    def one_bit_off(path, **item):
        read = honest(path, **item)
        if "state" in item and path.name == "2":
            read["players/gen/params/Dense_0/kernel"].view(np.uint8)[5] ^= 1
        return read

    monkeypatch.setattr("gan_jax.training.manifest.read_item", one_bit_off)
    (step, _), said = restore(folder, read_only=True)
    assert step == 1
    assert "players/gen/params/Dense_0/kernel does not match its checksum" in said[0]


def _truncate(step):
    largest = max(data_files(step), key=lambda path: path.stat().st_size)
    os.truncate(largest, largest.stat().st_size // 2)


def _lose_a_file(step):
    (step / "state" / "manifest.ocdbt").unlink()


def _lose_the_seal(step):
    (step / "files.sha256").unlink()


def _empty(step):
    shutil.rmtree(step)
    step.mkdir()


def _empty_seal(step):
    (step / "files.sha256").write_bytes(b"")


DAMAGES = [_truncate, _lose_a_file, _lose_the_seal, _empty, _empty_seal]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_falls_back_and_the_step_can_be_saved_again(folder, damage, capfd):
    damage(folder / "2")
    said = []
    with Checkpoints(folder, warn=said.append) as checkpoints:
        step, state = checkpoints.restore(LIKE)
        assert (step, bits(state)) == (1, bits(make_state(1)))
        assert checkpoints.steps() == [1]
        checkpoints.save(2, make_state(2))
        step, state = checkpoints.restore(LIKE)
        assert (step, bits(state)) == (2, bits(make_state(2)))
    assert len(said) == 1
    assert said[0].startswith(f"checkpoint 2 in {folder} is passed over: ")
    assert "\n" not in said[0]
    assert capfd.readouterr().err == ""


def test_reading_only_touches_nothing(folder):
    _truncate(folder / "2")
    leftover = folder / "3.saving"  # a writer at work
    leftover.mkdir()
    (step, _), _ = restore(folder, read_only=True)
    assert step == 1
    assert leftover.exists()
    assert (folder / "2").exists()
    with (
        Checkpoints(folder, read_only=True) as checkpoints,
        pytest.raises(ValueError, match="read"),
    ):
        checkpoints.save(4, make_state(4))


def test_nothing_readable_is_an_error_that_names_the_reason(folder):
    for step in (1, 2):
        _truncate(folder / str(step))
    with pytest.raises(NoCheckpointError, match=r"no checkpoint in .* of 2; 2: ") as caught:
        restore(folder)
    assert "\n" not in str(caught.value)
    assert (folder / "2").exists()  # for whoever wants to rescue it


def _dtype(like):
    return like.replace(step=jax.ShapeDtypeStruct((), jnp.float32)), "step is int32"


def _shape(like):
    wider = {"Dense_0": {"kernel": jax.ShapeDtypeStruct((8,), jnp.float32)}}
    return like.with_player("gen", params=wider), "players/gen/params/Dense_0/kernel is float32"


def _more(like):
    return like.replace(
        averages={"gen": jax.ShapeDtypeStruct((), jnp.float32)}
    ), "it lacks averages/gen"


def _fewer(like):
    return like.replace(memory={}), "it holds memory/key"


def _raw_key(like):
    return like.replace(key=jax.ShapeDtypeStruct((2,), jnp.uint32)), "key is key<fry>"


@pytest.mark.parametrize("change", [_dtype, _shape, _more, _fewer, _raw_key])
def test_another_state_is_refused_and_the_leaf_is_named(two_steps, change):
    like, expected = change(LIKE)
    with pytest.raises(NoCheckpointError, match=expected):
        restore(two_steps, like)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWriteError, match=r"cannot write checkpoints to .*file"):
        Checkpoints(tmp_path / "file" / "checkpoints")


def test_a_full_disk_is_reported_and_leaves_nothing_behind(folder, capfd):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Checkpoints(folder) as checkpoints:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
            checkpoints.save(3, make_state(3, size=100_000))
            with pytest.raises(CannotWriteError, match="cannot write checkpoint 3 in") as caught:
                checkpoints.wait()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert "\n" not in str(caught.value)
        assert capfd.readouterr().err == ""
        assert checkpoints.steps() == [1, 2]
        assert sorted(path.name for path in folder.iterdir()) == ["1", "2"]
        checkpoints.save(3, make_state(3))  # room was made
        assert checkpoints.restore(LIKE)[0] == 3


SAVE_UNTIL_KILLED = """
import sys
import jax.numpy as jnp
from gan_jax.training.checkpoint import Checkpoints

with Checkpoints(sys.argv[1]) as checkpoints:
    for step in range(1, 1000):
        checkpoints.save(step, {"w": jnp.full(1_000_000, step, jnp.float32)})
"""


def test_a_kill_during_a_save_costs_at_most_that_save(tmp_path):
    folder = tmp_path / "checkpoints"
    command = [sys.executable, "-c", SAVE_UNTIL_KILLED, str(folder)]
    process = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 60
        while not ((folder / "2").exists() and list(folder.glob("*.saving*"))):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.001)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    newest = max(int(path.name) for path in folder.iterdir() if path.name.isdigit())
    (step, state), said = restore(folder, {"w": jax.ShapeDtypeStruct((1_000_000,), "float32")})
    assert (step, said) == (newest, [])
    assert jnp.all(state["w"] == step)
    with Checkpoints(folder) as checkpoints:
        checkpoints.save(step + 1, state)
    assert [path.name for path in folder.iterdir() if not path.name.isdigit()] == []
