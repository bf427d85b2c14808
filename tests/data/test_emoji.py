"""Emoji: from npm archives to two drawings of each thing, with classes and words."""

import gzip
import hashlib
import io
import tarfile

import numpy as np
import pytest
import tiny
from toy_sets import (
    STYLES,
    emoji_entries,
    emoji_members,
    encode,
    write_archive,
    write_emoji,
)

from gan_jax import data
from gan_jax.data import open_data
from gan_jax.data.support import emoji_file, emoji_things, npm_archive, prepare
from gan_jax.host.errors import CannotWriteError, ConfigError, DataCorruptError, DataMissingError

PICTURE = "package/img/google/64/1f001.png"


@pytest.fixture
def root(tmp_path):
    prepare.prepare("emoji", write_emoji(tmp_path), tmp_path / "data")
    return tmp_path / "data"


def opened(root, name="emoji", **leaves):
    return open_data(tiny.config(data__name=name, data__dir=str(root), **leaves))


def whole(root, name="emoji", **leaves):
    """All examples, the train split first."""
    return data.base.joined(
        [opened(root, name, **leaves).origin.load(split) for split in ("train", "test")]
    )


# --- what is made of the archives


def test_every_drawing_is_there_once_with_its_class_and_its_words(root):
    spec, arrays = opened(root, data__size=64).spec, whole(root, data__size=64)
    assert sum(spec.splits.values()) == len(arrays.x) == 40 + 10 * 2  # no component
    assert spec.names == ("Animals & Nature", "Flags", "Objects")
    assert np.bincount(arrays.label).tolist() == [22, 19, 19]
    assert len({each.tobytes() for each in arrays.x}) == 60
    known = {"google": emoji_members("google", emoji_entries())}
    colours = {
        decoded(png)[0, 0].tobytes() for png in known["google"].values() if png[1:4] == b"PNG"
    }
    assert {each.tobytes() for each in arrays.x[:, 0, 0]} <= colours
    assert (arrays.x[:, :, 40:] == 255).all()  # clear pixels lie over white


def decoded(png):
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_pairs_show_the_same_thing_and_styles_change_places(root):
    one, two = whole(root, "emoji_pairs"), whole(root, "emoji_pairs", data__args__style="twitter")
    np.testing.assert_array_equal(one.x, two.other)
    np.testing.assert_array_equal(one.other, two.x)
    np.testing.assert_array_equal(one.x, whole(root).x)
    np.testing.assert_array_equal(one.text, whole(root, data__args__style="twitter").text)
    by_image = {style: emoji_members(style, emoji_entries()) for style in STYLES}
    pairs = {
        tuple(
            decoded(by_image[s][f"package/img/{s}/64/{e['image']}"])[0, 0].tobytes() for s in STYLES
        )
        for e in emoji_entries()[:-1]
    }
    found = {
        (a.tobytes(), b.tobytes()) for a, b in zip(one.x[:, 0, 0], one.other[:, 0, 0], strict=True)
    }
    assert pairs <= found


def test_smaller_sizes_are_means_over_squares(root):
    large, small = whole(root, data__size=64).x, whole(root, data__size=16).x
    means = large.reshape(-1, 16, 4, 16, 4, 3).mean((2, 4))
    assert np.abs(means - small).max() <= 0.5
    assert opened(root).spec.shape == (32, 32, 3)


def test_variations_and_equal_drawings_are_on_one_side():
    rows = emoji_things.rows_of(emoji_entries())
    random = np.random.default_rng(0)
    styles = [list(random.integers(0, 256, (len(rows), 2, 2, 3), np.uint8)) for _ in STYLES]
    thing = emoji_things.things(rows, styles)
    assert len(set(thing)) == 40
    for row, name in zip(rows, thing, strict=True):
        assert row.text.startswith(name)
    styles[1][7], first = styles[1][0], rows[0]  # another emoji, drawn as the first one is
    assert emoji_things.things(rows, styles)[7] == thing[0]
    rows[9] = rows[9]._replace(replaces=first.emoji)
    assert emoji_things.things(rows, styles)[9] == thing[0]


def test_about_a_tenth_is_held_out_and_more_emoji_move_none_to_the_other_side():
    names = [f"thing {i}" for i in range(3000)]
    assert 0.08 < np.mean([emoji_things.is_test(name) for name in names]) < 0.12
    small, large = (emoji_things.rows_of(emoji_entries(n)) for n in (20, 40))
    sides = [{r.image: emoji_things.is_test(r.text) for r in rows} for rows in (small, large)]
    assert sides[0].items() <= sides[1].items()


def test_words_of_the_train_split_are_known_and_others_are_marked(root):
    known = opened(root)
    train, test = known.examples(), known.test()
    words = known.spec.vocabulary
    assert words[:2] == ("", "<unknown>")
    assert (train.text != 1).all()
    assert set(np.unique(train.text)) == {0, *range(2, len(words))}
    said = [[words[i] for i in text if i] for text in train.text.tolist()]
    assert all(text[0] == "thing" for text in said)
    assert {tuple(text[-2:]) for text in said} >= {("light", "skin"), ("dark", "skin")}
    assert (test.text[:, 3] == 1).any()  # the number in its name
    assert known.spec.text_length == train.text.shape[1]


def test_the_file_is_the_same_in_any_order_of_the_archives(root, tmp_path):
    archives = [tmp_path / f"{style}.tgz" for style in STYLES]
    prepare.prepare("emoji", archives[::-1], tmp_path / "again")
    one, two = (folder / "emoji" / "emoji.npz" for folder in (root, tmp_path / "again"))
    assert one.read_bytes() == two.read_bytes()


def test_a_second_call_writes_nothing(root, tmp_path):
    file = root / "emoji" / "emoji.npz"
    before = file.stat().st_mtime_ns
    assert "is prepared already" in prepare.prepare("emoji", ["no such file"], root)
    assert file.stat().st_mtime_ns == before
    with np.load(file) as kept:
        shas = [hashlib.sha256((tmp_path / f"{s}.tgz").read_bytes()).hexdigest() for s in STYLES]
        assert sorted(kept["sources"]) == sorted(
            f"{sha} {s}" for sha, s in zip(shas, STYLES, strict=True)
        )


# --- what is refused


def test_what_is_set_wrongly_is_one_line(root):
    for leaves, says in (
        ({"data__size": 48}, "data.size is 48: expected 64, 32, 16"),
        ({"data__args__style": "apple"}, "data.args.style 'apple' is unknown: choose from google"),
        ({"data__args__style": 3}, "data.args.style is 3: expected a text, such as 'google'"),
        ({"data__args__stile": "google"}, "data.args 'stile' is unknown.*Did you mean 'style'"),
        ({"data__channels": 1}, "data.channels is 1, and data 'emoji' takes none"),
        ({"data__paired": False}, "data.paired is False, and data 'emoji' has one domain"),
    ):
        with pytest.raises(ConfigError, match=says):
            opened(root, **leaves)


def test_not_prepared_names_the_command(tmp_path):
    with pytest.raises(
        DataMissingError, match=r"no .*/emoji/emoji.npz.*npm pack emoji-dat.*--from"
    ):
        opened(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\3\4 no zip", None])
def test_a_damaged_file_is_one_line(root, content):
    file = root / "emoji" / "emoji.npz"
    whole_file = file.read_bytes()
    file.write_bytes(whole_file[: len(whole_file) // 2] if content is None else content)
    with pytest.raises(DataCorruptError, match=r"emoji.npz is damaged \(.*prepare it again by gan"):
        opened(root)


def archive(tmp_path, change, style="google"):
    """An archive whose members were changed in place."""
    members = emoji_members(style, emoji_entries())
    return write_archive(tmp_path / "changed.tgz", change(members) or members)


def without(*names):
    return lambda members: {k: v for k, v in members.items() if k not in names}


def no_pictures(members):
    return {k: v for k, v in members.items() if "/64/" not in k}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.update({PICTURE: b"no picture"}), "1f001.png: its bytes are of no PNG"),
        (lambda m: m.update({PICTURE: encode(np.zeros((65, 64, 4), np.uint8))}), "64 x 65 pixels"),
        (lambda m: m.update({PICTURE: bytes(2**18 + 1)}), "262145 bytes, expected at most 262144"),
        (lambda m: m.update({"package/emoji.json": bytes(2**24 + 1)}), "16777217 bytes, expected"),
        (lambda m: m.update({"package/emoji.json": b"[" * 10**5}), "nested too deeply"),
        (lambda m: m.update({"package/emoji.json": b'[{"name": 1}]'}), "name is an integer, not"),
        (without("package/emoji.json"), "it has no package/emoji.json"),
        (no_pictures, "drawings by nobody, expected"),
        (lambda m: m.update({PICTURE.replace("google", "twitter"): m[PICTURE]}), "google and twi"),
    ],
)
def test_an_odd_archive_is_one_line(tmp_path, change, says):
    with pytest.raises(DataCorruptError, match=says) as caught:
        npm_archive.read(archive(tmp_path, change))
    assert "changed.tgz is not a whole archive" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.97, 0.9999])
def test_a_cut_archive_is_one_line(tmp_path, keep):
    file = archive(tmp_path, dict)
    content = file.read_bytes()
    file.write_bytes(content[: int(keep * len(content)) if keep < 1 else keep])
    with pytest.raises(
        DataCorruptError, match=r"changed\.tgz is not a whole archive of emoji-datas"
    ):
        npm_archive.read(file)


def test_changed_bytes_are_noticed(tmp_path):
    file = archive(tmp_path, dict)
    content = bytearray(file.read_bytes())
    content[-6] ^= 1  # of gzip's checksum, behind all members
    file.write_bytes(content)
    with pytest.raises(DataCorruptError, match="CRC check failed"):
        npm_archive.read(file)


def test_what_unfolds_without_end_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(npm_archive, "MOST_BYTES", 2**22)
    large = archive(tmp_path, lambda m: m.update({"package/zeros": bytes(2**23)}))
    with pytest.raises(DataCorruptError, match="unpacks to more than 4 MB"):
        npm_archive.read(large)
    monkeypatch.setattr(npm_archive, "MOST_MEMBERS", 5)
    with pytest.raises(DataCorruptError, match="more than 5 members"):
        npm_archive.read(archive(tmp_path, dict))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_large_header_is_refused_before_it_is_read(tmp_path, kind):
    """tarfile itself reads all of it into memory."""
    header = tarfile.TarInfo("package/long")
    header.type, header.size = kind, 2**40
    file = tmp_path / "changed.tgz"
    file.write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(2**12)))
    with pytest.raises(DataCorruptError, match="a header of 1099511627776 bytes"):
        npm_archive.read(file)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_picture_that_is_no_file_is_refused(tmp_path, kind):
    file = archive(tmp_path, without(PICTURE))
    content, link = gzip.decompress(file.read_bytes()), tarfile.TarInfo(PICTURE)
    link.type, link.linkname = kind, "/etc/passwd"
    file.write_bytes(gzip.compress(link.tobuf() + content))
    with pytest.raises(DataCorruptError, match=r"1f001\.png is no regular file"):
        npm_archive.read(file)


def test_a_drawing_that_is_there_twice_is_refused(tmp_path):
    """Which of the two would it be?"""
    file = archive(tmp_path, dict)
    one, two = tarfile.TarInfo(PICTURE), gzip.decompress(file.read_bytes())
    one.size = len(picture := encode(np.zeros((64, 64, 4), np.uint8)))
    padded = picture + bytes(-len(picture) % 512)
    file.write_bytes(gzip.compress(one.tobuf() + padded + two))
    with pytest.raises(DataCorruptError, match=r"1f001\.png is there twice"):
        npm_archive.read(file)


def test_a_name_that_leads_elsewhere_is_nobodys(tmp_path):
    """Only the members that are wanted are read, and nothing is extracted."""
    names = (
        "../../evil.png",
        "/etc/evil",
        f"package/../{PICTURE}",
        "package/img/google/64/../a.png",
    )
    before = {*tmp_path.rglob("*")}
    found = npm_archive.read(archive(tmp_path, lambda m: m.update(dict.fromkeys(names, b"evil"))))
    assert {*tmp_path.rglob("*")} == before | {tmp_path / "changed.tgz"}
    assert len(found.pictures) == 61


def test_archives_that_do_not_fit_are_one_line(tmp_path):
    google, twitter = write_emoji(tmp_path)
    short = write_archive(tmp_path / "short.tgz", emoji_members("twitter", emoji_entries(39)))
    members = emoji_members("google", emoji_entries())
    lacking = write_archive(tmp_path / "lacking.tgz", without(PICTURE)(members))
    for sources, kind, says in (
        ([google], DataMissingError, "--from has no archive of emoji-datasource-twitter"),
        ([google, tmp_path], DataMissingError, "is no file: expected the archives"),
        ([google, short], DataCorruptError, "list different emoji: give two of the same version"),
        ([lacking, twitter], DataCorruptError, "datasource-google lacks 1f001.png, and 1 drawings"),
    ):
        with pytest.raises(kind, match=says):
            prepare.prepare("emoji", sources, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "data").write_text("a file in its place")
    with pytest.raises(CannotWriteError, match="choose another --data_dir"):
        prepare.prepare("emoji", write_emoji(tmp_path), tmp_path / "data")


def test_whoever_drew_them_is_named(root):
    google, twitter = (emoji_file.CREDITS[style] for style in STYLES)
    assert ("Apache-2.0" in google, "CC-BY 4.0" in twitter) == (True, True)
    assert opened(root).origin.credit == f"Drawings by {google}."
    assert opened(root, data__args__style="twitter").origin.credit == f"Drawings by {twitter}."
    assert opened(root, "emoji_pairs").origin.credit == f"Drawings by {google} and by {twitter}."
    assert data.Origin("digits").credit == ""
