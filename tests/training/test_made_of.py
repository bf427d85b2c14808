"""Samples that are made of something, from the command line's point of view."""

import jax
import numpy as np
import pytest
import tiny
from PIL import Image

from gan_jax.games import make_setup
from gan_jax.host.errors import ConfigError, DataCorruptError, DataMissingError
from gan_jax.steps import init_state
from gan_jax.training import made_of, sample
from gan_jax.training.export import exported


def new_run(game, **leaves):
    c = tiny.config(**tiny.pictures(game, **leaves))
    return sample.Run(make_setup(c), 7, init_state(c, jax.random.key(0)))


@pytest.fixture(scope="module")
def pix2pix():
    return new_run("pix2pix")


@pytest.fixture(scope="module")
def stackgan():
    return new_run("stackgan")


@pytest.fixture
def folder(tmp_path):
    """Two pictures larger than the run's, and what is none."""
    for i, name in enumerate(("b.png", "a.jpg")):
        Image.fromarray(np.full((40, 30, 3), 100 * i, np.uint8)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


def test_pictures_are_those_of_a_folder_by_name_and_as_large_as_the_runs(pix2pix, folder):
    given = made_of.given(pix2pix.setup, str(folder), 2)
    assert given.shape == (4, 16, 16, 3)
    assert given[:2].min() > 0.3 > given[2:].max()  # a.jpg twice, then b.png
    one = made_of.given(pix2pix.setup, str(folder / "b.png"), None)
    np.testing.assert_array_equal(one, given[2:3])


def test_samples_are_what_the_seed_makes_of_them(pix2pix, folder):
    setup, state = pix2pix.setup, pix2pix.state
    given = made_of.given(setup, str(folder), 2)

    def made(seed):
        return np.concatenate(list(made_of.samples(setup, state, given, seed)))

    first = made(1)
    np.testing.assert_array_equal(first, made(1))
    assert (first != made(2)).any()
    assert (first[0] != first[1]).any()  # of one picture, with other dropout
    assert first.min() >= 0
    assert first.max() <= 1


@pytest.mark.parametrize(("inputs", "num", "columns"), [(None, 4, 3), ("folder", 3, 4)])
def test_a_grid_shows_them_beside_their_inputs(pix2pix, folder, tmp_path, inputs, num, columns):
    """And beside the truth, where that is known."""
    inputs = inputs and str(folder)
    out = tmp_path / "grid.png"
    count = made_of.write(out, pix2pix.setup, pix2pix.state, 0, inputs, num)
    assert count == (num if inputs is None else 2 * num)
    given = made_of.given(pix2pix.setup, inputs, num)
    made = np.concatenate(list(made_of.samples(pix2pix.setup, pix2pix.state, given, 0)))
    images, found = made_of.side_by_side(pix2pix.setup, given, made, inputs, num)
    assert found % columns == 0
    np.testing.assert_array_equal(images[0], given[0])
    np.testing.assert_array_equal(images[1], made[0])
    if inputs is None:
        np.testing.assert_allclose(images[2], pix2pix.setup.data.test().x[0] / 255, rtol=1e-6)
    with Image.open(out) as picture:
        assert picture.width > 16 * columns


def test_captions_are_read_with_the_runs_words(stackgan, tmp_path, caplog):
    given = made_of.given(stackgan.setup, "Thing A zebra", None)
    assert given.shape == (8, stackgan.setup.data.spec.text_length)
    assert (given == given[0]).all()
    assert given[0, :2].min() >= 2
    assert given[0, 2] == 1  # an unknown word
    assert "zebra" in caplog.text
    file = tmp_path / "captions.txt"
    file.write_text("thing a\n\nthing b\n")
    both = made_of.given(stackgan.setup, str(file), 2)
    assert (both[0] == both[1]).all()
    assert (both[1] != both[2]).any()
    made = np.concatenate(list(made_of.samples(stackgan.setup, stackgan.state, given, 0)))
    assert len({x.tobytes() for x in made}) == 8


@pytest.mark.parametrize(
    ("inputs", "error", "says"),
    [
        ("nowhere", DataMissingError, "where there is no picture: expected a picture or a folder"),
        ("notes.txt", DataCorruptError, "notes.txt cannot be read as an image"),
    ],
)
def test_what_is_no_picture_is_said(pix2pix, folder, inputs, error, says):
    with pytest.raises(error, match=says):
        made_of.given(pix2pix.setup, str(folder / inputs), None)


def test_what_is_no_caption_and_what_is_too_many_is_said(stackgan, pix2pix):
    with pytest.raises(ConfigError, match="expected a caption with a word that"):
        made_of.given(stackgan.setup, "zebra", None)
    with pytest.raises(ConfigError, match="--num is 1000: expected at most"):
        made_of.given(pix2pix.setup, None, 1000)


def test_flags_about_latents_are_refused_and_the_reverse(pix2pix, tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "load_run", lambda *args: pix2pix)
    out = tmp_path / "x.png"
    with pytest.raises(ConfigError, match="--interpolate walks between latents"):
        sample.write_samples("run", out, None, 0, None, True)
    c = tiny.config(data__name="digits")
    other = sample.Run(make_setup(c), 7, init_state(c, jax.random.key(0)))
    monkeypatch.setattr(sample, "load_run", lambda *args: other)
    with pytest.raises(ConfigError, match="makes its samples of latents: leave it out"):
        sample.write_samples("run", out, None, 0, None, False, inputs="a red car")


def test_runs_are_sampled_and_exported_by_what_they_map(pix2pix, stackgan):
    x = pix2pix.sample(3)
    assert x.shape == (3, 16, 16, 3)
    given = made_of.given(pix2pix.setup, None, 3)
    program = exported(pix2pix)
    assert program.call(given).shape == (3, 16, 16, 3)
    np.testing.assert_array_equal(x, pix2pix.sample(3))
    texts = made_of.given(stackgan.setup, None, 5)
    assert exported(stackgan).call(texts).shape == (5, 16, 16, 3)
