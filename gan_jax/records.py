"""Files that are written whole or not at all, and configs as JSON that can be compared.

JSON knows no NaN and no infinity: in a config they are refused. Lines of metrics: linelog.py.
"""

import contextlib
import glob
import json
import math
import os
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.types import CannotWriteError, ConfigError


def plain_config(config: Any, name: str = "") -> Any:
    """The config as plain JSON, tuples as lists. Raises ConfigError naming a leaf that cannot."""
    if hasattr(config, "items"):
        return {
            str(k): plain_config(v, f"{name}.{k}" if name else str(k)) for k, v in config.items()
        }
    if isinstance(config, list | tuple):
        return [plain_config(v, f"{name}[{i}]") for i, v in enumerate(config)]
    if isinstance(config, np.generic):
        config = config.item()
    if isinstance(config, float) and not math.isfinite(config):
        raise ConfigError(f"config.{name} is {config}: JSON has no such number, write a finite one")
    if config is None or isinstance(config, str | bool | int | float):
        return config
    kind = type(config).__name__
    raise ConfigError(f"config.{name} is a {kind}: use a number, a string, a list or None")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError into CannotWriteError with one plain line."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CannotWriteError(
            f"cannot write {path}: {reason}: free it or choose another --workdir"
        ) from error


def write_named(flag: str, file: Path, content: bytes | None) -> None:
    """The file that a flag names, in a folder that is made where there is none.

    With no content only what can be known before the work: whether there is a place for it.
    CannotWriteError where there is not.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_dir() or not os.access(file.parent, os.W_OK):
            raise OSError(None, "it is a folder" if file.is_dir() else "Permission denied")
        if content is not None:
            write_atomically(file, content)
    except OSError as error:
        raise CannotWriteError(f"cannot write {flag} {file}: {error.strerror}") from error


def config_difference(there: Any, here: Any, defaults: Any = None) -> list[str]:
    """One phrase a leaf that differs, e.g. `gen.lr 0.0002 there, 0.001 here`.

    A leaf that is absent there has its default: an older version did not know it. More steps than
    there are no difference, unless a learning rate comes down over all of them: the run goes on,
    also on other devices.
    """
    new = _flatten(here)
    old = {k: v for k, v in _flatten(defaults or {}).items() if k in new} | _flatten(there)
    names = [name for name in sorted(old | new) if _text(old, name) != _text(new, name)]
    names = [name for name in names if name != "devices"]  # the numbers are the same, to rounding
    if names == ["steps"] and old["steps"] < new["steps"] and not _follows_steps(new):
        return []
    return [f"{name} {_text(old, name)} there, {_text(new, name)} here" for name in names]


def leaf_texts(config: Any, free: Collection[str]) -> dict[str, str]:
    """Each leaf as text, without the free ones and the steps, where nothing follows from them."""
    leaves = _flatten(config)
    free = {*free} if _follows_steps(leaves) else {*free, "steps"}
    return {name: _text(leaves, name) for name in leaves if name not in free}


def _follows_steps(leaves: dict[str, Any]) -> bool:
    return any(
        leaves.get(f"{player}.schedule") in ("linear", "cosine")
        and not leaves.get(f"{player}.schedule_steps")
        for player in ("gen", "disc")
    )


def _flatten(config: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(config, dict) or not config:
        return {name: config}
    leaves: dict[str, Any] = {}
    for key, value in config.items():
        leaves |= _flatten(value, f"{name}.{key}" if name else key)
    return leaves


def _text(leaves: dict[str, Any], name: str) -> str:
    if name not in leaves:
        return "absent"
    value = leaves[name]
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return json.dumps(int(value) if whole else value)  # 1 and 1.0 are the same setting


def write_atomically(path: Path, data: bytes) -> None:
    """Readers see the old file or the new one, never a part. Raises OSError.

    The temporary file is this process's alone: several hosts may write one file of a shared folder.
    """
    here = f".{path.name}.{zlib.crc32(os.uname().nodename.encode()):08x}-"
    temporary = path.with_name(f"{here}{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)  # what a killed process of this number left, or a link
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):  # the file is there
        for left in path.parent.glob(f"{glob.escape(here)}*.tmp"):
            if not _is_alive(left.name.removeprefix(here).removesuffix(".tmp")):
                left.unlink(missing_ok=True)


def _is_alive(process: str) -> bool:
    """Whether a process of this host may still write its temporary file; not after a kill."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError, OverflowError):  # another user's, or no number
        return True
    return True
