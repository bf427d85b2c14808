import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import photos
import pytest
import tiny
from toy_sets import write_set

from gan_jax import evaluate
from gan_jax.config import get_config
from gan_jax.data import open_data, origin_of
from gan_jax.games import make_setup
from gan_jax.host.errors import ConfigError, DataCorruptError, DataMissingError
from gan_jax.metrics import classifier, features
from gan_jax.metrics.features import digits as digit_features
from gan_jax.metrics.features import (
    efficientnet_lite0,
    inception,
    inception_v3,
    kept,
    pytorch_file,
    weights,
)
from gan_jax.metrics.features.base import as_rgb, in_batches, resize
from gan_jax.steps import init_state

# --- images


def test_batches_of_one_size_serve_any_number():
    sizes = []

    def see(x):
        sizes.append(x.shape)
        return x.sum((1, 2)), x.mean((1, 2))

    images = np.random.default_rng(0).random((7, 2, 3, 1))
    for n in (1, 3, 4, 7):
        seen = in_batches(see, 3)(images[:n])
        np.testing.assert_allclose(seen.features, images[:n].sum((1, 2)), rtol=1e-6)
        np.testing.assert_allclose(seen.probabilities, images[:n].mean((1, 2)), rtol=1e-6)
        assert seen.features.dtype == np.float32
    assert sizes == [(3, 2, 3, 1)]  # traced once, for all numbers
    assert in_batches(lambda x: (x[:, 0, 0], None), 3)(images).probabilities is None


def test_grey_is_rgb_and_other_channels_are_refused():
    x = jnp.arange(8.0).reshape(1, 2, 4, 1)
    assert (as_rgb(x) == x).all()
    assert as_rgb(x).shape == (1, 2, 4, 3)
    rgb = jnp.arange(24.0).reshape(1, 2, 4, 3)
    assert as_rgb(rgb) is rgb or (as_rgb(rgb) == rgb).all()
    with pytest.raises(ConfigError, match="2 channels: expected 1 or 3"):
        as_rgb(jnp.zeros((1, 2, 2, 2)))


def test_images_are_resized_by_the_centres_of_pixels():
    x = jnp.asarray([[0.0, 1.0], [0.0, 1.0]]).reshape(1, 2, 2, 1)
    for antialias in (False, True):
        np.testing.assert_allclose(resize(x, 4, antialias)[0, 1, :, 0], [0, 0.25, 0.75, 1])
    wide = jnp.broadcast_to(jnp.arange(6.0)[None, :, None], (6, 6, 1))[None]
    np.testing.assert_allclose(resize(wide, 2, False)[0, 0, :, 0], [1, 4], rtol=1e-6)
    spike = jnp.zeros((1, 6, 6, 1)).at[0, :, 3].set(1)
    assert resize(spike, 2, False).max() == 0  # between the places that are looked at
    assert resize(spike, 2, True).max() > 0.1


# --- a PyTorch file, read as data


class Evil:
    def __reduce__(self):
        return (open, ("evil", "w"))


def legacy(tensors, order=(), tail=b""):
    """A checkpoint of before 2020 with these pickles."""
    parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, tensors, list(order)]
    return b"".join(pickle.dumps(part, protocol=2) for part in parts) + tail


def test_nothing_in_a_checkpoint_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = legacy({"w": Evil()})
    for content in (evil, legacy(Evil()), pickle.dumps(Evil()), b"", b"PK\3\4", b"\x80\2."):
        with pytest.raises(ValueError, match=r"."):
            pytorch_file.arrays(content)
    assert not (tmp_path / "evil").exists()
    pickle.loads(pickle.dumps(Evil())).close()
    assert (tmp_path / "evil").exists()  # it is evil


def test_only_what_a_checkpoint_of_tensors_needs_is_understood():
    assert pytorch_file.arrays(legacy({})) == {}
    for odd in ({"w": 1}, {"w": (1, 2)}, {"w": 1.5}, [1], {"w": b"x"}, {"w": {1}}):
        with pytest.raises(ValueError, match=r"."):
            pytorch_file.arrays(legacy(odd))


class Other:
    """A tensor, but for the function that makes it."""

    def __init__(self, key):
        self.key = key

    def __reduce__(self):
        storage = ("storage", "torch FloatStorage", self.key, "cpu", 1, None)
        return (print, (storage, 0, (1,), (1,)))


def test_no_other_call_is_taken_for_a_tensor():
    tensors = {"v": Other("0"), "w": Other("1")}
    content = legacy(tensors, "01", struct.pack("<qfqf", 1, 1.5, 1, 2.5))
    with pytest.raises(ValueError, match="not a tensor but __builtin__ print"):
        pytorch_file.arrays(content)
    called, right = b"c__builtin__\nprint\n", b"ctorch._utils\n_rebuild_tensor_v2\n"
    assert content.count(called) == 1
    found = pytorch_file.arrays(content.replace(called, right))
    np.testing.assert_array_equal(found["w"], np.float32([2.5]), strict=True)


def test_a_checkpoint_that_ends_early_is_refused():
    content = efficientnet_lite0.content()
    for size in (10, 200, 40_000, 60_000, len(content) - 4):
        with pytest.raises(ValueError, match=r"."):
            pytorch_file.arrays(content[:size])


# --- EfficientNet-Lite0

# By efficientnet-lite-pytorch 0.1.0 with torch 2.13 (test_features_parity.py), of photos.crops()
PLACES = [702, 725, 12, 981, 303, 45, 1263, 164]
TEMPLE = [2.82242, 2.80208, 2.69638, 2.6205, 0.05115, 0.0, 0.23954, 0.95108]
FLOWER = [0.0, 0.0, 0.0, 0.0, 4.03183, 3.82386, 3.37097, 3.21993]
MEANS, CLASSES = [0.158519, 0.163548], [698, 619]  # 698: palace


def test_efficientnet_lite0_gives_the_references_features():
    seen = photos.see()
    assert seen.features.shape == (2, 1280)
    assert seen.probabilities.shape == (2, 1000)
    np.testing.assert_allclose(seen.probabilities.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(seen.features[:, PLACES], [TEMPLE, FLOWER], atol=1e-3)
    np.testing.assert_allclose(seen.features.mean(1), MEANS, atol=1e-4)
    assert seen.probabilities.argmax(1).tolist() == CLASSES


def test_efficientnet_lite0_says_what_it_lacks(monkeypatch):
    monkeypatch.setattr(efficientnet_lite0, "SHA256", "0" * 64)
    with pytest.raises(DataCorruptError, match="its sha256 differs: install that wheel again"):
        efficientnet_lite0.content()
    monkeypatch.setattr(efficientnet_lite0, "FILE", "models/none.pth")
    with pytest.raises(DataMissingError, match=r"cannot be read from .*none.pth"):
        efficientnet_lite0.content()
    monkeypatch.setattr(efficientnet_lite0, "PACKAGE", "no_such_wheel")
    with pytest.raises(ConfigError, match=r"not installed: pip install 'gan-jax\[features\]'"):
        efficientnet_lite0.content()


# --- Inception v3


def test_inception_has_the_parameters_of_the_paper():
    shapes = inception_v3.shapes()
    trained = [np.prod(s) for name, s in shapes.items() if "running" not in name]
    assert sum(trained) == 21_785_568  # 23,834,568 with its 1,000 classes
    assert sum("conv.weight" in name for name in shapes) == 94
    assert len(shapes) == 94 * 5
    assert shapes["Conv2d_1a_3x3.conv.weight"] == (32, 3, 3, 3)
    assert shapes["Mixed_5b.branch_pool.conv.weight"] == (32, 192, 1, 1)
    assert shapes["Mixed_6c.branch7x7dbl_3.conv.weight"] == (160, 160, 1, 7)
    assert shapes["Mixed_7c.branch3x3dbl_3b.bn.running_var"] == (384,)


# By torch 2.13 (test_features_parity.py), of photos.small() and photos.inception_weights()
BRANCHES = [0, 400, 800, 1200, 1600, 1860, 1950, 2040]  # some of each branch of the last block
INCEPTION = [
    [0.701652, 1.140238, 0.431853, 1.799105, 0.815347, 0.0, 3.401385, 17.509605],
    [0.759491, 1.391819, 0.415598, 1.566681, 0.779296, 0.0, 3.970665, 15.720777],
]


def test_inception_gives_the_references_features_on_random_weights():
    found = photos.inception_features()
    np.testing.assert_allclose(found[:, BRANCHES], INCEPTION, rtol=1e-3)


def safetensors(arrays):
    header, at = {"__metadata__": {"made": "here"}}, 0
    for name, array in arrays.items():
        kind = {"f": "F", "i": "I"}[array.dtype.kind] + str(8 * array.dtype.itemsize)
        ends = [at, at := at + array.nbytes]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": ends}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(a.tobytes() for a in arrays.values())


def npz(arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


SOME = {"a": np.float32([[1, 2, 3]]), "b": np.float16([4]), "c": np.int64(5)}


@pytest.mark.parametrize("suffix", inception.SUFFIXES)
def test_weights_come_back_from_both_kinds_of_files(suffix, tmp_path):
    content = {".npz": npz, ".safetensors": safetensors}[suffix](SOME)
    path = tmp_path / f"w{suffix}"
    found = weights.parse(path, content)
    assert list(found) == list(SOME)
    for name, array in SOME.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    for broken in (b"", content[:20], content[:-5], content[::-1]):
        with pytest.raises(DataCorruptError, match=f"w{suffix} is no {suffix} file of arrays"):
            weights.parse(path, broken)


def flagged(content, local, central, value):
    """The .npz with another byte in both headers of its first member."""
    changed = bytearray(content)
    changed[changed.find(b"PK\3\4") + local] = value
    changed[changed.find(b"PK\1\2") + central] = value
    return bytes(changed)


def member(content, name="a.npy"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def npy(header):
    return member(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header)


def headed(header):
    return struct.pack("<Q", len(header)) + header


def entry(offsets):
    return headed(b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": %s}}' % offsets)


DAMAGED_WEIGHTS = {
    "encrypted.npz": flagged(npz(SOME), 6, 8, 1),
    "unknown method.npz": flagged(npz(SOME), 8, 10, 99),
    "unknown version.npz": flagged(npz(SOME), 4, 6, 99),
    "open header.npz": npy(b"{'descr': \n"),
    "odd header.npz": npy(b"[1]"),
    "deep header.npz": npy(b"[" * 9000),
    "huge shape.npz": npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d,)}" % 2**60),
    "negative shape.npz": npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (-4,)}"),
    "text.npz": npz({"a": np.array(["x"])}),
    "no array.npz": member(b"x", "a.txt"),
    "an array alone.npz": npy(b"x")[30:],
    "a string.safetensors": headed(b'"x"'),
    "null.safetensors": headed(b"null"),
    "a list.safetensors": headed(b"[1]"),
    "entries.safetensors": headed(b'{"a": 1}'),
    "deep.safetensors": headed(b"[" * 100_000),
    "long number.safetensors": headed(b"9" * 5000),
    "no text.safetensors": headed(b"\xff\xfe\xfd"),
    "huge header.safetensors": b"\xff" * 8,
    "huge offsets.safetensors": entry(b"[%d, %d]" % (2**70, 2**70 + 4)),
    "negative offsets.safetensors": entry(b"[-4, 0]"),
    "infinite offsets.safetensors": entry(b"[-Infinity, NaN]"),
    "one offset.safetensors": entry(b"[4]"),
}


@pytest.mark.parametrize("name", DAMAGED_WEIGHTS)
def test_damaged_weights_are_one_line(name, tmp_path):
    with pytest.raises(DataCorruptError, match="file of arrays") as caught:
        weights.parse(tmp_path / name, DAMAGED_WEIGHTS[name])
    assert "\n" not in str(caught.value)


def test_weights_that_unpack_to_too_much_are_refused_first(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "MOST_BYTES", 10_000)
    monkeypatch.setattr(np, "load", None)
    bomb = member(bytes(1_000_000))
    assert len(bomb) < 10_000
    with pytest.raises(DataCorruptError, match="unpacks to 1000000 bytes, expected at most 10000"):
        weights.parse(tmp_path / "w.npz", bomb)
    (tmp_path / "w.npz").write_bytes(bytes(20_000))
    with pytest.raises(DataCorruptError, match="has 20000 bytes, expected weights in at most"):
        weights.read(tmp_path / "w.npz", "weights", "correct it")


def test_weights_are_read_from_files_alone(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    for path in (tmp_path / "pipe.npz", tmp_path, tmp_path / "nul\0.npz", Path("/dev/zero")):
        with pytest.raises(DataMissingError, match="weights cannot be read from"):
            weights.read(path, "weights", "correct it")


def test_pickles_in_an_npz_are_not_loaded(tmp_path):
    content = npz({"a": np.array([{}], object)})
    with pytest.raises(DataCorruptError, match="allow_pickle=False"):
        weights.parse(tmp_path / "w.npz", content)


def test_safetensors_cannot_point_outside_the_file(tmp_path):
    for entry in (
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]},
        {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]},
        {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [4, 0]},
        {"dtype": "O", "shape": [1], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], "more": 1},
    ):
        text = json.dumps({"a": entry}).encode()
        with pytest.raises(DataCorruptError):
            weights.parse(
                tmp_path / "w.safetensors", struct.pack("<Q", len(text)) + text + bytes(8)
            )


def image_config(**leaves):
    c = get_config()
    c.data.name, c.eval_samples = "digits", 8
    return tiny.edit(c, **leaves)


def extractor(name, config):
    return features.make(name, config, open_data(config))


def inception_of(path, sha256=None):
    return extractor(
        "inception",
        image_config(features__inception__path=str(path), features__inception__sha256=sha256),
    )


def test_inceptions_file_is_held_to_its_sha256_and_its_shapes(tmp_path):
    with pytest.raises(ConfigError, match=r"expected features.inception.path, a file that ends"):
        extractor("inception", image_config())
    with pytest.raises(ConfigError, match=r"expected a file that ends in .npz or .safetensors"):
        inception_of(tmp_path / "w.pth")
    path = tmp_path / "w.npz"
    with pytest.raises(DataMissingError, match=r"cannot be read from .*: correct features\.incep"):
        inception_of(path, "0" * 64)
    path.write_bytes(content := npz(SOME))
    found = weights.sha256(content)
    with pytest.raises(ConfigError, match=rf"sha256 is not set: that of .*w.npz is {found}"):
        inception_of(path)
    with pytest.raises(ConfigError, match=rf"sha256 is '1234': that of .*w.npz is {found}"):
        inception_of(path, "1234")
    with pytest.raises(
        ConfigError, match=r"Conv2d_1a_3x3.conv.weight is missing, .*; and 468 more"
    ):
        inception_of(path, found)


def test_inceptions_weights_make_an_extractor(tmp_path):
    arrays = photos.inception_weights() | {"fc.weight": np.ones((1008, 2048), np.float32)}
    path = tmp_path / "w.safetensors"
    path.write_bytes(safetensors(arrays | {"more.num_batches_tracked": np.int64(1)}))
    found = weights.sha256(path.read_bytes())
    extractor = inception_of(path, found.upper())
    assert (extractor.name, extractor.weights) == ("inception", f"sha256:{found}")
    assert "299 x 299" in extractor.preprocessing
    shapes = jax.eval_shape(lambda x: inception._see(_params(arrays), x), jnp.zeros((3, 9, 9, 1)))
    assert [s.shape for s in shapes] == [(3, 2048), (3, 1008)]


def _params(arrays):
    return {"layers": inception_v3.parameters(arrays), "classes": arrays["fc.weight"]}


# --- the classifier on disk


@pytest.fixture
def digits(tmp_path, monkeypatch):
    """Few images, a cache folder of their own, and the classifiers that were "trained"."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    trained = []

    def fit(x, label, classes, seed=0):
        trained.append(seed)
        shapes = classifier.shapes(x.shape[1:], classes)
        return jax.tree.map(lambda s: np.full(s.shape, x.mean() / 255, s.dtype), shapes)

    monkeypatch.setattr(classifier, "fit", fit)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (20, 4, 4, 1), np.uint8)
    return x, rng.integers(0, 3, 20).astype(np.int32), trained


def files(folder):
    return sorted((folder / "gan_jax" / "classifiers").glob("*"))


def test_a_trained_classifier_is_kept(digits, tmp_path):
    x, label, trained = digits
    first, again = (kept.classifier(x, label, 3) for _ in range(2))
    assert len(trained) == 1
    assert first.crc32 == again.crc32 == classifier.train_classifier(x, label, 3).crc32
    np.testing.assert_array_equal(first.features(x / 255), again.features(x / 255))
    np.testing.assert_array_equal(first.probabilities(x / 255), again.probabilities(x / 255))
    assert [path.suffix for path in files(tmp_path)] == [".npz"]


def test_what_is_kept_has_the_shapes_of_what_is_trained(monkeypatch):
    monkeypatch.setattr(classifier, "LEAST_STEPS", 1)
    made = classifier.fit(np.zeros((2, 3, 3, 1), np.uint8), np.zeros(2, np.int32), 4)
    expected = classifier.shapes((3, 3, 1), 4)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), made) == jax.tree.map(
        lambda x: (x.shape, x.dtype), expected
    )


def test_other_data_and_settings_are_other_classifiers(digits, tmp_path, monkeypatch):
    x, label, trained = digits
    kept.classifier(x, label, 3)
    other_x, other_label = x.copy(), label.copy()
    other_x[0, 0, 0, 0] ^= 1
    other_label[0] = (label[0] + 1) % 3
    for case in ((other_x, label, 3), (x, other_label, 3), (x, label, 4), (x, label, 3, 1)):
        kept.classifier(*case)
    monkeypatch.setattr(classifier, "SETTINGS", (1,))
    kept.classifier(x, label, 3)
    monkeypatch.setattr(kept, "_TRAINERS", ("jax",))
    kept.classifier(x, label, 3)
    assert len(trained) == len(files(tmp_path)) == 7


DAMAGES = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "a bit": lambda content: content[:3000] + bytes([content[3000] ^ 1]) + content[3001:],
    "pickle": lambda content: npz({"0": np.array([{}], object), "crc32": 0}),
    "of other shapes": lambda content: npz(
        {str(i): np.zeros(2) for i in range(6)} | {"crc32": classifier.crc32([np.zeros(2)] * 6)}
    ),
    "text": lambda content: b"weights",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_classifier_is_trained_again(damage, digits, tmp_path):
    x, label, trained = digits
    first = kept.classifier(x, label, 3)
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(DAMAGES[damage](whole))
    assert kept.classifier(x, label, 3).crc32 == first.crc32
    assert len(trained) == 2
    assert kept.classifier(x, label, 3).crc32 == first.crc32
    assert len(trained) == 2


def test_other_weights_under_its_name_are_not_taken(digits, tmp_path):
    """Whole, of the right shapes, but not what was written: the checksum tells."""
    x, label, trained = digits
    kept.classifier(x, label, 3)
    (path,) = files(tmp_path)
    with np.load(path) as file:
        arrays = dict(file)
    arrays["0"] = arrays["0"] + 1
    path.write_bytes(npz(arrays))
    kept.classifier(x, label, 3)
    assert len(trained) == 2


def test_where_nothing_can_be_kept_it_is_trained_each_time(digits, tmp_path, monkeypatch):
    x, label, trained = digits
    (tmp_path / "file").write_text("")
    for place in (str(tmp_path / "file"), "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", place)
        monkeypatch.setenv("HOME", str(tmp_path / "file"))
        kept.classifier(x, label, 3)
    assert len(trained) == 2


# --- examples without a label


def set_of(tmp_path, monkeypatch, train, test):
    """A config of a TFDS set whose images are as bright as the labels of train."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    images = [np.full((8, 8), 50 * (n + 1), np.uint8) for n in train]
    write_set(tmp_path / "tfds", images, train, (8, 8, 1), test_labels=test)
    return tiny.config(data__name="tfds:toy", data__dir=str(tmp_path / "tfds"))


@pytest.fixture
def taught(monkeypatch):
    """The labels that a classifier is trained with, which is then one of brightness."""
    found = []

    def see(images):
        class_N = jnp.round(images[:, 0, 0, 0] * 5.1).astype(int) - 1
        return images[:, 0, 0], jax.nn.one_hot(class_N, 5)

    def train(x, label, classes):
        found.extend(label.tolist())
        return classifier.Classify(see, None, None, 0)

    monkeypatch.setattr(kept, "classifier", train)
    return found


def test_no_accuracy_is_told_of_images_without_labels(tmp_path, monkeypatch, taught):
    config = set_of(tmp_path, monkeypatch, [0, 1, 2] * 4, [-1] * 12)
    trained = digit_features.trained(origin_of(config))
    assert trained.accuracy_real is None
    assert trained.features.facts == {}
    found = evaluate.make_evaluate(make_setup(config), ["judge"])(
        init_state(config, jax.random.key(0))
    )
    assert "eval/confidence_real" in found
    assert "eval/accuracy_real" not in found


def test_images_without_labels_teach_nothing_and_do_not_count(tmp_path, monkeypatch, taught):
    config = set_of(tmp_path, monkeypatch, [0, 1, 2, -1] * 5, [0, 1, 2, -1] * 5)
    assert digit_features.trained(origin_of(config)).accuracy_real == 1
    assert sorted(taught) == sorted([0, 1, 2] * 5)


def test_each_class_weighs_the_same_in_the_accuracy_beside_samples(tmp_path, monkeypatch):
    def all_of_class_0(images):
        return images[:, 0, 0], jax.nn.one_hot(jnp.zeros(len(images), int), 5)

    made = classifier.Classify(all_of_class_0, None, None, 0)
    monkeypatch.setattr(kept, "classifier", lambda *given: made)
    config = set_of(tmp_path, monkeypatch, [0, 1, 2, 0, 0] * 2, [0] * 6 + [1, 2] * 2)
    trained = digit_features.trained(origin_of(config))
    assert (trained.accuracy_real, trained.label_accuracy_real) == pytest.approx((0.6, 1 / 3))


def test_where_no_training_image_has_a_label_no_class_is_told(tmp_path, monkeypatch, caplog):
    config = set_of(tmp_path, monkeypatch, [-1] * 6, [0, 1, 2] * 2)
    assert evaluate.make_evaluate(make_setup(config), ["judge"])(None) == {}
    assert "no image of its train split has a label" in caplog.text
    with pytest.raises(ConfigError, match="no image of its train split has a label, so no"):
        digit_features.trained(origin_of(config))


# --- which apply


def test_features_apply_to_images_of_their_kind(monkeypatch):
    monkeypatch.setitem(features.FEATURES, "fake", lambda config: "made")
    assert extractor("fake", image_config()) == "made"
    assert extractor("fake", tiny.config(data__name="ring")) is None
    assert extractor("digits", image_config(data__name="fashion_mnist")) is None
    with pytest.raises(ConfigError, match="eval_samples is 1: expected at least 2"):
        extractor("fake", image_config(eval_samples=1))


def test_features_on_schedule_are_checked_before_a_run(monkeypatch):
    features.check(image_config())
    for names, says in {
        ("digts",): "features 'digts' is unknown.* Did you mean 'digits'",
        ("inception",): "expected features.inception.path",
    }.items():
        with pytest.raises(ConfigError, match=says):
            features.check(image_config(features__names=names))
    with pytest.raises(ConfigError, match="'digits' does not apply to data 'ring'"):
        features.check(tiny.config(data__name="ring", features__names=("digits",)))


@pytest.mark.parametrize("names", ["digits", (0,), None, 5, ({},), {"digits": 1}])
def test_names_of_features_are_a_list_of_names(names):
    config = image_config()
    with config.ignore_type(), config.unlocked():
        config.features.names = names
    says = r"features.names is .*: expected a list of names"
    with pytest.raises(ConfigError, match=says):
        features.check(config)
    with pytest.raises(ConfigError, match=says):
        evaluate.make_evaluate(make_setup(config))
