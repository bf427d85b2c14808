"""data.name=folder with two folders, and with words beside the images."""

import json
import os

import numpy as np
import pytest
import tiny
from PIL import Image

from gan_jax.data import folder, open_data
from gan_jax.data.support import own_texts
from gan_jax.host.errors import ConfigError, DataCorruptError, DataMissingError


@pytest.fixture(autouse=True)
def cache_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def write(place, count=40, ending="png", blue=0):
    """Images whose red tells their number."""
    place.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.new("RGB", (8, 8), (5 * i, 0, blue)).save(place / f"{i:02d}.{ending}")
    return place


def opened(place, b=None, **leaves):
    dir_b = {} if b is None else {"data__dir_b": str(b)}
    leaves = {"data__dir": str(place), "data__size": 8} | dir_b | leaves
    return open_data(tiny.config(data__name="folder", **leaves))


def reds(x):
    return x[:, 0, 0, 0].astype(int)


# --- two folders


@pytest.mark.parametrize("split", ["train", "test", "train[5:9]", "train[50%:]+test"])
def test_images_of_one_name_are_pairs_whatever_their_endings(tmp_path, split):
    write(tmp_path / "a", ending="bmp")
    write(tmp_path / "b", blue=200)
    data = opened(tmp_path / "a", tmp_path / "b")
    found = data.origin.load(split)
    assert len(found.x) >= 1
    assert data.spec.other == data.spec.shape == (8, 8, 3)
    np.testing.assert_array_equal(reds(found.x), reds(found.other))
    assert (found.x[..., 2] == 200).all()  # x is of dir_b: what is to come out
    assert (found.other[..., 2] == 0).all()


def test_folders_of_classes_pair_by_class_and_name(tmp_path):
    for side in "ab":
        for kind in ("cats", "dogs"):
            write(tmp_path / side / kind, 20, blue={"cats": 100, "dogs": 200}[kind])
    data = opened(tmp_path / "a", tmp_path / "b")
    found = data.origin.load("train+test")
    np.testing.assert_array_equal(found.x, found.other)
    assert data.spec.names == ("cats", "dogs")
    assert (found.x[..., 0, 0, 2] == np.where(found.label, 200, 100)).all()


def test_arrays_pair_by_row(tmp_path):
    for side, shape in (("a", (30, 6, 6)), ("b", (30, 4, 4, 3))):
        images = np.zeros(shape, np.uint8) + np.arange(30, dtype=np.uint8).reshape(
            30, *[1] * (len(shape) - 1)
        )
        np.save(tmp_path / f"{side}.npy", images)
    data = opened(tmp_path / "a.npy", tmp_path / "b.npy", data__size=0)
    found = data.origin.load("train+test")
    np.testing.assert_array_equal(reds(found.x), reds(found.other))
    assert (data.spec.shape, data.spec.other) == ((4, 4, 3), (6, 6, 1))


def test_without_pairs_each_folder_has_its_own_images(tmp_path):
    write(tmp_path / "a", 50)
    write(tmp_path / "b", 30, ending="jpg")
    data = opened(tmp_path / "a", tmp_path / "b", data__paired=False)
    alone = [opened(tmp_path / side) for side in "ab"]
    assert data.spec.splits == alone[1].spec.splits
    for split in ("train", "train[:50%]"):
        found, (a, b) = data.origin.load(split), (each.origin.load(split) for each in alone)
        np.testing.assert_array_equal(found.x, b.x)
        np.testing.assert_array_equal(found.other, a.x)
        assert len(a.x) > len(b.x)


def test_both_orders_are_kept_side_by_side(tmp_path):
    """Pairs come in an order of their own: neither cache replaces the other."""
    write(tmp_path / "a", ending="bmp")
    write(tmp_path / "b")
    before = opened(tmp_path / "a").origin.load("train").x.copy()
    opened(tmp_path / "a", tmp_path / "b").origin.load("train")
    count = len(list((tmp_path / "cache").rglob("*.npy")))
    folder._decoded.cache_clear()
    np.testing.assert_array_equal(opened(tmp_path / "a").origin.load("train").x, before)
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == count == 3


def test_what_makes_no_pairs_is_one_line(tmp_path):
    a, b = write(tmp_path / "a", 12), write(tmp_path / "b", 10)
    with pytest.raises(ConfigError, match=r"2 images in .*/a, such as 1[01].png, have none of "):
        opened(a, b)
    with pytest.raises(ConfigError, match=r"2 images in .*/a, .* in .*/b: add.*data.paired=False"):
        opened(b, a)
    assert opened(a, b, data__paired=False).spec.other
    twice = write(write(tmp_path / "twice", 10), 10, ending="bmp")
    with pytest.raises(ConfigError, match=r"0\d.\w+ and 0\d.\w+ in .*/twice have one name but for"):
        opened(twice, b)
    with pytest.raises(DataMissingError, match=r"data.dir .*/c is not there"):
        opened(a, tmp_path / "c")
    with pytest.raises(
        ConfigError, match=r"data.paired is False, and data 'folder' has one domain"
    ):
        opened(a, data__paired=False)
    with pytest.raises(ConfigError, match=r"data.dir_b is x, and data 'digits' takes none"):
        open_data(tiny.config(data__name="digits", data__dir_b="x"))
    with pytest.raises(DataMissingError, match=r"data 'folder' needs data.dir: --config.data.dir="):
        opened("", b)


# --- words


def tell(place, entries):
    lines = [each if isinstance(each, str) else json.dumps(each) for each in entries]
    (place / "metadata.jsonl").write_text("\n".join(lines) + "\n")
    folder._opened.cache_clear()
    folder._texts.cache_clear()
    return place


def captions(count=40):
    return [{"file_name": f"{i:02d}.png", "text": f"Red, number {i}"} for i in range(count)]


def test_each_image_has_its_own_words(tmp_path):
    data = opened(tell(write(tmp_path / "a"), captions()[::-1]))
    words = data.spec.vocabulary
    for split in ("train", "test", "train[3:9]"):
        found = data.origin.load(split)
        for red, text in zip(reds(found.x), found.text, strict=True):
            said = [words[i] for i in text if i]
            number = str(red // 5)
            assert said == ["red", "number", number if split != "test" else "<unknown>"]
    assert data.spec.text_length == 3


def test_an_image_without_words_and_words_of_a_class_folder(tmp_path):
    for kind in ("cats", "dogs"):
        write(tmp_path / "a" / kind, 10)
    tell(tmp_path / "a", [{"file_name": "cats/03.png", "text": "one cat", "license": None}])
    found = opened(tmp_path / "a").origin.load("train+test")
    has_words = (found.text > 0).any(1)
    assert has_words.sum() == 1
    assert reds(found.x)[has_words] == [15]
    assert found.label[has_words] == [0]


def test_of_two_folders_the_words_are_those_of_what_is_to_come_out(tmp_path):
    a, b = tell(write(tmp_path / "a"), captions()), write(tmp_path / "b")
    assert opened(a, b).origin.load("train").text is None
    assert opened(b, a).origin.load("train").text.shape[1] == 3


def test_long_texts_lose_their_last_words(tmp_path):
    long = {"file_name": "00.png", "text": "word " * 1000}
    assert opened(tell(write(tmp_path / "a"), [long])).spec.text_length == own_texts.LONGEST


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (
            {"file_name": "../b/00.png", "text": ""},
            r"names '\.\./b/00.png', which is outside of the",
        ),
        ({"file_name": "x/../../b/00.png", "text": ""}, "which is outside of the folder"),
        ({"file_name": "/etc/passwd", "text": ""}, "'/etc/passwd', which is outside of the folder"),
        ({"file_name": "99.png", "text": ""}, "names '99.png', and there is no such image"),
        ({"file_name": "\n\x1b[2J", "text": ""}, r"no such image"),
        ({"file_name": "01.png"}, "lacks 'text'"),
        ({"file_name": "01.png", "text": 3}, "text is an integer, not a string"),
        ({"text": "no name"}, "lacks 'file_name'"),
        ("[1]", "it is a list, not an object"),
        ("{", "Expecting"),
        ("[" * 10**5, "nested too deeply"),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "Expecting value"),
    ],
)
def test_odd_words_are_one_line(tmp_path, entry, says):
    tell(write(tmp_path / "a"), [*captions(1), entry])
    with pytest.raises(
        DataCorruptError, match=rf"metadata.jsonl cannot be .*line 2: .*{says}"
    ) as e:
        opened(tmp_path / "a")
    assert str(e.value).isprintable()


def test_a_file_of_words_that_lies_elsewhere_or_is_no_file_is_refused(tmp_path):
    place, file = write(tmp_path / "a"), tmp_path / "a" / "metadata.jsonl"
    (tmp_path / "secret").write_text(json.dumps(captions(1)[0]))
    file.symlink_to(tmp_path / "secret")
    with pytest.raises(DataCorruptError, match="a link that leads out of the folder"):
        opened(place)
    file.unlink()
    os.mkfifo(file)
    folder._texts.cache_clear()
    with pytest.raises(DataCorruptError, match="it is no regular file"):
        opened(place)
