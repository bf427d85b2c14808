"""gan-jax data prepare: four IDX files to a TFDS set, on tiny files made here."""

import gzip
import hashlib
import struct

import numpy as np
import pytest

from gan_jax.data import base
from gan_jax.data.support import prepare, tfds_reader
from gan_jax.host.errors import CannotWriteError, ConfigError, DataCorruptError, DataMissingError

COUNTS = {"train": 23, "test": 7}


def idx(array):
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def write_source(folder, end=".gz", dot="-"):
    """Random images in four IDX files; returns them by split."""
    random = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    arrays = {}
    for split, stem in (("train", "train"), ("test", "t10k")):
        x = random.integers(0, 256, (COUNTS[split], 28, 28), np.uint8)
        label = random.integers(0, 10, COUNTS[split], np.uint8)
        for array, part in ((x, "images"), (label, "labels")):
            path = folder / f"{stem}-{part}{dot}idx{array.ndim}-ubyte{end}"
            content = idx(array)
            path.write_bytes(gzip.compress(content) if end else content)
        arrays[split] = base.Arrays(x[..., None], label)
    return arrays


def run(tmp_path, name="mnist", **kwargs):
    return prepare.prepare_idx(name, tmp_path / "idx", tmp_path / "tfds", COUNTS, **kwargs)


def spec_of(counts):
    return base.Spec((28, 28, 1), "image", counts, 10)


@pytest.fixture(autouse=True)
def cache_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize(("end", "dot"), [(".gz", "-"), ("", "-"), (".gz", "."), ("", ".")])
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_round_trip_is_exact(tmp_path, name, end, dot):
    arrays = write_source(tmp_path / "idx", end, dot)
    assert "23 train, 7 test examples" in run(tmp_path, name)
    for split, (x, label, *_) in arrays.items():
        back = tfds_reader.read(name, split, tmp_path / "tfds", spec_of(COUNTS))
        assert rows(*back) == rows(x, label)  # TFDS has an order of its own
        assert back.label.dtype == np.int32


def rows(x, label, *_):
    return sorted((image.tobytes(), int(each)) for image, each in zip(x, label, strict=True))


def test_tfds_opens_it(tmp_path):
    import tensorflow_datasets as tfds

    write_source(tmp_path / "idx")
    run(tmp_path, "fashion_mnist")
    builder = tfds.builder("fashion_mnist", data_dir=tmp_path / "tfds")
    assert builder.is_prepared()
    assert builder.info.features["label"].names[9] == "Ankle boot"
    assert len(builder.as_data_source("train")) == 23
    folders = [path for path in (tmp_path / "tfds").rglob("*") if path.is_dir()]
    assert [path.name for path in folders] == ["fashion_mnist", builder.data_path.name]


def test_second_call_writes_nothing(tmp_path):
    write_source(tmp_path / "idx")
    run(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "tfds").rglob("*")}
    assert "prepared already" in run(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "tfds").rglob("*")} == before


@pytest.mark.parametrize("place", ["sets [1]", "a:b", "*?", "~nobody"])
def test_any_folder_may_hold_the_set(tmp_path, place, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_source(tmp_path / place)
    for root in (tmp_path / place / "tfds", f"./{place}/other"):
        said = prepare.prepare_idx("mnist", f"./{place}", root, COUNTS)
        assert said == f"{tmp_path / root}/mnist/3.0.1 is prepared: 23 train, 7 test examples"
        assert "is prepared already" in prepare.prepare_idx("mnist", f"./{place}", root, COUNTS)


def test_stdout_is_left_alone_and_other_sums_are_told(tmp_path, capfd):
    write_source(tmp_path / "idx")
    run(tmp_path)
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 5  # one for each file, and one that it begins
    assert "train-images-idx3-ubyte.gz is not the file TFDS knows" in err


def test_the_file_tfds_knows_is_not_warned_of(tmp_path, capsys):
    path = tmp_path / "a.gz"
    path.write_bytes(b"content")
    prepare._compare_sum(path, hashlib.sha256(b"content").hexdigest())
    assert capsys.readouterr().err == ""


def test_missing_files_are_named(tmp_path):
    write_source(tmp_path / "idx")
    (tmp_path / "idx" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataMissingError, match="has no t10k-labels-idx1-ubyte "):
        run(tmp_path)


def test_unknown_set():
    with pytest.raises(ConfigError, match=r"'mnits' is unknown.*emoji, fashion_mnist, mnist"):
        prepare.prepare("mnits", ["a"], "b")


def damage_label(content):
    return content[:-1] + b"\x0a"


@pytest.mark.parametrize(
    ("part", "change", "complaint"),
    [
        ("images-idx3", lambda c: c[:-1], "holds 18047 bytes, expected 18048"),
        ("images-idx3", lambda c: c + b"0", "holds more bytes"),
        ("images-idx3", lambda c: b"\0\0\x09" + c[3:], r"\[2307, 23, 28, 28\], expected \[2051"),
        ("images-idx3", lambda c: c[:4] + struct.pack(">I", 24) + c[8:], r"24, 28, 28\], expected"),
        ("images-idx3", lambda c: c[:6], r"sizes \[2051\], expected"),
        ("labels-idx1", lambda c: b"", r"sizes \[\], expected \[2049, 23\]"),
        ("labels-idx1", damage_label, "has the label 10, expected 0 to 9"),
    ],
)
@pytest.mark.parametrize("end", ["", ".gz"])
def test_damaged_source(tmp_path, part, change, complaint, end):
    write_source(tmp_path / "idx", end)
    path = tmp_path / "idx" / f"train-{part}-ubyte{end}"
    content = path.read_bytes()
    changed = gzip.compress(change(gzip.decompress(content))) if end else change(content)
    path.write_bytes(changed)
    with pytest.raises(DataCorruptError, match=complaint) as caught:
        run(tmp_path)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "tfds").exists()


@pytest.mark.parametrize("keep", [0.5, 0.99])
def test_truncated_gz(tmp_path, keep):
    write_source(tmp_path / "idx")
    path = tmp_path / "idx" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(DataCorruptError, match="cannot be read"):
        run(tmp_path)


def test_plain_file_named_gz(tmp_path):
    write_source(tmp_path / "idx")
    path = tmp_path / "idx" / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.decompress(path.read_bytes()))
    with pytest.raises(DataCorruptError, match="gz cannot be read"):
        run(tmp_path)


def test_unwritable_folder(tmp_path):
    write_source(tmp_path / "idx")
    (tmp_path / "tfds").write_text("a file in its place")
    with pytest.raises(CannotWriteError, match="choose another --data_dir"):
        run(tmp_path)


def test_interrupted_prepare_does_not_pass_as_prepared(tmp_path, monkeypatch):
    write_source(tmp_path / "idx")
    png, calls = prepare._png, []

    def stop_in_the_middle(image):
        calls.append(1)
        if len(calls) == 25:  # train is through, test is not
            raise KeyboardInterrupt
        return png(image)

    with monkeypatch.context() as patch:
        patch.setattr(prepare, "_png", stop_in_the_middle)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path)
    with pytest.raises(DataMissingError):
        tfds_reader.read("mnist", "train", tmp_path / "tfds", spec_of(COUNTS))
    assert "7 test examples" in run(tmp_path)
