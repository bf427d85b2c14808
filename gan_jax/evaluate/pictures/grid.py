"""Pictures of samples as grids, PNG and GIF: from arrays to bytes."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gan_jax.data.support.opening import eight_bits, opened

MOST_DRAWN = 2**25  # pixels of a picture; drawing takes some twenty bytes for each
GRID_PX = 720  # the approximate side to which a grid is enlarged
CAPTIONED_PX, CAPTION_PX = 300, 12  # of a group of images with a caption, and of its letters
GIF_PX = 480  # the longer side of an animation
GIF_FRAMES = 60
GIF_BYTES = 4_000_000  # small enough to attach to an issue
_SEPARATOR = 96  # grey, visible beside black digits and white ones


def grid(images_NxHxWxC, columns: int | None = None, side: int = GRID_PX) -> np.ndarray:
    """The images in [0, 1] as one near-square uint8 picture [h, w, 3 or 1], 1 px between them.

    Small images are enlarged by an integer to about `side` pixels in all, so every pixel stays a
    square. NaN is drawn black.
    """
    images = np.asarray(images_NxHxWxC, np.float32)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise ValueError(f"a grid needs images [N, H, W, 1 or 3], not {list(images.shape)}")
    count, height, width, channels = images.shape
    columns = min(columns or math.ceil(math.sqrt(count * height / width)), count)
    rows = math.ceil(count / columns)
    scale = max(1, round(side / max(columns * width, rows * height)))
    pixels = to_uint8(images).repeat(scale, 1).repeat(scale, 2)
    cells = np.full(
        (rows * columns, height * scale + 1, width * scale + 1, channels), _SEPARATOR, np.uint8
    )
    cells[:count, 1:, 1:] = pixels
    cells = cells.reshape(rows, columns, *cells.shape[1:]).transpose(0, 2, 1, 3, 4)
    picture = cells.reshape(rows * (height * scale + 1), columns * (width * scale + 1), channels)
    return np.pad(picture, ((0, 1), (0, 1), (0, 0)), constant_values=_SEPARATOR)


def captioned(images_NxKxHxWxC, captions: Sequence[str], columns: int = 4) -> np.ndarray:
    """N groups of K images in [0, 1], each under its caption; a uint8 picture [h, w, 3]."""
    groups = [
        under(words, grid(each, len(each), CAPTIONED_PX))
        for words, each in zip(captions, np.asarray(images_NxKxHxWxC), strict=True)
    ]
    groups += [np.zeros_like(groups[0])] * (-len(groups) % columns)
    rows = [np.concatenate(groups[i : i + columns], 1) for i in range(0, len(groups), columns)]
    return np.concatenate(rows)


def under(caption: str, picture_HxWxC: np.ndarray) -> np.ndarray:
    """A uint8 picture, in colour, under a line of text, which is cut short if it is wider."""
    font = ImageFont.load_default(CAPTION_PX)
    height, width = picture_HxWxC.shape[:2]
    while font.getlength(caption) > width - 4:
        caption = caption[:-2] + "…"
    strip = CAPTION_PX + 4
    frame = Image.new("RGB", (width, height + strip))
    frame.paste(Image.fromarray(np.broadcast_to(picture_HxWxC, (height, width, 3))), (0, strip))
    ImageDraw.Draw(frame).text((2, 1), caption, font=font, fill="white")
    return np.asarray(frame)


def stacked(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """uint8 pictures [h, w, 3] one under the other, on black."""
    width = max(each.shape[1] for each in pictures)
    return np.concatenate(
        [np.pad(each, ((0, 0), (0, width - each.shape[1]), (0, 0))) for each in pictures]
    )


def most_in_grid(shape: tuple[int, ...]) -> int:
    """How many samples one picture may show: images side by side, or points."""
    height, width = shape[:2] if len(shape) == 3 else (0, shape[0] - 1)
    return MOST_DRAWN // ((height + 1) * (width + 1))


def most_frames(shape: tuple[int, ...]) -> int:
    """How many samples an animation may show, one per frame; points are all in one frame."""
    if len(shape) != 3:
        return most_in_grid(shape)
    scale = max(1, GIF_PX // max(shape[:2]))
    return 8 * MOST_DRAWN // (shape[0] * shape[1] * scale**2)


def to_uint8(images) -> np.ndarray:
    """Numbers in [0, 1] to 0..255, rounded; values outside are clipped."""
    finite = np.nan_to_num(np.asarray(images, np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    return np.floor(np.clip(finite, 0, 1) * 255 + 0.5).astype(np.uint8)


def png_bytes(picture_HxWxC: np.ndarray) -> bytes:
    """A uint8 picture [h, w] or [h, w, 1 or 3] as PNG."""
    picture = np.asarray(picture_HxWxC)
    if picture.dtype != np.uint8:
        raise ValueError(f"a picture has uint8 pixels, not {picture.dtype}: see to_uint8")
    if picture.ndim == 3 and picture.shape[-1] == 1:
        picture = picture[..., 0]
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()


def gif_bytes(
    paths: Sequence[Path], labels: Sequence[str], frame_ms: int = 120, last_ms: int = 2000
) -> bytes:
    """The pictures as one animation, each with its label above it.

    There are at most GIF_FRAMES frames, evenly spaced and including the first and the last. If the
    file is larger than GIF_BYTES, the number of frames and then of pixels is reduced until it fits.
    """
    if not paths:
        raise ValueError("an animation needs at least one picture")
    frames = [_frame(paths[i], labels[i]) for i in spread(len(paths), GIF_FRAMES)]
    while True:
        data = _encode(frames, frame_ms, last_ms)
        excess = len(data) / GIF_BYTES
        if excess <= 1:
            return data
        if len(frames) > 20:
            fewer = max(20, int(0.9 * len(frames) / excess))
            frames = [frames[i] for i in spread(len(frames), fewer)]
        elif max(frames[0].size) <= 64:
            return data
        else:
            frames = [f.resize((f.width * 2 // 3, f.height * 2 // 3)) for f in frames]


def animate(images_NxHxWxC, frame_ms: int = 80) -> bytes:
    """The images in [0, 1] as an endless GIF, one per frame, enlarged by an integer if small."""
    frames = to_uint8(images_NxHxWxC)
    if frames.shape[-1] == 1:
        frames = frames[..., 0]
    scale = max(1, GIF_PX // max(frames.shape[1:3]))
    while True:
        large = frames.repeat(scale, 1).repeat(scale, 2)
        data = _encode([Image.fromarray(each) for each in large], frame_ms, frame_ms)
        if scale == 1 or len(data) <= GIF_BYTES:
            return data
        scale -= 1


def spread(count: int, most: int) -> list[int]:
    """At most `most` of the indices 0..count-1, evenly spaced, first and last included."""
    return sorted({int(i) for i in np.linspace(0, count - 1, min(count, most)).round()})


def _frame(path: Path, label: str) -> Image.Image:
    try:
        with opened(path) as file:
            picture = eight_bits(file)
    except ValueError:  # one bad picture should not prevent the animation
        picture, label = Image.new("L", (GIF_PX, GIF_PX)), f"{label}: {path.name} cannot be read"
    scale = GIF_PX / max(picture.size)
    if scale < 1:
        width, height = (max(1, round(n * scale)) for n in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BOX)
    font = ImageFont.load_default(max(10, min(picture.size) // 28))
    strip = round(font.getbbox("Ag")[3]) + 9  # the same height for every label
    frame = Image.new(picture.mode, (picture.width, picture.height + strip))
    frame.paste(picture, (0, strip))
    ImageDraw.Draw(frame).text((6, 4), label, font=font, fill="white")
    return frame


def _encode(frames: list[Image.Image], frame_ms: int, last_ms: int) -> bytes:
    size = frames[0].size
    few = [_few_colours(f if f.size == size else f.resize(size)) for f in frames]
    out = io.BytesIO()
    few[0].save(
        out,
        "GIF",
        save_all=True,
        append_images=few[1:],
        duration=[frame_ms] * (len(frames) - 1) + [last_ms],
        loop=0,
    )
    return out.getvalue()


def _few_colours(picture: Image.Image) -> Image.Image:
    """The picture in few colours: half the bytes. Not dithered, so flat backgrounds stay flat."""
    if picture.mode == "L":
        return picture.point([level // 17 * 17 for level in range(256)])  # 16 greys
    return picture.quantize(64, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
