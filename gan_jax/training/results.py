"""What runs and sweeps left in their folders, read and checked; nothing here trains or writes."""

import logging
import math
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from gan_jax.config.leaves import BEFORE
from gan_jax.config.values import flatten
from gan_jax.host.errors import ConfigError
from gan_jax.host.files import read_if_whole, read_object
from gan_jax.training.folder import STATUSES

log = logging.getLogger(__name__)


def read_sweep(sweep_dir: str | Path) -> dict[str, Any]:
    """rows.json, its rows by index. Raises ConfigError if it is missing or not of that form."""
    path = Path(sweep_dir) / "rows.json"
    sweep = read_object(path, "a --workdir that a sweep has written")
    try:
        rows: list[dict[str, Any]] = [
            {
                "id": _folder_name(row["id"]),
                "index": int(row["index"]),
                "values": dict(row["values"]),
                "config": dict(row["config"]),
            }
            for row in sweep["rows"]
        ]
        varied = [str(leaf) for leaf in sweep["varied"]]
        facts = {"name": str(sweep["name"]), "command": str(sweep["command"]), "varied": varied}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{path} is not a sweep's ({type(error).__name__}: {error}): choose another --workdir"
        ) from error
    return sweep | facts | {"rows": sorted(rows, key=lambda row: row["index"])}


def as_begun(folder: str | Path, overrides: Mapping[str, str]) -> dict[str, str]:
    """The overrides, and values for the newer leaves that an older run or sweep lacks."""
    lacking = _lacking(Path(folder), overrides)
    before = {path: str(value) for path, value in BEFORE.items() if path in lacking}
    for leaf, value in before.items():
        log.warning("%s was begun without %s: it goes on with %s", folder, leaf, value)
    return before | dict(overrides)


def _lacking(folder: Path, overrides: Mapping[str, str]) -> set[str]:
    for file in (folder / "config.json", folder / "rows.json"):
        if file.exists():
            try:
                found = read_object(file, "a --workdir of a run or sweep")
                config = found if file.name == "config.json" else found["rows"][0]["config"]
                return flatten(BEFORE).keys() - flatten(config).keys() - overrides.keys()
            except (ConfigError, KeyError, IndexError, TypeError):  # the next reader reports this
                return set()
    return set()


FINDING = {"label", "step", "evidence"}


def read_summary(run_dir: Path) -> dict[str, Any] | None:
    """summary.json with all its keys; None while the run goes on or where it cannot be read."""
    found = read_if_whole(run_dir / "summary.json") or {}
    if found.get("status") not in STATUSES:
        return None
    metrics, labels, findings = (found.get(key) for key in ("metrics", "labels", "findings"))
    return found | {
        "metrics": metrics if isinstance(metrics, dict) else {},
        "labels": [str(label) for label in labels] if isinstance(labels, list) else [],
        "findings": [
            each
            for each in (findings if isinstance(findings, list) else ())
            if isinstance(each, dict) and each.keys() >= FINDING
        ],
    }


def read_made_with(run_dir: Path) -> dict[str, Any]:
    """made_with.json: command, versions and hardware; {} if it cannot be read.

    It also has the names of the data's classes, if they have names.
    """
    found = read_if_whole(run_dir / "made_with.json") or {}
    names = found.get("classes")
    return found | {"classes": [str(n) for n in names] if isinstance(names, list) else []}


def numbers(metrics: Mapping[str, Any]) -> dict[str, int | float]:
    """The finite numbers among a run's metrics."""
    return {
        name: value
        for name, value in metrics.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def inside(name: Any) -> bool:
    """Whether a name, such as that of a log, stays inside the folder it is relative to."""
    if not isinstance(name, str) or not name or "\0" in name or "\\" in name:
        return False
    path = PurePath(name)
    return not path.is_absolute() and ".." not in path.parts


def _folder_name(name: Any) -> str:
    if not inside(name) or len(PurePath(name).parts) != 1:
        raise ValueError(f"id {name!r} is not the name of a folder")
    return name
