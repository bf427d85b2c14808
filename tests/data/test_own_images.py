"""data.name=folder: a user's own images, whatever lies among them."""

import os
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_jax import data
from gan_jax.data import Origin, folder
from gan_jax.data.support import own_files, own_pixels
from gan_jax.host.errors import ConfigError, DataCorruptError, DataMissingError

RED, WHITE = (255, 0, 0), (255, 255, 255)


def flat(colour=RED, size=(12, 12), mode="RGB"):
    return Image.new("RGB", size, colour).convert(mode)


def write(place, count=20, size=(12, 12)):
    """Images of different colours: their reds tell them apart."""
    place.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        flat((5 * i, 40, 90), size).save(place / f"{i:02d}.png")
    return place


def origin(place, **how):
    return Origin("folder", str(place), **how)


def forget():
    """What a new process would know."""
    folder._opened.cache_clear()
    folder._decoded.cache_clear()
    folder._texts.cache_clear()


def only(place, name="it.png", **how):
    """The one image of that name, decoded."""
    (place,) = place.glob(name)
    shape = (how.get("size", 12), how.get("size", 12), how.get("channels", 3))
    return own_pixels.picture(str(place), shape)


# --- which images, which classes, which split


def test_folders_are_classes_by_name_and_hidden_files_are_none(tmp_path):
    for name in ("猫 cats", "dogs", ".hidden", "empty"):
        write(tmp_path / name, 0 if name == "empty" else 30)
    (tmp_path / "dogs" / "notes.txt").write_text("no image")
    (tmp_path / "dogs" / "._00.png").write_text("no image")
    spec = origin(tmp_path).spec()
    assert (spec.shape, spec.classes, spec.names) == ((32, 32, 3), 2, ("dogs", "猫 cats"))
    assert sum(spec.splits.values()) == 60
    whole = origin(tmp_path).load("train+test")
    assert np.bincount(whole.label).tolist() == [30, 30]


def test_one_folder_alone_has_no_labels(tmp_path):
    write(tmp_path / "all")
    assert origin(tmp_path).spec().classes == 0
    assert origin(tmp_path).load("train").label is None


def test_the_split_is_by_digest_and_an_added_image_moves_no_other(tmp_path):
    def names(place, split):
        listing, spec = folder._opened(str(place), 0, 0, False)
        first = spec.splits["train"]
        items = listing.items[:first] if split == "train" else listing.items[first:]
        return [item.name for item in items]

    write(tmp_path, 50)
    before = {split: names(tmp_path, split) for split in ("train", "test")}
    digests = [own_files.digest(name) for name in (*before["train"], *before["test"])]
    assert digests == sorted(digests, reverse=True)
    assert 1 <= len(before["test"]) <= 12
    flat().save(tmp_path / "another.png")
    forget()
    for split, kept in before.items():
        assert [name for name in names(tmp_path, split) if name != "another.png"] == kept


@pytest.mark.parametrize("count", [2, 3])
def test_a_few_images_have_both_splits(tmp_path, count):
    assert origin(write(tmp_path, count)).spec().splits == {"train": count - 1, "test": 1}


def test_what_tells_no_classes_is_refused(tmp_path):
    with pytest.raises(DataMissingError, match=r"--config\.data\.dir=DIR"):
        Origin("folder").spec()
    with pytest.raises(DataMissingError, match="is not there"):
        origin(tmp_path / "no").spec()
    with pytest.raises(DataMissingError, match=r"has no images: .*\.webp"):
        origin(tmp_path).spec()
    write(tmp_path / "a" / "train")
    with pytest.raises(
        ConfigError, match=r"a/train is a folder in a class folder .*should be .*/a$"
    ):
        origin(tmp_path).spec()
    os.rename(tmp_path / "a" / "train", tmp_path / "b")
    flat().save(tmp_path / "loose.png")
    with pytest.raises(ConfigError, match=r"loose\.png, beside folders of images, such as .*/b"):
        origin(tmp_path).spec()
    write(tmp_path / "one", 1)
    with pytest.raises(DataMissingError, match="expected at least 2"):
        origin(tmp_path / "one").spec()


def test_other_sets_take_no_size():
    with pytest.raises(ConfigError, match=r"data\.size is 32, and data 'mnist' takes none"):
        Origin("mnist", size=32).spec()


# --- links


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("what", ["file", "folder", "nothing", "itself"])
def test_a_link_that_leads_out_is_refused(tmp_path, what, skip):
    outside = write(tmp_path / "outside", 1)
    place = write(tmp_path / "place" / "a").parent
    targets = {"file": outside / "00.png", "folder": outside, "nothing": outside / "no.png"}
    link = place / ("x" if what == "folder" else "a/x.png")
    link.symlink_to(targets.get(what, link))
    with pytest.raises(DataCorruptError, match=r"/x(\.png)? is a link that leads out of"):
        origin(place, skip_damaged=skip).spec()


def test_a_link_inside_is_followed_and_the_folder_may_be_one(tmp_path):
    write(tmp_path / "place")
    (tmp_path / "place" / "x.png").symlink_to("00.png")
    (tmp_path / "link").symlink_to("place")
    assert sum(origin(tmp_path / "link").spec().splits.values()) == 21


# --- pixels


def with_alpha(mode):
    image = Image.new("RGBA", (12, 12), (255, 0, 0, 0))
    return image.convert(mode) if mode != "P" else image.quantize(4)


CONVERTED = {
    "cmyk.jpg": (lambda: flat(mode="CMYK"), RED),
    "grey.png": (lambda: flat((90, 90, 90), mode="L"), (90, 90, 90)),
    "bits.png": (lambda: flat(WHITE, mode="1"), WHITE),
    "deep.png": (lambda: Image.fromarray(np.full((12, 12), 0x7F80, np.uint16)), (127,) * 3),
    "palette.gif": (lambda: flat(mode="P"), RED),
    "clear.png": (lambda: with_alpha("RGBA"), WHITE),
    "clear_palette.png": (lambda: with_alpha("P"), WHITE),
    "clear_grey.png": (lambda: with_alpha("LA"), WHITE),
    "it.webp": (flat, RED),
    "it.bmp": (flat, RED),
    "UPPER.JPEG": (flat, RED),
}


@pytest.mark.parametrize("name", CONVERTED)
def test_every_kind_of_picture_becomes_bytes_of_colours(tmp_path, name):
    make, colour = CONVERTED[name]
    write(tmp_path, 2)
    make().save(tmp_path / name)
    assert sum(origin(tmp_path).spec().splits.values()) == 3
    x = only(tmp_path, name)
    assert (x.dtype, x.shape) == (np.uint8, (12, 12, 3))
    np.testing.assert_allclose(x, np.broadcast_to(colour, x.shape), atol=4)
    assert only(tmp_path, name, channels=1).shape == (12, 12, 1)


def test_half_transparent_is_half_white(tmp_path):
    Image.new("RGBA", (12, 12), (255, 0, 0, 128)).save(tmp_path / "it.png")
    np.testing.assert_allclose(only(tmp_path)[0, 0], (255, 127, 127), atol=2)


def test_exif_turns_a_picture(tmp_path):
    half = flat(WHITE)
    half.paste(RED, (0, 0, 6, 12))  # its left half
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: left comes to the top
    half.save(tmp_path / "it.jpeg", exif=exif, quality=95, subsampling=0)
    x = only(tmp_path, "it.jpeg")
    np.testing.assert_allclose(x[:4].mean((0, 1)), RED, atol=8)
    np.testing.assert_allclose(x[-4:].mean((0, 1)), WHITE, atol=8)


def test_of_many_frames_the_first_counts(tmp_path):
    frames = [flat(), *(flat((0, i, 255)) for i in range(40))]
    frames[0].save(tmp_path / "it.gif", save_all=True, append_images=frames[1:])
    assert only(tmp_path, "it.gif")[5, 5].tolist() == [255, 0, 0]


@pytest.mark.parametrize(("ending", "mode"), [("png", "RGB"), ("png", "L"), ("jpg", "RGB")])
def test_the_middle_square_is_resized_with_antialiasing(tmp_path, ending, mode):
    size = 12 * 16
    stripes = np.full((size, 3 * size, 3), 200, np.uint8)
    stripes[:, size : 2 * size] = 255 * (np.arange(size) % 2)[:, None]  # grey from afar
    Image.fromarray(stripes).convert(mode).save(tmp_path / f"it.{ending}")
    x = only(tmp_path, f"it.{ending}").astype(float)
    np.testing.assert_allclose(x[:, 1:-1], 127.5, atol=6)
    same = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    Image.fromarray(same).save(tmp_path / "same.png")
    np.testing.assert_array_equal(only(tmp_path, "same.png"), same)


# --- what is no image


def chunk(kind, content):
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def bomb():
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    body = (
        chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + body


def cut(place):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(noise).save(place)
    place.write_bytes(place.read_bytes()[:2000])


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\nshowpage\n"
DAMAGED = {
    "text.png": (lambda p: p.write_text("no image"), "of no PNG, JPEG, WEBP, GIF, BMP"),
    "eps.png": (lambda p: p.write_bytes(EPS), "of no PNG, JPEG, WEBP, GIF, BMP"),
    "zero.jpg": (lambda p: p.write_bytes(b""), "it is empty"),
    "cut.png": (cut, "truncated"),
    "huge.png": (lambda p: p.write_bytes(bomb()), "too large a picture"),
    "large.png": (lambda p: Image.new("1", (9000, 8000)).save(p), "9000 x 8000 pixels"),
    "pipe.gif": (os.mkfifo, "no regular file"),
    "bad\udcff\x1b.png": (lambda p: p.write_text("no"), "of no PNG"),
    "pickled.npy": (lambda p: np.save(p, np.array([{}]), allow_pickle=True), "object"),
    "short.npy": (lambda p: p.write_bytes(npy((10**9, 99, 99))), "file size"),
    "integers.npy": (lambda p: np.save(p, np.zeros((3, 9, 9), int)), "array of int64"),
    "points.npy": (lambda p: np.save(p, np.zeros((3, 9, 9, 2), np.uint8)), r"\[3, 9, 9, 2\]"),
    "wide.npy": (lambda p: np.save(p, np.full((3, 9, 9), 2.5)), r"floats from 2\.5 to 2\.5"),
    "nan.npy": (lambda p: np.save(p, np.full((3, 9, 9), np.nan)), "floats from nan"),
    "many.npz": (lambda p: np.savez(p, a=np.zeros(2), b=np.zeros(2)), "expected x"),
    "not.npz": (lambda p: p.write_text("no zip"), "not a zip"),
}


def npy(shape):
    text = repr({"descr": "|u1", "fortran_order": False, "shape": shape}).ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + bytes(1000)


@pytest.fixture
def no_program(monkeypatch):
    """Ghostscript, say."""

    def refuse(*args, **kwargs):
        raise AssertionError("a program is started")

    monkeypatch.setattr(subprocess, "Popen", refuse)


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_named_in_one_line(tmp_path, name, no_program):
    make, says = DAMAGED[name]
    make(write(tmp_path) / name)
    with pytest.raises(DataCorruptError, match=says) as error:
        origin(tmp_path).load("train")
    words = str(error.value)
    assert words.isprintable()
    assert own_files.shown(name) in words
    assert "data.skip_damaged=True" in words


def test_damaged_files_are_skipped_counted_and_tried_once(
    tmp_path, caplog, monkeypatch, no_program
):
    pictures = {name: how for name, how in DAMAGED.items() if Path(name).suffix != ".npy"}
    for name, (make, _) in pictures.items():
        make(write(tmp_path) / name)
    spec = origin(tmp_path, size=12, skip_damaged=True).spec()
    assert sum(spec.splits.values()) == 20
    assert f"{len(pictures)} of {20 + len(pictures)} are left out as damaged: " in caplog.text
    reds = origin(tmp_path, size=12, skip_damaged=True).load("train+test").x[:, 0, 0, 0]
    assert sorted(reds.tolist()) == [5 * i for i in range(20)]
    forget()
    monkeypatch.setattr(own_pixels, "picture", None)  # what was noted, and kept, is enough
    caplog.clear()
    assert origin(tmp_path, size=12, skip_damaged=True).load("test").x.shape[1:] == (12, 12, 3)
    assert "are left out as damaged" in caplog.text


# --- the cache


def test_decoded_once_mapped_and_anew_when_a_file_changes(tmp_path, monkeypatch):
    write(tmp_path / "a")
    write(tmp_path / "b", 4)
    before = origin(tmp_path, size=8).load("train")
    assert not before.x.flags.writeable  # mapped
    assert before.x.shape[1:] == (8, 8, 3)
    forget()
    with monkeypatch.context() as patch:
        patch.setattr(own_pixels, "picture", None)
        again = origin(tmp_path, size=8).load("train")
    np.testing.assert_array_equal(again.x, before.x)
    np.testing.assert_array_equal(again.label, before.label)
    for file in tmp_path.glob("*/*.png"):
        flat().save(file)
    forget()
    assert (origin(tmp_path, size=8).load("train").x == RED).all()
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".npy"]  # kept elsewhere


def test_what_is_private_is_kept_privately(tmp_path):
    for i, file in enumerate(sorted(write(tmp_path).iterdir())):
        file.chmod(0o600 if i else 0o644)
    origin(tmp_path).load("train")
    (kept,) = folder._cache_folders(str(tmp_path))[0].glob("*-x.npy")
    assert kept.stat().st_mode & 0o777 == 0o600


# --- arrays


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def rows(x):
    return sorted(image.tobytes() for image in x)


@pytest.mark.parametrize("save", [np.save, lambda p, x: np.savez_compressed(p, x=x)])
def test_an_array_keeps_its_images(tmp_path, save):
    x, file = noise(30, 10, 14, 3), tmp_path / ("a.npy" if save is np.save else "a.npz")
    save(file, x)
    assert origin(file).spec().shape == (10, 14, 3)
    assert rows(origin(file).load("train+test").x) == rows(x)
    assert origin(file, size=8, channels=1).load("train").x.shape[1:] == (8, 8, 1)
    assert rows(origin(tmp_path).load("train+test").x) == rows(x)  # the folder of it, too


GIVEN = {
    "grey": (lambda x: x, lambda x: x[..., None]),
    "bool": (lambda x: x > 127, lambda x: 255 * (x > 127)[..., None]),
    "float": (lambda x: x / np.float32(255), lambda x: x[..., None]),
    "deep": (lambda x: x.astype(np.uint16) * 256 + 255, lambda x: x[..., None]),
}


@pytest.mark.parametrize("kind", GIVEN)
def test_arrays_of_any_range_become_bytes(tmp_path, kind):
    make, expected = GIVEN[kind]
    x = noise(20, 9, 9)
    np.save(tmp_path / "a.npy", make(x))
    got = origin(tmp_path).load("train+test").x
    assert rows(got) == rows(expected(x).astype(np.uint8))


def test_arrays_bring_labels_and_folders_go_before_them(tmp_path):
    x, label = noise(30, 9, 9), np.arange(30) % 3
    np.savez(tmp_path / "a.npz", x=x, label=label)
    spec = origin(tmp_path / "a.npz").spec()
    assert (spec.classes, spec.names) == (3, ())
    got = origin(tmp_path / "a.npz").load("train+test")
    found = {image.tobytes(): each for image, each in zip(got.x, got.label, strict=True)}
    assert [found[image.tobytes()] for image in x] == label.tolist()
    for name in ("b", "c"):
        (tmp_path / name).mkdir()
        os.link(tmp_path / "a.npz", tmp_path / name / "a.npz")
    os.unlink(tmp_path / "a.npz")
    assert origin(tmp_path).spec().names == ("b", "c")
    assert {*origin(tmp_path).load("train+test").label.tolist()} == {0, 1}


def test_one_image_a_file(tmp_path):
    for i, x in enumerate(noise(5, 9, 9, 3)):
        np.save(tmp_path / f"{i}.npy", x)
    assert rows(origin(tmp_path).load("train+test").x) == rows(noise(5, 9, 9, 3))


def test_packed_arrays_beyond_the_memory_are_refused(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((100, 50, 50), np.uint8))
    monkeypatch.setattr(own_files, "memory_bytes", lambda: 400_000)
    with pytest.raises(ConfigError, match=r"save them as \.npy"):
        origin(tmp_path).spec()


def test_the_config_names_all_of_it(tmp_path):
    from gan_jax.config import get_config

    config = get_config()
    config.data.name, config.data.dir, config.data.size = "folder", str(write(tmp_path)), 16
    opened = data.open_data(config)
    assert opened.spec.shape == (16, 16, 3)
    assert opened.has_held_out
    assert len(opened.examples().x) + len(opened.test().x) == 20
