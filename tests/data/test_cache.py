"""The cache of decoded images: never stale, never torn, never trusted when damaged."""

import os

import numpy as np
import pytest

from gan_jax.data import base
from gan_jax.data.support import cache
from gan_jax.host.errors import CannotWriteError, DataCorruptError


def entry_in(*folders, source=("s", 1), n=6, labelled=True):
    return cache.Entry("toy/train", folders, source, (n, 2, 2, 1), labelled)


def blocks_of(value, n=6, labelled=True, calls=None):
    def blocks():
        if calls is not None:
            calls.append(value)
        for size in (n - 2, 2):
            x = np.full((size, 2, 2, 1), value, np.uint8)
            yield base.Arrays(x, np.arange(size) if labelled else None)

    return blocks


def test_cache_decodes_once_and_maps(tmp_path):
    calls = []
    for _ in range(2):
        x, label, *_ = cache.cached(entry_in(tmp_path), blocks_of(7, calls=calls))
        assert (x == 7).all()
        assert label.tolist() == [0, 1, 2, 3, 0, 1]
        assert not x.flags.writeable  # mapped, not read
    assert calls == [7]
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".npy", ".npy"]


def test_changed_source_is_decoded_again_and_the_old_removed(tmp_path):
    cache.cached(entry_in(tmp_path), blocks_of(1))
    assert (cache.cached(entry_in(tmp_path, source=("s", 2)), blocks_of(2)).x == 2).all()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "damage",
    ["truncate", "append", "bit", "shape", "dtype", "order", "empty", "text", "header", "pipe"],
)
def test_damaged_cache_is_rebuilt(tmp_path, damage):
    cache.cached(entry_in(tmp_path), blocks_of(1))
    (path,) = tmp_path.glob("*-x.npy")
    whole = path.read_bytes()
    arrays = {
        "shape": np.zeros((5, 2, 2, 1), np.uint8),
        "dtype": np.zeros((6, 2, 2, 1), np.int8),
        "order": np.asfortranarray(np.zeros((6, 2, 2, 1), np.uint8)),
    }
    if damage in arrays:
        np.save(path, arrays[damage])
    elif damage == "pipe":
        path.unlink()
        os.mkfifo(path)
    else:
        contents = {
            "truncate": whole[:-1],
            "append": whole + b"0",
            "bit": whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
            "empty": b"",
            "text": b"no npy",
            "header": whole[:10] + b"[" * 118 + whole[128:],
        }
        path.write_bytes(contents[damage])
    calls = []
    assert (cache.cached(entry_in(tmp_path), blocks_of(3, calls=calls)).x == 3).all()
    assert calls == [3]


def test_a_cache_of_wrong_pixels_is_not_used(tmp_path, monkeypatch):
    """What an earlier version kept of 16-bit images was white: its format is another."""
    monkeypatch.setattr(cache, "_FORMAT", 1)
    cache.cached(entry_in(tmp_path), blocks_of(255))
    monkeypatch.undo()
    assert (cache.cached(entry_in(tmp_path), blocks_of(4)).x == 4).all()


def test_nothing_is_kept_or_removed_through_a_link(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    before = theirs / f"train-{'0' * 16}-x.npy"
    before.write_text("not ours")
    (tmp_path / "gan_jax_cache").symlink_to(theirs)
    cache.cached(entry_in(tmp_path / "gan_jax_cache", tmp_path / "user"), blocks_of(5))
    assert list(theirs.iterdir()) == [before]
    assert len(list((tmp_path / "user").iterdir())) == 2


def test_what_no_memory_holds_is_refused_where_it_cannot_be_kept():
    huge = entry_in(labelled=False)._replace(shape=(2**62, 2, 2, 1))
    with pytest.raises(CannotWriteError, match="takes 17592186044416 MB decoded, more than the me"):
        cache.cached(huge, blocks_of(1, labelled=False))


def test_pickled_cache_is_not_loaded(tmp_path):
    cache.cached(entry_in(tmp_path), blocks_of(1))
    (path,) = tmp_path.glob("*-x.npy")
    np.save(path, np.array([{}], object), allow_pickle=True)
    assert (cache.cached(entry_in(tmp_path), blocks_of(4)).x == 4).all()


def test_missing_label_file_is_rebuilt(tmp_path):
    cache.cached(entry_in(tmp_path), blocks_of(1))
    next(tmp_path.glob("*-label.npy")).unlink()
    assert cache.cached(entry_in(tmp_path), blocks_of(2)).label is not None


def test_second_folder_when_the_first_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)  # the write bits count for root too
    folders = (tmp_path / "file" / "cache", locked / "cache", tmp_path / "user")
    x, label, *_ = cache.cached(entry_in(*folders, labelled=False), blocks_of(5, labelled=False))
    assert label is None
    assert (x == 5).all()
    assert not list(locked.iterdir())
    assert len(list((tmp_path / "user").iterdir())) == 1


def test_full_disk_falls_back_to_memory(tmp_path, monkeypatch, capsys):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert (cache.cached(entry_in(tmp_path), blocks_of(5)).x == 5).all()
    assert "No space left on device" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())  # nothing half-written stays


@pytest.mark.parametrize("n", [5, 7])
def test_wrong_number_of_examples_is_corrupt_and_not_kept(tmp_path, n):
    with pytest.raises(DataCorruptError, match=f"has {n} examples, expected 6"):
        cache.cached(entry_in(tmp_path), blocks_of(1, n=n))
    assert not list(tmp_path.iterdir())


def test_wrong_shape_is_corrupt(tmp_path):
    with pytest.raises(DataCorruptError, match="expected uint8"):
        cache.cached(entry_in(tmp_path)._replace(shape=(6, 3, 3, 1)), blocks_of(1))


def test_slow_decode_says_so_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cache, "_PATIENCE_SECONDS", -1)
    cache.cached(entry_in(tmp_path), blocks_of(1))
    assert capsys.readouterr().err == f"decoding toy/train: 6 images, kept in {tmp_path}\n"


def test_user_folder_follows_the_standard(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.user_folders("a") == (tmp_path / ".cache" / "gan_jax" / "a",)
