"""Pictures that are read: only the formats that are named, never more than can be decoded."""

import io
import struct
import subprocess
import zlib

import numpy as np
import pytest
from PIL import Image, ImageSequence
from toy_sets import encode

from gan_jax.data.support import opening
from gan_jax.evaluate.pictures import grid as images

GREY = np.random.default_rng(0).integers(0, 256, (6, 5)).astype(np.uint8)


def read(content, mode=None):
    with opening.opened(io.BytesIO(content)) as file:
        return np.asarray(opening.eight_bits(file, mode))


def said_of(content):
    try:
        return "" if read(content).size else "nothing"
    except ValueError as error:
        return str(error)


def chunk(kind, content):
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png(*chunks, size=(5, 6)):
    """Grey, of that size as its header has it, without pixels."""
    header = struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L", "I"])
def test_16_bits_keep_their_high_byte(mode):
    deep = np.random.default_rng(1).integers(0, 2**16, (6, 5))
    order = ">u2" if mode == "I;16B" else "<i4" if mode == "I" else "<u2"
    picture = Image.frombytes(mode, (5, 6), deep.astype(order).tobytes())
    np.testing.assert_array_equal(opening.eight_bits(picture), deep >> 8)
    np.testing.assert_array_equal(np.asarray(opening.eight_bits(picture, "RGB"))[..., 2], deep >> 8)


@pytest.mark.parametrize(("mode", "value"), [("F", 0.5), ("I", 2**16), ("I", -1)])
def test_pixels_of_more_bits_are_refused(mode, value):
    with pytest.raises(ValueError, match=f"pixels of mode {mode}, expected 8 or 16 bits"):
        opening.eight_bits(Image.new(mode, (2, 2), value))


def test_modes_of_8_bits_and_fewer():
    np.testing.assert_array_equal(read(encode(GREY)), GREY)
    assert read(encode(GREY), "RGB").shape == (6, 5, 3)
    assert set(np.unique(read(encode(GREY > 99)))) == {0, 255}
    colours = Image.fromarray(GREY).convert("P")
    colours.info["transparency"] = bytes(range(256))
    file = io.BytesIO()
    colours.save(file, "PNG")
    assert read(file.getvalue()).shape == (6, 5, 3)  # and no warning of Pillow's
    rgba = np.stack([GREY, GREY, GREY, np.zeros_like(GREY)], -1)
    np.testing.assert_array_equal(read(encode(rgba), "L"), GREY)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 6\n%%EndComments\nshowpage\n%%EOF\n"


@pytest.mark.parametrize("form", ["EPS", "GIF", "BMP", "TIFF", "WEBP", "ICO", "PPM", "TGA", "PCX"])
def test_no_other_format_is_tried(form, tmp_path, monkeypatch):
    """An EPS file called .png would start Ghostscript."""
    monkeypatch.setattr(subprocess, "check_call", None)
    content = EPS if form == "EPS" else encode(GREY, form)
    (tmp_path / "x.png").write_bytes(content)
    for source in (io.BytesIO(content), tmp_path / "x.png"):
        with (
            pytest.raises(ValueError, match="its bytes are of no PNG, JPEG"),
            opening.opened(source),
        ):
            pass


@pytest.mark.parametrize("side", [8193, 9500, 30_000, 2**31 - 1])
def test_a_huge_header_is_refused_before_decoding(side):
    """Pillow warns of the second and raises for the third."""
    with (
        pytest.raises(ValueError, match="pixels"),
        opening.opened(io.BytesIO(png(chunk(b"IDAT", b""), size=(side, side)))),
    ):
        pytest.fail("it was opened")


BOMB = zlib.compress(bytes(50_000_000))


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"iCCP", b"x\0\0" + BOMB),
        chunk(b"zTXt", b"x\0\0" + BOMB),
        chunk(b"PLTE", b"123"),
        b"x",
    ],
    ids=["iCCP", "zTXt", "PLTE", "no chunk"],
)
def test_odd_chunks_are_one_line_or_do_not_matter(extra):
    good = encode(GREY)
    for content in (good[:33] + extra + good[33:], png(extra), png(extra, chunk(b"IDAT", BOMB))):
        assert "\n" not in said_of(content)


def test_whatever_is_damaged_is_one_line():
    rng = np.random.default_rng(0)
    for form in ("PNG", "JPEG"):
        good = encode(rng.integers(0, 256, (16, 16, 3)).astype(np.uint8), form)
        for end in range(0, len(good), 7):
            damaged = bytearray(good[:end] if end % 2 else good)
            if damaged:
                damaged[rng.integers(len(damaged))] ^= 1 << rng.integers(8)
            assert "\n" not in said_of(bytes(damaged))


def test_one_unreadable_picture_does_not_end_an_animation(tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"]
    paths[0].write_bytes(encode(np.tile(GREY, (50, 50))))
    paths[1].write_bytes(EPS)  # and the third is not there
    with Image.open(io.BytesIO(images.gif_bytes(paths, ["1", "2", "3"]))) as animation:
        assert animation.n_frames == 3


def test_a_label_stands_above_its_picture_and_covers_none_of_it(tmp_path):
    flat = np.full((300, 200), 255, np.uint8)
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(encode(flat))
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    with Image.open(io.BytesIO(images.gif_bytes(paths, ["step 5", "of 10"]))) as animation:
        for frame in ImageSequence.Iterator(animation):
            strip, below = np.split(np.asarray(frame.convert("L")), [frame.height - 300])
            assert (below == 255).all()
            assert strip.max() > 200  # the label
            assert (strip == 0).mean() > 0.5


def test_a_caption_stands_above_its_group_and_is_cut_where_that_ends():
    white = np.ones((3, 2, 8, 8, 3))
    picture = images.captioned(white, ["cat", "a very long caption " * 9, ""], columns=2)
    height, width = (size // 2 for size in picture.shape[:2])
    strip = images.CAPTION_PX + 4
    for n, (low, high) in enumerate([(0.02, 0.3), (0.9, 0.99), (0, 0)]):
        top, left = n // 2 * height, n % 2 * width
        above = picture[top : top + strip, left : left + width].max((0, 2)) > 99
        below = picture[top + strip : top + height, left : left + width]
        assert set(np.unique(below)) == {images._SEPARATOR, 255}
        assert low * width <= max([0, *np.flatnonzero(above)]) <= high * width
    assert not picture[height:, width:].any()  # there is no fourth group
