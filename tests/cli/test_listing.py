"""Every word of `list` names what a config may say, each with a line about it."""

import pytest
import tiny

from gan_jax.cli import flags, listing
from gan_jax.dynamics import DYNAMICS
from gan_jax.objectives import OBJECTIVES


@pytest.mark.parametrize("word", flags.LISTS)
def test_every_word_lists_names_that_say_what_they_are(word):
    rows = listing.entries(word)
    assert rows
    assert all(says and "\n" not in says for says in rows.values()), rows


def test_the_words_are_those_of_the_command_line():
    assert {*listing.TABLES, *listing.FOLDERS, "experiments"} == set(flags.LISTS)


def test_a_table_is_listed_whole():
    assert set(listing.entries("objectives")) == {
        *OBJECTIVES,
        "began",
        "ebgan",
        "gan_qp",
        "feature_matching",
    }
    assert set(listing.entries("dynamics")) == set(DYNAMICS)


def test_experiments_are_listed_from_anywhere_by_bare_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert list(listing.entries("experiments")) == [path.stem for path in tiny.EXPERIMENTS]


def test_experiments_are_read_and_not_run(tmp_path, monkeypatch):
    texts = {"one": '"""What it is.\n\nMore."""\n1 / 0\n', "two": "half a file ("}
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
    files = {name: tmp_path / f"{name}.py" for name in texts}
    monkeypatch.setattr(listing, "experiments", lambda: files)
    assert listing.entries("experiments") == {"one": "What it is.", "two": ""}
