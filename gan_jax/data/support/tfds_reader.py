"""Image sets from a TFDS folder without TensorFlow: array_record, and tfrecord as written by TF.

Only files on disk are read: nothing is downloaded, and no data set's own code is run.
"""

import contextlib
import functools
import hashlib
import io
import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.data.base import UNLABELLED, Arrays, PathLike, Spec
from gan_jax.data.support import cache, tfds_features, tfrecord
from gan_jax.data.support.tfds_features import Fields
from gan_jax.data.support.tfds_folder import find
from gan_jax.host.errors import ConfigError, DataCorruptError, UserError
from gan_jax.host.versions import cores

_BLOCK, _BLOCK_BYTES = 512, 2**28  # examples decoded between two writes, at most
_FILE_NAME = re.compile(r"([\w.-]|\{[A-Z_]+\})*", re.ASCII)  # as TFDS makes it from a template
_THREAD_PIXELS = 128 * 128  # for smaller images threads do not pay, as Python does most of the work


def recorded_spec(name: str, data_dir: PathLike | None = None) -> Spec:
    """Shape, splits and number of classes of a prepared set, as TFDS recorded them."""
    folder = find(name, data_dir)
    builder = _builder(folder)
    fields = tfds_features.fields(name, builder.info)
    splits = {split: int(info.num_examples) for split, info in builder.info.splits.items()}
    shape = fields.shape
    if None in shape:  # not recorded, so the first image decides, and read() checks the others
        split = next((each for each, size in splits.items() if size), None)
        if split is None:
            raise DataCorruptError(f"{folder} has no examples: prepare it again")
        first = next(_examples(builder, split, fields), None)
        if first is None:
            raise DataCorruptError(f"{folder} has no {split} examples: prepare it again")
        shape = _decode(first[fields.image], shape[-1], f"{folder} {split}", lambda _: None).shape
    return Spec(tuple(int(n) for n in shape if n), "image", splits, fields.classes)


def read(name: str, split: str, data_dir: PathLike | None, expected: Spec) -> Arrays:
    """All of a named split, in TFDS's order, from the cache if it was decoded before.

    DataCorruptError if the files are damaged or differ from `expected`; ConfigError if the images
    have several shapes.
    """
    folder = find(name, data_dir)
    builder = _builder(folder)
    fields = tfds_features.fields(name, builder.info)
    info = builder.info.splits.get(split)
    size = int(info.num_examples) if info else 0
    if size != expected.splits[split]:
        raise DataCorruptError(
            f"{folder} has {size} {split} examples, expected {expected.splits[split]}: "
            "prepare the set again in another folder"
        )
    files = _files(builder, split)
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
    arrays = cache.cached(entry, lambda: _blocks(builder, split, fields, entry))
    _check_labels(arrays.label, fields, f"{folder} {split}")
    return arrays


def _files(builder: Any, split: str) -> list[Path]:
    """The files of a split. DataCorruptError if dataset_info.json names any outside its folder."""
    folder, template = Path(builder.data_path), builder.info.splits[split].filename_template
    if _FILE_NAME.fullmatch(template.template):
        with contextlib.suppress(ValueError):  # a field that TFDS does not know
            files = [Path(file) for file in builder.info.splits[split].filepaths]
            if all(file.parent == folder for file in files):
                return files
    raise DataCorruptError(
        f"{folder / 'dataset_info.json'} names files of {split} in other folders, or not as TFDS "
        "does: prepare or copy the set again"
    )


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

    tfds_features.check(folder)
    try:
        builder = tfds.builder_from_directory(folder)
    except Exception as error:  # TFDS raises many kinds for malformed fields in its files
        raise DataCorruptError(
            f"{folder} is not a set that TFDS can open ({_line(error)}): prepare it again"
        ) from error
    form = builder.info.file_format
    if form is None or form.value not in ("array_record", "tfrecord"):
        raise ConfigError(
            f"{folder} holds {form and form.value}, expected array_record or tfrecord: "
            "prepare it again with tfds build --file_format array_record"
        )
    return builder


def _blocks(builder: Any, split: str, fields: Fields, entry: cache.Entry) -> Iterator[Arrays]:
    """The decoded examples of a split, a block at a time."""
    where = f"{builder.data_path} {split}"
    height, width, channels = entry.shape[1:]
    size = max(1, min(_BLOCK, _BLOCK_BYTES // math.prod(entry.shape[1:])))
    check = functools.partial(_check_shape, entry, None in fields.shape)
    workers = cores() if height * width >= _THREAD_PIXELS else 1
    with ThreadPoolExecutor(workers) as pool:
        mapping = pool.map if workers > 1 else map
        for batch in _batched(_examples(builder, split, fields), size):
            x = np.stack(
                list(mapping(lambda e: _decode(e[fields.image], channels, where, check), batch))
            )
            label = np.array([each[fields.label] for each in batch]) if fields.label else None
            _check_labels(label, fields, where)
            yield Arrays(x, label)


def _check_shape(entry: cache.Entry, free: bool, shape: tuple[int, ...]) -> None:
    """Refuses another shape: ConfigError if TFDS recorded none (free), else DataCorruptError."""
    if shape == entry.shape[1:]:
        return
    shapes = f"{entry.shape[1:]} and {shape}"
    if free:
        raise ConfigError(
            f"data {entry.name!r} has images of different shapes, such as {shapes}: "
            "only sets whose images all have one shape can be read"
        )
    raise DataCorruptError(
        f"{entry.name} has images of {shapes}, but TFDS recorded the first: prepare it again"
    )


def _check_labels(label_N: np.ndarray | None, fields: Fields, where: str) -> None:
    """DataCorruptError for a label that is not below TFDS's number of classes or UNLABELLED."""
    if label_N is None or not len(label_N):
        return
    last = (fields.classes or 2**31) - 1
    for label in (label_N.min(), label_N.max()):
        if not UNLABELLED <= label <= last:
            raise DataCorruptError(
                f"{where} has the label {label}, expected 0 to {last}, or {UNLABELLED} for none: "
                "prepare the set again"
            )


def _examples(builder: Any, split: str, fields: Fields) -> Iterator[dict[str, Any]]:
    """Examples with the image still encoded, the label an int, and no other feature."""
    import tensorflow_datasets as tfds

    keys = [key for key in (fields.image, fields.label) if key]
    features = tfds.features.FeaturesDict({key: builder.info.features[key] for key in keys})
    skip = {fields.image: tfds.decode.SkipDecoding()}
    try:
        for record in _records(builder, split):
            yield features.deserialize_example_np(record, decoders=skip)
    except UserError:
        raise
    except Exception as error:  # array_record and protobuf raise many kinds for damaged files
        raise DataCorruptError(
            f"{builder.data_path} {split} does not read back ({_line(error)}): "
            "prepare or copy the set again"
        ) from error


def _records(builder: Any, split: str) -> Iterable[bytes]:
    """All records in the files, whose number may differ from what TFDS recorded."""
    from array_record.python.array_record_data_source import ArrayRecordDataSource

    files = _files(builder, split)
    if builder.info.file_format.value == "tfrecord":
        return itertools.chain.from_iterable(map(tfrecord.records, files))
    source = ArrayRecordDataSource([str(file) for file in files])
    blocks = _batched(range(len(source)), _BLOCK)
    return itertools.chain.from_iterable(source.__getitems__(list(block)) for block in blocks)


def _decode(
    encoded: bytes,
    channels: int | None,
    where: str,
    check: Callable[[tuple[int, ...]], None],
) -> np.ndarray:
    """One PNG or JPEG as uint8 [H, W, C]; C is 3 if TFDS recorded none.

    check receives the shape before the image is decoded, as a small file can hold a huge image.
    """
    from gan_jax.data.support import opening

    channels = channels or 3
    try:
        with opening.opened(io.BytesIO(encoded)) as file:
            check((file.height, file.width, channels))
            pixels = np.asarray(opening.eight_bits(file, tfds_features.MODES[channels]))
    except ValueError as error:
        raise DataCorruptError(f"{where} has an image that does not decode: {error}") from error
    return pixels.reshape(*pixels.shape[:2], channels)


def _batched(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(items)  # itertools.batched came with Python 3.12
    while batch := list(itertools.islice(rest, size)):
        yield batch


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
