"""One step on disk, and what makes it trustworthy: the SHA-256 of every leaf and of every file.

A state is stored flat, one array a leaf under a path such as `gen/params/Dense_0/kernel`, so that
the files can be read without this package. Typed keys are stored as their key data.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from gan_jax.config.as_json import FORMAT
from gan_jax.training.orbax_files import one_line, read_item, write_items
from gan_jax.types import PyTree

SEAL = "files.sha256"


class DamagedStep(Exception):
    """A step that cannot be trusted; the message says why and names the leaf or file at fault."""


class StrangeStep(DamagedStep):
    """A step that is whole but belongs to another run, or is not where it was saved."""


class Leaf(NamedTuple):
    """One leaf on the host. For a typed key, `impl` names its generator and `array` is its data."""

    array: np.ndarray
    dtype: str
    shape: tuple[int, ...]
    impl: str | None = None


def to_host(state: PyTree) -> dict[str, Leaf]:
    """Copies of all leaves by path; none shares memory with the device."""
    paths, _ = jax.tree.flatten_with_path(state)
    leaves = {_name(path): _copy(leaf) for path, leaf in paths}
    if len(leaves) != len(paths):
        raise ValueError("two leaves of the state have one path: rename a dict key that holds '/'")
    return leaves


def write(folder: Path, leaves: dict[str, Leaf], facts: dict[str, Any]) -> None:
    """Saves the leaves and their manifest, with these facts. Raises whatever Orbax does."""
    # Orbax refuses arrays of size 0; the manifest describes them fully
    arrays = {name: leaf.array for name, leaf in leaves.items() if leaf.array.size}
    described = describe(leaves) | facts
    write_items(folder, state=ocp.args.StandardSave(arrays), manifest=ocp.args.JsonSave(described))


def read(folder: Path) -> tuple[dict, dict]:
    """The manifest and the arrays of one step, verified to be what was saved, bit for bit."""
    with damage():
        check_seal(folder)
        described = read_item(folder, manifest=ocp.args.JsonRestore())
        if (there := described.get("version")) != FORMAT:
            raise DamagedStep(f"it is of format {there}, and this version reads format {FORMAT}")
        arrays = read_item(folder, state=ocp.args.StandardRestore())
        check_leaves(described, arrays)
    return described, arrays


@contextlib.contextmanager
def damage() -> Iterator[None]:
    """Turns what reading a step may raise (FileNotFoundError, KeyError, ...) into DamagedStep."""
    try:
        yield
    except DamagedStep:
        raise
    except Exception as error:
        raise DamagedStep(f"it cannot be read ({one_line(error)})") from error


def to_state(manifest: dict, arrays: dict[str, np.ndarray], like: PyTree) -> PyTree:
    """The state that `like` describes, on one device. Nothing is cast.

    With None the result is {path: array} of everything except typed keys.

    Raises DamagedStep naming the first leaf that is missing, extra, or of another dtype or shape.
    """
    if like is None:
        plain = (name for name, entry in manifest["leaves"].items() if "impl" not in entry)
        return {name: arrays[name] for name in plain if name in arrays}
    paths, tree = jax.tree.flatten_with_path(like)
    targets = {_name(path): leaf for path, leaf in paths}
    entries = manifest["leaves"]
    _compare(entries, targets)
    leaves = [_place(arrays.get(name), entries[name], leaf) for name, leaf in targets.items()]
    return jax.tree.unflatten(tree, leaves)


def kinds(state: PyTree) -> dict[str, str]:
    """The dtype and shape of each leaf by path, as words."""
    paths, _ = jax.tree.flatten_with_path(state)
    return {_name(path): _kind(leaf.dtype, leaf.shape) for path, leaf in paths}


def replaced(state: PyTree, arrays: Mapping[str, np.ndarray]) -> PyTree:
    """The state with these arrays, by path, in place of its own."""
    paths, tree = jax.tree.flatten_with_path(state)
    named = [(_name(path), leaf) for path, leaf in paths]
    leaves = [jax.numpy.array(arrays[n]) if n in arrays else leaf for n, leaf in named]
    return jax.tree.unflatten(tree, leaves)


def check_leaves(manifest: dict, arrays: dict[str, np.ndarray]) -> None:
    """Raises DamagedStep at the first array that is not, bit for bit, what its entry describes.

    Arrays of size 0 are not stored: only their entries describe them.
    """
    for name, entry in manifest["leaves"].items():
        array = arrays.get(name)
        if 0 in entry["shape"]:
            continue
        if array is None:
            raise DamagedStep(f"{name} is missing")
        plain = "impl" not in entry
        if plain and _kind(array.dtype, array.shape) != _kind(entry["dtype"], entry["shape"]):
            raise DamagedStep(f"{name} is not what its manifest describes")
        if _digest(array) != entry["sha256"]:
            raise DamagedStep(f"{name} does not match its checksum")


def seal(folder: Path) -> None:
    """Forces all files of a finished step to the disk and writes their checksums beside them.

    The format is sha256sum's: `sha256sum -c files.sha256` works too.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{_file_digest(path, sync=True)}  {path.relative_to(folder)}\n" for path in files]
    with (folder / SEAL).open("w") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())


def check_seal(folder: Path) -> None:
    """Raises DamagedStep if a file of the step has changed or is gone, or if it has no seal."""
    path = folder / SEAL
    lines = path.read_text().splitlines() if path.exists() else []
    if not lines:
        raise DamagedStep(f"it has no {SEAL}, which every save writes last")
    for line in lines:
        digest, _, name = line.partition("  ")
        if not name:
            raise DamagedStep(f"{SEAL} is torn")
        if not (folder / name).is_file():
            raise DamagedStep(f"{name} is missing")
        if _file_digest(folder / name) != digest:
            raise DamagedStep(f"{name} does not match its checksum")


def describe(leaves: dict[str, Leaf]) -> dict:
    """The manifest of these leaves, plain JSON."""
    return {"version": FORMAT, "leaves": {name: _entry(leaf) for name, leaf in leaves.items()}}


def _copy(leaf) -> Leaf:
    leaf = leaf if isinstance(leaf, jax.Array) else np.asarray(leaf)
    dtype, shape, impl = str(leaf.dtype), leaf.shape, None
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        impl = str(jax.random.key_impl(leaf))
        leaf = jax.random.key_data(leaf)
    # np.asarray would be a view of a buffer that the caller is about to donate
    return Leaf(np.array(leaf, order="C", copy=True), dtype, shape, impl)


def _entry(leaf: Leaf) -> dict:
    entry = {"dtype": leaf.dtype, "shape": list(leaf.shape), "sha256": _digest(leaf.array)}
    return entry if leaf.impl is None else entry | {"impl": leaf.impl}


def _compare(entries: dict, targets: dict) -> None:
    for name in sorted(targets.keys() - entries.keys()):
        raise DamagedStep(f"it lacks {name}, which this run has")
    for name in sorted(entries.keys() - targets.keys()):
        raise DamagedStep(f"it holds {name}, which this run has not")
    for name, leaf in targets.items():
        there = _kind(entries[name]["dtype"], entries[name]["shape"])
        here = _kind(leaf.dtype, leaf.shape)
        if there != here:
            raise DamagedStep(f"{name} is {there} there, and {here} in this run")


def _place(array: np.ndarray | None, entry: dict, like) -> jax.Array:
    if array is None:
        array = np.zeros(like.shape, like.dtype)
    if "impl" in entry:
        return jax.random.wrap_key_data(jax.numpy.array(array), impl=entry["impl"])
    return jax.numpy.array(array)


def _kind(dtype, shape) -> str:
    return f"{dtype}{list(shape)}"


def _name(path: tuple) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _digest(array: np.ndarray) -> str:
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return hashlib.sha256(flat.data).hexdigest()


def _file_digest(path: Path, sync: bool = False) -> str:
    with path.open("rb") as file:
        if sync:
            os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()
