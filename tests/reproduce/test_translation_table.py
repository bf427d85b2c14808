"""The table translation: settings as the experiments have them, and its rows beside baselines."""

import pytest
import tiny

from gan_jax.config import flatten
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
