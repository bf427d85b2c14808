"""The table translation: settings as the experiments have them, and its rows beside baselines."""

import numpy as np
import pytest
import tiny

from gan_jax import reproduce
from gan_jax.config import flatten
from gan_jax.evaluate.pictures import grid
from gan_jax.reproduce import translation
from gan_jax.reproduce.methods import HOW_OFTEN
from gan_jax.reproduce.work import Size, Work

OF_EXPERIMENT = {
    ("emoji_pix2pix", ()): "pix2pix, L1 + GAN",
    ("emoji_cyclegan", ()): "CycleGAN, cycle + identity",
    ("emoji_colouring", ()): "colouring, L1 + GAN",
    ("emoji_stackgan", ("stage1",)): "StackGAN, stage I",
    ("emoji_stackgan", ("stage2",)): "StackGAN, stage II",
}


@pytest.mark.parametrize("experiment", OF_EXPERIMENT, ids=str)
def test_settings_are_those_of_the_experiments(experiment):
    name, variant = experiment
    path = next(path for path in tiny.EXPERIMENTS if path.stem == name)
    theirs = flatten(tiny.experiment(path, *variant))
    method = translation.METHODS[OF_EXPERIMENT[experiment]]
    ours = flatten(method(0, translation.RECORDED.steps))
    apart = {leaf for leaf in ours if ours[leaf] != theirs[leaf]}
    assert apart <= {"data.dir", "sample_every_steps", *HOW_OFTEN}


def test_methods_differ_in_what_they_are_named_after():
    made = {name: flatten(make(0, 100)) for name, make in translation.METHODS.items()}
    whole = made["pix2pix, L1 + GAN"]
    assert made["pix2pix, L1 alone"] == whole | {"game_args.adversarial": 0.0}
    assert made["pix2pix, GAN alone"] == whole | {"game_args.l1": 0.0}
    assert made["colouring, L1 + GAN"] == whole | {"data.name": "emoji_grey"}
    cycle = made["CycleGAN, cycle + identity"]
    assert made["CycleGAN, cycle"] == cycle | {"game_args.identity": 0.0}


def test_the_tables_picture_has_those_of_its_methods_that_are_there(tmp_path):
    work = Work(tmp_path, size=Size(2, 4))
    assert set(translation.DRAWN) <= set(translation.METHODS)
    assert translation.picture(work, []) is None
    for name, grey in (("StackGAN, stage II", 200), ("pix2pix, L1 + GAN", 100)):
        one = np.full((30, 150 + grey, 3), grey, np.uint8)
        translation._file(work, name).write_bytes(grid.png_bytes(one))
    found = translation.picture(work, [])
    strip = grid.CAPTION_PX + 4
    assert found.shape == (2 * (30 + strip), 350, 3)
    assert (found[strip : strip + 30, :250] == 100).all()
    assert not found[strip : strip + 30, 250:].any()
    assert (found[-30:] == 200).all()


def test_the_table_names_whose_drawings_it_shows(tmp_path, monkeypatch):
    row = translation._row("pix2pix", [{"ssim": 0.25, "retrieved_1": 0.5}], "")
    monkeypatch.setattr(translation, "run", lambda work: iter([row]))
    text = reproduce.reproduce("translation", tmp_path / "t", quick=True)
    assert "Google (Noto Emoji, Apache-2.0)" in text
    assert "Twitter, Inc and other contributors (Twemoji, CC-BY 4.0)" in text


def test_a_row_holds_each_seeds_numbers_and_lacks_what_is_not_measured(tmp_path):
    found = [
        {"retrieved_1": 0.5, "ssim": 0.25, "retrieved_1_copy": 0.4},
        {"retrieved_1": 0.7, "ssim": 0.35},
    ]
    row = translation._row("pix2pix", found, "")
    assert row["measured"] == pytest.approx(0.6)
    shown = {title: text(row) for title, text in translation.COLUMNS.items()}
    assert shown["nearest by pixels, %"].startswith("60 ")
    assert (shown["L1"], shown["seeds"]) == ("-", "2")
    assert translation._row("copies", found[:1], "_copy")["each"] == [0.4]
    quick = Work(tmp_path, quick=True, size=Size(2, 4))
    assert [c.seed for c in translation.configs_of(quick, "StackGAN, stage II")] == [0, 1]
    assert translation.configs_of(quick, "StackGAN, stage II")[0].data.size == 32
