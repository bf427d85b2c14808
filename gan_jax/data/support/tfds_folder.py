"""Where a TFDS set is stored: its version folder, or an error that says how to prepare it."""

import os
import re
from pathlib import Path

from gan_jax.data.base import PathLike
from gan_jax.host.environment import local_path
from gan_jax.host.errors import ConfigError, DataMissingError

_NAME = re.compile(r"([A-Za-z]\w*)(?:/(\w[\w.+-]*))?(?::(\d+\.\d+\.\d+))?", re.ASCII)
_VERSION = re.compile(r"\d+\.\d+\.\d+", re.ASCII)
_FROM_IDX = ("mnist", "fashion_mnist")  # gan-jax data prepare makes these


def data_root(data_dir: PathLike | None = None) -> tuple[Path, str]:
    """The folder of TFDS sets, and who named it: the argument, else $TFDS_DATA_DIR, else TFDS."""
    if data_dir:
        root, origin = os.fspath(data_dir), "from data.dir"
    elif os.environ.get("TFDS_DATA_DIR"):
        root, origin = os.environ["TFDS_DATA_DIR"], "from $TFDS_DATA_DIR; data.dir is not set"
    else:
        root = os.path.join("~", "tensorflow_datasets")
        origin = "TFDS's usual folder; neither data.dir nor $TFDS_DATA_DIR is set"
    if "://" in root:
        raise ConfigError(f"data folder {root!r} is remote: copy the set to a local folder first")
    # Absolute, because TFDS would expand a ~ in it again.
    return Path(local_path(f"data folder ({origin})", root)).absolute(), origin


def find(name: str, data_dir: PathLike | None = None) -> Path:
    """The version folder of NAME, NAME/CONFIG or NAME:VERSION; the newest if none is named.

    ConfigError if the name is not of that form, or the set has several configs and none is named;
    DataMissingError, with the command that prepares the set, if there is no such folder.
    """
    match = _NAME.fullmatch(name)
    if not match:
        raise ConfigError(
            f"data 'tfds:{name}' is not a TFDS name: expected tfds:NAME, tfds:NAME/CONFIG or "
            "tfds:NAME:VERSION, in letters, digits, _ . + and -"
        )
    base, config, version = match.groups()
    root, origin = data_root(data_dir)
    folder = root / base / config if config else root / base
    versions = _versions(folder)
    if not versions and not config:
        configs = [each for each in _subfolders(folder) if _versions(each)]
        if len(configs) > 1:
            known = ", ".join(f"tfds:{base}/{each.name}" for each in configs)
            raise ConfigError(
                f"data 'tfds:{name}' has several configs in {root}: name one, {known}"
            )
        versions = _versions(configs[0]) if configs else []
    if version:
        versions = [each for each in versions if each.name == version]
    if not versions:
        raise DataMissingError(_missing(name, folder, version, root, origin))
    return versions[-1]


def _versions(folder: Path) -> list[Path]:
    """The prepared versions in a folder, oldest first."""
    names = [each for each in _subfolders(folder) if _VERSION.fullmatch(each.name)]
    whole = [each for each in names if (each / "dataset_info.json").is_file()]
    return sorted(whole, key=lambda each: tuple(map(int, each.name.split("."))))


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(each for each in folder.iterdir() if each.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError) as error:  # ValueError: no path has such a character
        reason = getattr(error, "strerror", None) or error
        raise DataMissingError(f"{str(folder)!r} cannot be read: {reason}") from error


def _missing(name: str, folder: Path, version: str | None, root: Path, origin: str) -> str:
    if name in _FROM_IDX:
        command = f"gan-jax data prepare {name} --from DIR_OF_IDX_FILES --data_dir {root}"
    else:
        command = (
            f"pip install 'gan-jax[prepare]' and "
            f"tfds build {name} --data_dir {root} --file_format array_record"
        )
    wanted = folder / (version or "VERSION") / "dataset_info.json"
    return f"data {name!r} is not prepared: no {wanted} ({origin}). Prepare it once: {command}"
