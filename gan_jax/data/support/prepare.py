"""Prepares data sets from files on this machine.

MNIST and Fashion-MNIST are made from their four IDX files, exactly as TFDS itself would make them;
emoji is made from two npm archives: see emoji_file.py.
"""

import contextlib
import gzip
import hashlib
import io
import logging
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.config import choose
from gan_jax.data.base import PathLike
from gan_jax.data.support import emoji_file
from gan_jax.data.support.tfds_folder import data_root
from gan_jax.host.errors import CannotWriteError, ConfigError, DataCorruptError, DataMissingError

_BUILDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}  # in tfds.image_classification
_STEMS = {"train": "train", "test": "t10k"}
_MAGIC = {"images": 0x803, "labels": 0x801}  # unsigned bytes, of 3 and of 1 dimensions
_COUNTS = {"train": 60000, "test": 10000}
_SIDE, _CLASSES = 28, 10


def prepare(name: str, sources: Sequence[PathLike], data_dir: PathLike | None = None) -> str:
    """Prepares a set below data_dir; returns the line that says what it did.

    sources: the folder of the IDX files, or the archives. ConfigError for an unknown set, or more
    sources than it has; DataMissingError, DataCorruptError, CannotWriteError.
    """
    choose("data to prepare", name, [*_BUILDERS, "emoji"])
    if name == "emoji":
        return emoji_file.prepare(sources, data_dir)
    if len(sources) > 1:
        raise ConfigError(f"--from names {len(sources)} places: expected the folder of IDX files")
    return prepare_idx(name, sources[0], data_dir)


def prepare_idx(
    name: str,
    source_dir: PathLike,
    data_dir: PathLike | None = None,
    counts: Mapping[str, int] = _COUNTS,
) -> str:
    """Writes NAME/3.0.1 in array_record below data_dir; returns the line that says what it did.

    source_dir holds train-images-idx3-ubyte, train-labels-idx1-ubyte and the same for t10k, each
    with or without .gz, with - or . before idx. counts: how many examples each must hold. An
    existing set is not changed. An interrupted call leaves nothing that could be read as a set.

    DataMissingError names the missing files, DataCorruptError the damaged file, CannotWriteError
    the folder that cannot be written.
    """
    root = data_root(data_dir)[0]
    import tensorflow_datasets as tfds

    original = getattr(tfds.image_classification, _BUILDERS[name])
    if there := _prepared(original, root):
        return f"{there} is prepared already: nothing was written"
    arrays = _read_source(name, Path(source_dir), counts, original.url_infos or {})
    sizes = ", ".join(f"{len(label)} {split}" for split, (_, label) in arrays.items())
    print(f"preparing {name} in {root}: {sizes} examples", file=sys.stderr, flush=True)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _quiet(), tempfile.TemporaryDirectory() as scratch:
            _make_builder(name, original, arrays)(data_dir=root).download_and_prepare(
                file_format="array_record",
                download_dir=scratch,
                download_config=tfds.download.DownloadConfig(try_download_gcs=False),
            )
    except OSError as error:
        if there := _prepared(original, root):
            return f"{there} was prepared meanwhile by another process: nothing was written"
        raise CannotWriteError(
            f"{root} cannot be written ({error.strerror or error}): choose another --data_dir"
        ) from error
    return f"{_prepared(original, root)} is prepared: {sizes} examples"


def _prepared(original: Any, root: Path) -> Path | None:
    with _quiet():
        folder = Path(original(data_dir=root).data_path)
    # Not by is_prepared, which treats the folder as a glob pattern, in which [1] would match 1.
    return folder if (folder / "dataset_info.json").is_file() else None


def _make_builder(name: str, original: Any, arrays: dict[str, tuple]) -> Any:
    """TFDS's own builder with its source of examples replaced."""

    class FromArrays(original, skip_registration=True):  # type: ignore[call-arg]
        pkg_dir_path = None

        def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
            return {split: self._generate_examples(*pair) for split, pair in arrays.items()}

        def _generate_examples(self, x: np.ndarray, label: np.ndarray) -> Iterator[tuple]:
            for index, (image, each) in enumerate(zip(x, label, strict=True)):
                # The index is the key that TFDS uses too, which determines the order on disk.
                yield index, {"image": _png(image), "label": int(each)}

    FromArrays.name = name
    return FromArrays


def _read_source(
    name: str, folder: Path, counts: Mapping[str, int], url_infos: Mapping[str, Any]
) -> dict[str, tuple[np.ndarray, ...]]:
    """{split: (images [N, 28, 28], labels [N])}, verified."""
    names = {(split, part): _file_name(split, part) for split in _STEMS for part in _MAGIC}
    files = {key: path for key, stem in names.items() if (path := _find(folder, stem))}
    if missing := [stem for key, stem in names.items() if key not in files]:
        raise DataMissingError(
            f"data {name!r}: {folder} has no {', '.join(missing)} (with or without .gz): "
            "--from must name the folder of the four IDX files"
        )
    sums = {info.filename: info.checksum for info in url_infos.values()}
    for key, file in files.items():
        _compare_sum(file, sums.get(names[key] + ".gz"))
    return {
        split: tuple(_read_idx(files[split, part], part, counts[split]) for part in _MAGIC)
        for split in _STEMS
    }


def _file_name(split: str, part: str) -> str:
    return f"{_STEMS[split]}-{part}-idx{_MAGIC[part] & 0xFF}-ubyte"


def _find(folder: Path, stem: str) -> Path | None:
    names = (stem, stem.replace("-idx", ".idx"))
    paths = [folder / f"{name}{end}" for end in (".gz", "") for name in names]
    return next((path for path in paths if path.is_file()), None)


def _read_idx(path: Path, part: str, count: int) -> np.ndarray:
    """The array in an IDX file: a magic number and the sizes, 4 bytes each, then the bytes."""
    shape = (count, _SIDE, _SIDE) if part == "images" else (count,)
    header = np.array([_MAGIC[part], *shape], ">u4").tobytes()
    expected = len(header) + int(np.prod(shape))
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            content = file.read(expected + 1)  # no more, however large a .gz unpacks
    except (OSError, EOFError, zlib.error) as error:
        raise DataCorruptError(f"{path} cannot be read: {error}; fetch it again") from error
    if content[: len(header)] != header:
        found = np.frombuffer(content[: min(len(header), len(content) // 4 * 4)], ">u4").tolist()
        raise DataCorruptError(
            f"{path} begins with magic number and sizes {found}, "
            f"expected {[_MAGIC[part], *shape]}: fetch it again"
        )
    if len(content) != expected:
        found = "more" if len(content) > expected else str(len(content))
        raise DataCorruptError(f"{path} holds {found} bytes, expected {expected}: fetch it again")
    array = np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)
    if part == "labels" and array.max(initial=0) >= _CLASSES:
        raise DataCorruptError(
            f"{path} has the label {array.max()}, expected 0 to 9: fetch it again"
        )
    return array


def _compare_sum(path: Path, expected: str | None) -> None:
    """Warns if a file is not byte for byte the one TFDS knows; its content may still be right."""
    if path.suffix != ".gz":
        line = f"{path} is not compressed: its sha256 cannot be compared with TFDS's list"
    elif hashlib.sha256(path.read_bytes()).hexdigest() != expected:
        line = f"{path} is not the file TFDS knows: its sha256 differs from TFDS's list"
    else:
        return
    print(f"warning: {line}", file=sys.stderr)


def _png(image: np.ndarray) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences TFDS's progress bars, its output on stdout and its warning about missing data."""
    import tensorflow_datasets as tfds

    log = logging.getLogger("absl")
    level = log.level
    tfds.disable_progress_bar()
    log.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        log.setLevel(level)
        tfds.enable_progress_bar()
