"""Every word of `list` names what a config may say, each with a line about it."""

import pytest

from gan_jax.cli import listing, main
from gan_jax.dynamics import DYNAMICS
from gan_jax.objectives import OBJECTIVES


@pytest.mark.parametrize("word", main.LISTS)
def test_every_word_lists_names_that_say_what_they_are(word, monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)  # where experiments/ is
    rows = listing.entries(word)
    assert rows
    assert all(says and "\n" not in says for says in rows.values()), rows


def test_the_words_are_those_of_the_command_line():
    assert {*listing.TABLES, *listing.FOLDERS, "experiments"} == set(main.LISTS)


def test_a_table_is_listed_whole():
    assert set(listing.entries("objectives")) == {*OBJECTIVES, "began", "ebgan"}
    assert set(listing.entries("dynamics")) == set(DYNAMICS)


def test_experiments_are_read_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "one.py").write_text('"""What it is.\n\nMore."""\n1 / 0\n')
    (tmp_path / "experiments" / "two.py").write_text("half a file (")
    assert listing.entries("experiments") == {
        "experiments/one.py": "What it is.",
        "experiments/two.py": "",
    }


def test_elsewhere_there_are_none(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.main(["list", "experiments"]) == 0
    assert "no experiments here" in capsys.readouterr().err
