"""Reading TFDS folders without TensorFlow: tiny sets that TFDS writes here."""

import json
import re
import struct

import numpy as np
import pytest
from toy_sets import encode, frame, random_images, write_set

from gan_jax import data
from gan_jax.data import base
from gan_jax.data.support import tfds_reader
from gan_jax.evaluate.pictures import grid as images
from gan_jax.host.errors import ConfigError, DataCorruptError


@pytest.fixture(autouse=True)
def cache_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user_cache"))


def to_tfrecord(folder):
    """What a TensorFlow user has: the same examples in frames, written here by hand."""
    (source,) = folder.glob("*.array_record-*")
    builder = tfds_reader._builder(folder)
    records = list(tfds_reader._records(builder, "train"))
    target = folder / source.name.replace("array_record", "tfrecord")
    target.write_bytes(b"".join(map(frame, records)))
    source.unlink()
    info = json.loads((folder / "dataset_info.json").read_text())
    (folder / "dataset_info.json").write_text(json.dumps({**info, "fileFormat": "tfrecord"}))
    return target


def edit_json(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def pairs(x, label, *_):
    return sorted((image.tobytes(), int(each)) for image, each in zip(x, label, strict=True))


# --- sets of any kind


@pytest.mark.parametrize("form", ["array_record", "tfrecord"])
@pytest.mark.parametrize("shape", [(None, None, 3), (6, 5, 3), (6, 5, 1)])
def test_any_image_set_round_trips(tmp_path, form, shape):
    images, labels = random_images(shape=(6, 5, shape[-1])), np.arange(9) % 5
    folder = write_set(tmp_path / "tfds", images, labels, shape)
    if form == "tfrecord":
        to_tfrecord(folder)
    spec = data.spec("tfds:toy", tmp_path / "tfds")
    assert spec == base.Spec((6, 5, shape[-1]), "image", {"train": 9}, 5)
    for _ in range(2):  # decoded, then from the cache
        assert pairs(*data.load("tfds:toy", "train", tmp_path / "tfds")) == pairs(images, labels)
    whole = data.load("tfds:toy", "train", tmp_path / "tfds")
    part = data.load("tfds:toy:1.2.0", "train[2:5]", tmp_path / "tfds")
    np.testing.assert_array_equal(part.x, whole.x[2:5])
    assert data.distribution("tfds:toy") is None


def test_both_formats_have_one_order(tmp_path):
    folder = write_set(tmp_path / "tfds", random_images(), np.arange(9) % 5)
    before = data.load("tfds:toy", "train", tmp_path / "tfds")
    to_tfrecord(folder)
    after = data.load("tfds:toy", "train", tmp_path / "tfds")
    np.testing.assert_array_equal(before.x, after.x)
    np.testing.assert_array_equal(before.label, after.label)


def test_set_without_labels_and_with_jpeg(tmp_path):
    image = np.full((160, 160, 3), 90, np.uint8)  # large enough for the thread pool
    write_set(tmp_path / "tfds", [encode(image, "JPEG")] * 3)
    x, label, *_ = data.load("tfds:toy", "train", tmp_path / "tfds")
    assert label is None
    assert x.shape == (3, 160, 160, 3)
    assert abs(x.astype(int) - 90).max() <= 2
    assert data.spec("tfds:toy", tmp_path / "tfds").classes == 0


@pytest.mark.parametrize("channels", [2, 4])
def test_images_that_no_picture_can_show_are_refused_at_once(tmp_path, channels):
    """Not after the first thousand steps, when samples are drawn."""
    shape = (4, 4, channels)
    write_set(tmp_path / "tfds", [np.zeros((4, 4, 4), np.uint8)], shape=shape)
    with pytest.raises(ConfigError, match=f"'tfds:toy' has images of {channels} channels: expec"):
        data.spec("tfds:toy", tmp_path / "tfds")


def test_images_of_different_shapes_are_refused(tmp_path):
    write_set(tmp_path / "tfds", [np.zeros((4, 4, 3), np.uint8), np.zeros((5, 4, 3), np.uint8)])
    with pytest.raises(ConfigError, match=r"different shapes.*\(., 4, 3\) and \(., 4, 3\)"):
        data.load("tfds:toy", "train", tmp_path / "tfds")


def test_set_without_an_8_bit_image_is_refused(tmp_path):
    import tensorflow_datasets as tfds

    deep = tfds.features.Image(shape=(4, 4, 1), dtype=np.uint16)
    folder = write_set(tmp_path / "tfds", random_images(), shape=(6, 5, 3))
    features = tfds.features.FeaturesDict({"deep": deep})
    (folder / "features.json").unlink()
    features.save_config(folder)
    with pytest.raises(ConfigError, match="no 8-bit image feature: it has deep"):
        data.spec("tfds:toy", tmp_path / "tfds")


@pytest.mark.parametrize("place", ["sets [1]", "a:b", "~", "*?", "données \U0001f40d", "%41 {x}"])
def test_any_folder_may_hold_the_sets(tmp_path, place, monkeypatch):
    write_set(tmp_path / "tfds", random_images(), np.arange(9) % 5)
    (tmp_path / "tfds").rename(tmp_path / place)
    monkeypatch.chdir(tmp_path)
    for root in (tmp_path / place, f"./{place}"):
        assert data.load("tfds:toy", "train", root).x.shape == (9, 6, 5, 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_images_keep_their_high_byte(tmp_path, channels):
    deep = np.random.default_rng(0).integers(0, 2**16, (8, 8)).astype(np.uint16)
    write_set(tmp_path / "tfds", [deep] * 2, shape=(8, 8, channels))
    x, *_ = data.load("tfds:toy", "train", tmp_path / "tfds")
    np.testing.assert_array_equal(x, np.broadcast_to((deep >> 8)[..., None], x.shape))


def test_a_huge_image_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    """A few kilobytes of PNG can hold gigabytes; what is recorded of the set is believed."""
    monkeypatch.setattr(images, "eight_bits", None)  # what decodes
    huge = encode(np.zeros((4000, 4000), np.uint8))
    write_set(tmp_path / "tfds", [huge], shape=(8, 8, 1))
    with pytest.raises(DataCorruptError, match=r"images of \(8, 8, 1\) and \(4000, 4000, 1\)"):
        data.load("tfds:toy", "train", tmp_path / "tfds")


# --- labels


def test_unlabelled_examples_stay_so(tmp_path):
    labels = [-1, 2, -1, 4]
    write_set(tmp_path / "tfds", random_images(4), labels)
    x, label, *_ = data.load("tfds:toy", "train", tmp_path / "tfds")
    assert sorted(label.tolist()) == [-1, -1, 2, 4]
    known = base.labelled(base.Arrays(x, label))
    assert sorted(known.label.tolist()) == [2, 4]
    np.testing.assert_array_equal(known.x, x[label >= 0])


def test_labels_out_of_range_are_damage(tmp_path):
    folder = write_set(tmp_path / "tfds", random_images(), np.arange(9) % 5)
    edit_json(folder / "features.json", '"numClasses": "5"', '"numClasses": "3"')
    with pytest.raises(DataCorruptError, match=r"has the label 4, expected 0 to 2, or -1 for none"):
        data.load("tfds:toy", "train", tmp_path / "tfds")
    fields = tfds_reader.Fields("picture", (6, 5, 3), "kind", 0)
    for label in (-2, 2**31):
        with pytest.raises(DataCorruptError, match=f"label {label}, expected 0 to {2**31 - 1}"):
            tfds_reader._check_labels(np.array([0, label]), fields, "toy")


# --- the cache beside the set


def test_cache_lies_beside_the_set_or_in_the_users_folder(tmp_path):
    folder = write_set(tmp_path / "tfds", random_images())
    data.load("tfds:toy", "train", tmp_path / "tfds")
    assert len(list((folder / "gan_jax_cache").iterdir())) == 1
    assert not (tmp_path / "user_cache").exists()
    for file in (folder / "gan_jax_cache").iterdir():
        file.unlink()
    (folder / "gan_jax_cache").rmdir()
    (folder / "gan_jax_cache").write_text("cannot be a folder")
    for _ in range(2):
        assert data.load("tfds:toy", "train", tmp_path / "tfds").x.shape == (9, 6, 5, 3)
    assert len(list((tmp_path / "user_cache").rglob("train-*-x.npy"))) == 1


def test_replaced_source_is_not_served_stale(tmp_path):
    first, second = random_images(seed=0), random_images(seed=1)
    a = write_set(tmp_path / "a", first, shape=(6, 5, 3))
    b = write_set(tmp_path / "b", second, shape=(6, 5, 3))
    data.load("tfds:toy", "train", tmp_path / "a")
    (file,) = a.glob("*.array_record-*")
    file.write_bytes((b / file.name).read_bytes())
    x = data.load("tfds:toy", "train", tmp_path / "a").x
    assert pairs(x, np.zeros(9)) == pairs(second, np.zeros(9))


# --- damage


@pytest.mark.parametrize("form", ["array_record", "tfrecord"])
@pytest.mark.parametrize("recorded", [1, 8, 10, 1000])
def test_files_that_hold_more_or_less_than_is_recorded(tmp_path, form, recorded):
    folder = write_set(tmp_path / "tfds", random_images())
    if form == "tfrecord":
        to_tfrecord(folder)
    info = folder / "dataset_info.json"
    info.write_text(re.sub(r'(?<="shardLengths": \[)\s*"9"', f'"{recorded}"', info.read_text()))
    with pytest.raises(DataCorruptError, match=f"has 9 examples, expected {recorded}"):
        data.load("tfds:toy", "train[:1]", tmp_path / "tfds")


TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
ODD = (f"../{TEMPLATE}", "{DATASET:>999999999999}", "{DATASET.__class__}", "{OTHER}", "/etc/passwd")


@pytest.mark.parametrize("template", ODD)
def test_files_are_named_as_tfds_names_them(tmp_path, template):
    folder = write_set(tmp_path / "tfds", random_images())
    edit_json(folder / "dataset_info.json", TEMPLATE, template)
    with pytest.raises(DataCorruptError, match="names files of train in other folders, or not as"):
        data.load("tfds:toy", "train", tmp_path / "tfds")


def test_a_set_of_unknown_shape_without_examples(tmp_path):
    target = to_tfrecord(write_set(tmp_path / "tfds", random_images()))
    target.write_bytes(b"")
    with pytest.raises(DataCorruptError, match="has no train examples"):
        data.spec("tfds:toy", tmp_path / "tfds")


@pytest.mark.parametrize("damage", ["truncate", "flip", "unlink", "features", "info"])
def test_damaged_array_record(tmp_path, damage):
    folder = write_set(tmp_path / "tfds", random_images(), np.arange(9) % 5)
    (file,) = folder.glob("*.array_record-*")
    content = bytearray(file.read_bytes())
    if damage == "truncate":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        content[200] ^= 4
        file.write_bytes(content)
    elif damage == "unlink":
        file.unlink()
    else:
        name = {"features": "features.json", "info": "dataset_info.json"}[damage]
        (folder / name).write_text("{")
    with pytest.raises(DataCorruptError) as caught:
        data.load("tfds:toy", "train", tmp_path / "tfds")
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_tfrecord_tells_file_and_offset(tmp_path):
    folder = write_set(tmp_path / "tfds", random_images(), np.arange(9) % 5)
    file = to_tfrecord(folder)
    whole = file.read_bytes()
    second = 16 + struct.unpack("<Q", whole[:8])[0]  # where the second frame begins
    third = second + 16 + struct.unpack("<Q", whole[second : second + 8])[0]

    def complaint(content):
        file.write_bytes(content)
        with pytest.raises(DataCorruptError) as caught:
            data.load("tfds:toy", "train", tmp_path / "tfds")
        return str(caught.value)

    flip = bytearray(whole)
    flip[second + 20] ^= 1
    assert f"{file} is damaged at byte {second}: the checksum of the record" in complaint(flip)
    flip = bytearray(whole)
    flip[second + 1] ^= 1
    assert f"damaged at byte {second}: the checksum of the record's length" in complaint(flip)
    assert f"damaged at byte {second}: the file ends within a header" in complaint(
        whole[: second + 5]
    )
    assert f"damaged at byte {second}: a record of" in complaint(whole[: third - 1])
    assert "has 2 examples, expected 9" in complaint(whole[:third])
    assert "does not read back" in complaint(frame(b"not an example") + whole)
    assert not list((folder / "gan_jax_cache").iterdir())


def test_image_that_does_not_decode(tmp_path):
    good = encode(random_images()[0])
    write_set(tmp_path / "tfds", [good, good[:60]], shape=(6, 5, 3))
    with pytest.raises(DataCorruptError, match="an image that does not decode"):
        data.load("tfds:toy", "train", tmp_path / "tfds")


def test_another_size_than_the_set_is_known_to_have(tmp_path):
    write_set(tmp_path, random_images(shape=(28, 28, 1)), np.arange(9) % 5, (28, 28, 1), "mnist")
    with pytest.raises(DataCorruptError, match="has 9 train examples, expected 60000"):
        data.load("mnist", "train", tmp_path)
