"""The one reader of JSON, and no writing through links."""

import json
import os

import pytest

from gan_jax.host import files
from gan_jax.host.errors import CannotWriteError, DataCorruptError
from gan_jax.host.files import make_folder, open_file, parse_json, read_if_whole, read_json

DAMAGED = {
    "empty": b"",
    "torn": b'{"step": 1',
    "two": b"{}{}",
    "no text": b"\xff\xfe\x00{",
    "deep list": b"[" * 100_000,
    "deep object": b'{"a":' * 200 + b"1" + b"}" * 200,
    "long integer": b'{"step": ' + b"1" * 5000 + b"}",
    "integer beyond a float": b'{"step": ' + b"1" * 400 + b"}",
    "float beyond a float": b'{"step": 1e999}',
    "NaN": b'{"step": NaN}',
    "null": b"null",
    "a list": b"[]",
    "another key": b'{"steps": 1}',
    "another type": b'{"step": "1"}',
    "a bool": b'{"step": true}',
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_one_line(tmp_path, content, caplog):
    file = tmp_path / "it.json"
    file.write_bytes(content)
    with pytest.raises(DataCorruptError) as caught:
        read_json(file, {"step": int}, "remove it")
    said = str(caught.value)
    assert said.startswith(f"{file} cannot be read (")
    assert said.endswith("): remove it")
    assert "\n" not in said
    assert read_if_whole(file, {"step": int}) is None
    assert len(caplog.messages) == 1


def test_what_is_whole_is_read(tmp_path):
    value = {"rows": [{"id": "a", "x": [1, -2.5e-3, None, True]}], "seed": 2**63}
    file = tmp_path / "it.json"
    file.write_text(json.dumps(value))
    assert read_json(file, {"rows": [{"id": str}], "seed": int}) == value
    with pytest.raises(DataCorruptError, match="an entry of rows lacks 'name'"):
        read_json(file, {"rows": [{"name": str}]})
    assert parse_json("1.5") == 1.5
    assert read_if_whole(tmp_path / "missing.json") is None


def test_nothing_is_written_through_a_link(tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "file").symlink_to(tmp_path / "victim")
    (tmp_path / "folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "dangling").symlink_to(tmp_path / "new")
    for make in (lambda p: open_file(p, os.O_RDWR), make_folder):
        for name in ("file", "folder", "dangling"):
            with pytest.raises(CannotWriteError, match=f"{name} is a link"):
                make(tmp_path / name)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        open_file(tmp_path / "pipe", os.O_RDWR)
    assert (tmp_path / "victim").read_text() == "precious"
    assert not (tmp_path / "new").exists()


def test_a_temporary_file_is_never_a_link(tmp_path, monkeypatch):
    """Somebody who guesses its name could have put a link there."""
    (tmp_path / "victim").write_text("precious")
    opened = []
    honest = type(tmp_path).open

    def link_first(path, mode="r", **how):
        opened.append(path)
        return honest(path, mode, **how)

    monkeypatch.setattr(type(tmp_path), "open", link_first)
    files.write_atomically(tmp_path / "a.json", b"1")
    opened[0].symlink_to(tmp_path / "victim")
    files.write_atomically(tmp_path / "a.json", b"2")
    assert opened[0] == opened[1]
    assert (tmp_path / "victim").read_text() == "precious"
    assert (tmp_path / "a.json").read_bytes() == b"2"
