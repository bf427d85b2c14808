"""Image sets from a TFDS folder, without TensorFlow: array_record, and tfrecord as TF users have.

Only what lies on the disk is read: nothing is downloaded, and no data set's own code is run.
"""

import hashlib
import io
import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.data import cache, tfrecord
from gan_jax.data.base import Arrays, PathLike, Spec
from gan_jax.data.tfds_folder import find
from gan_jax.types import ConfigError, DataCorruptError, DataMissingError
from gan_jax.versions import cores

_MODES = {1: "L", 3: "RGB"}  # what images.grid can show
_BLOCK = 512  # examples decoded between two writes
_THREAD_PIXELS = 128 * 128  # below this Python's share of the work makes threads a loss


class Fields(NamedTuple):
    """Which feature of a set is the image and which the label."""

    image: str
    shape: tuple[int | None, ...]
    label: str | None
    classes: int


def recorded_spec(name: str, data_dir: PathLike | None = None) -> Spec:
    """Shape, splits and number of classes of a prepared set, from what TFDS recorded of it."""
    folder = find(name, data_dir)
    builder = _builder(folder)
    fields = _fields(name, builder.info)
    splits = {split: int(info.num_examples) for split, info in builder.info.splits.items()}
    shape = fields.shape
    if None in shape:  # not recorded: the first image tells, read() checks the others
        split = next((each for each, size in splits.items() if size), None)
        if split is None:
            raise DataCorruptError(f"{folder} has no examples: prepare it again")
        first = next(iter(_examples(builder, split, fields)))
        shape = _decode(first[fields.image], shape[-1], f"{folder} {split}").shape
    return Spec(tuple(int(n) for n in shape if n), "image", splits, fields.classes)


def read(name: str, split: str, data_dir: PathLike | None, expected: Spec) -> Arrays:
    """The whole of a named split, in TFDS's order, from the cache if it was decoded before.

    DataCorruptError if the files are damaged or are not what `expected` says; ConfigError if the
    images have several shapes.
    """
    folder = find(name, data_dir)
    builder = _builder(folder)
    fields = _fields(name, builder.info)
    info = builder.info.splits.get(split)
    size = int(info.num_examples) if info else 0
    if size != expected.splits[split]:
        raise DataCorruptError(
            f"{folder} has {size} {split} examples, expected {expected.splits[split]}: "
            "prepare the set again in another folder"
        )
    files = [Path(file) for file in info.filepaths]
    path_hash = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
    entry = cache.Entry(
        name=f"{name}/{split}",
        folders=(
            folder / "gan_jax_cache",
            *cache.user_folders(f"{folder.parent.name}-{folder.name}-{path_hash}"),
        ),
        source=tuple(_stamp(file) for file in [*files, folder / "features.json"]),
        shape=(size, *expected.shape),
        labelled=fields.label is not None,
        mode=files[0].stat().st_mode & 0o777,
    )
    return cache.cached(entry, lambda: _blocks(builder, split, fields, entry))


def _stamp(file: Path) -> tuple[str, int, int]:
    try:
        return cache.file_stamp(file)
    except OSError as error:
        raise DataCorruptError(
            f"{file} cannot be read ({error.strerror}), and the set in its folder needs it: "
            "prepare or copy the set again"
        ) from error


def _builder(folder: Path) -> Any:
    import tensorflow_datasets as tfds
    from google.protobuf.json_format import ParseError

    try:
        builder = tfds.builder_from_directory(folder)
    except (OSError, ValueError, ParseError) as error:
        raise DataCorruptError(
            f"{folder} is not a set that TFDS can open ({_line(error)}): prepare it again"
        ) from error
    if not builder.is_prepared():
        raise DataMissingError(f"{folder} is not prepared: prepare it again")
    form = builder.info.file_format
    if form is None or form.value not in ("array_record", "tfrecord"):
        raise ConfigError(
            f"{folder} holds {form and form.value}, expected array_record or tfrecord: "
            "prepare it again with tfds build --file_format array_record"
        )
    return builder


def _fields(name: str, info: Any) -> Fields:
    """The image and label that supervised_keys names, else the only image, else 'image'."""
    import tensorflow_datasets as tfds

    features = dict(info.features.items()) if hasattr(info.features, "items") else {}
    keys = info.supervised_keys or ()
    images = [key for key, each in features.items() if type(each) is tfds.features.Image]
    image = next((key for key in (*keys, "image") if key in images), images[0] if images else None)
    if image is None or features[image].np_dtype != np.uint8 or len(features[image].shape) != 3:
        raise ConfigError(
            f"data 'tfds:{name}' has no 8-bit image feature: it has {', '.join(features) or 'none'}"
        )
    shape = tuple(features[image].shape)
    if shape[-1] not in _MODES and shape[-1] is not None:
        raise ConfigError(f"data 'tfds:{name}' has images of {shape[-1]} channels: expected 1 or 3")
    labels = [key for key, each in features.items() if type(each) is tfds.features.ClassLabel]
    label = next((key for key in (*keys, "label") if key in labels), None)
    return Fields(image, shape, label, int(features[label].num_classes or 0) if label else 0)


def _blocks(builder: Any, split: str, fields: Fields, entry: cache.Entry) -> Iterator[Arrays]:
    """The decoded examples of a split, _BLOCK at a time."""
    where = f"{builder.data_path} {split}"
    height, width, channels = entry.shape[1:]
    workers = cores() if height * width >= _THREAD_PIXELS else 1
    with ThreadPoolExecutor(workers) as pool:
        mapping = pool.map if workers > 1 else map
        for batch in _batched(_examples(builder, split, fields), _BLOCK):
            decoded = mapping(lambda e: _decode(e[fields.image], channels, where), batch)
            x = _stack(list(decoded), entry, None in fields.shape)
            labels = [each[fields.label] for each in batch] if fields.label else None
            yield Arrays(x, None if labels is None else np.array(labels, np.int32))


def _stack(images: list[np.ndarray], entry: cache.Entry, free: bool) -> np.ndarray:
    """[N, H, W, C]. Another shape is the set's own nature if free, else damage."""
    for image in images:
        if image.shape == entry.shape[1:]:
            continue
        shapes = f"{entry.shape[1:]} and {image.shape}"
        if free:
            raise ConfigError(
                f"data {entry.name!r} has images of different shapes, such as {shapes}: "
                "only sets whose images all have one shape can be read"
            )
        raise DataCorruptError(
            f"{entry.name} has images of {shapes}, but TFDS recorded the first: prepare it again"
        )
    return np.stack(images)


def _examples(builder: Any, split: str, fields: Fields) -> Iterator[dict[str, Any]]:
    """Examples with the image still encoded, the label an int, and no other feature."""
    import tensorflow_datasets as tfds
    from google.protobuf.message import DecodeError

    keys = [key for key in (fields.image, fields.label) if key]
    features = tfds.features.FeaturesDict({key: builder.info.features[key] for key in keys})
    skip = {fields.image: tfds.decode.SkipDecoding()}
    try:
        for record in _records(builder, split):
            yield features.deserialize_example_np(record, decoders=skip)
    except (OSError, RuntimeError, ValueError, KeyError, AttributeError, DecodeError) as error:
        # array_record reports damage as RuntimeError, an unexpected example as one of the others
        raise DataCorruptError(
            f"{builder.data_path} {split} does not read back ({_line(error)}): "
            "prepare or copy the set again"
        ) from error


def _records(builder: Any, split: str) -> Iterable[bytes]:
    import tensorflow_datasets as tfds

    if builder.info.file_format.value == "tfrecord":
        files = builder.info.splits[split].filepaths
        return itertools.chain.from_iterable(tfrecord.records(Path(file)) for file in files)
    raw = tfds.decode.DeserializeMethod.RAW_BYTES
    source = builder.as_data_source(split, deserialize_method=raw)
    blocks = _batched(range(len(source)), _BLOCK)
    return itertools.chain.from_iterable(source.__getitems__(list(block)) for block in blocks)


def _decode(encoded: bytes, channels: int | None, where: str) -> np.ndarray:
    """One PNG or JPEG as uint8 [H, W, C]; C is 3 where TFDS recorded none."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(encoded)) as image:
            pixels = np.asarray(image.convert(_MODES[channels or 3]), np.uint8)
    except (OSError, SyntaxError, ValueError) as error:  # what PIL raises for a broken file
        raise DataCorruptError(
            f"{where} has an image that does not decode: {_line(error)}"
        ) from error
    return pixels.reshape(*pixels.shape[:2], -1)


def _batched(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(items)  # itertools.batched came with Python 3.12
    while batch := list(itertools.islice(rest, size)):
        yield batch


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
