"""Imports point one way, files stay small, and the words of the project stay its own."""

import ast
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gan_jax"

# The architecture. A folder imports only from itself and from what stands above it in this list.
FOLDERS = [
    "host",
    "types",
    "place",
    "config",
    "objectives",
    "nets",
    "augment",
    "dynamics",
    "data",
    "games",
    "metrics",
    "evaluate",
    "training",
    "sweeps",
    "reproduce",
    "plan",
    "bench",
    "report",
    "cli",
]
# Where users import from what has moved into a folder.
FORWARDERS = ["sweep", "penalties", "steps"]


def folder_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """The top-level gan_jax modules that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "gan_jax":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gan_jax."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("gan_jax.")}
    return found - {"__version__"}


FILES = sorted(p for p in PACKAGE.rglob("*.py") if p.name != "__init__.py" or p.parent != PACKAGE)


def test_every_package_is_installed_and_the_experiments_as_one_of_them(monkeypatch):
    setuptools = pytest.importorskip("setuptools")
    said = {}
    monkeypatch.setattr(setuptools, "setup", said.update)
    monkeypatch.chdir(ROOT)
    runpy.run_path(str(ROOT / "setup.py"))
    folders = {path.parent.relative_to(ROOT) for path in PACKAGE.rglob("__init__.py")}
    packages = {".".join(folder.parts) for folder in folders}
    assert sorted(said["packages"]) == sorted(packages | {"gan_jax.experiments"})
    assert said["package_dir"] == {"gan_jax.experiments": "experiments"}


def test_the_listing_is_the_architecture():
    listed = {p.name.removesuffix(".py") for p in PACKAGE.iterdir() if p.name != "__pycache__"}
    assert listed == {*FOLDERS, *FORWARDERS, "__init__", "__main__"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    own = folder_of(path)
    if own in FORWARDERS:
        assert imports(path) <= set(FOLDERS)
    elif own != "__main__":
        assert imports(path) <= set(FOLDERS[: FOLDERS.index(own) + 1])


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*.py")), ids=lambda p: p.stem)
def test_experiments_import_only_what_a_config_needs(path):
    assert imports(path) <= {"config", "sweep"}
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_are_small_and_say_what_they_are(path):
    text = path.read_text()
    assert text.count("\n") <= 250
    assert ast.get_docstring(ast.parse(text))


def test_nothing_read_from_disk_runs_code():
    banned = {"pickle", "yaml", "dill", "joblib", "marshal", "shelve"}
    for path in FILES:
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert not banned & {a.name.split(".")[0] for a in node.names}, path
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in banned, path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec"}, path
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert node.value.value is False, path


def test_json_is_read_by_one_reader():
    """From disk; processes of one run exchange it too."""
    for path in FILES:
        if path not in (PACKAGE / "host/files.py", PACKAGE / "place/hosts.py"):
            names = [
                x for x in ast.walk(ast.parse(path.read_text())) if isinstance(x, ast.Attribute)
            ]
            assert not [x for x in names if x.attr in ("load", "loads") and _is_json(x.value)], path


def _is_json(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "json"


def test_pictures_are_opened_in_one_place():
    """Which names the formats and knows the size before it decodes."""
    found = [path for path in FILES if "Image.open(" in path.read_text()]
    assert found == [PACKAGE / "data/support/opening.py"]


def test_arrays_are_moved_in_one_place():
    verbs = ("device_put", "device_get", "make_array_from_callback")
    found = {path for path in FILES for verb in verbs if verb in path.read_text()}
    assert found == {PACKAGE / "place/__init__.py"}


def test_one_loop_trains_and_saves():
    """And benchmarks call the program to time it."""
    dispatching = {path for path in FILES if ".many(" in path.read_text()}
    assert dispatching == {PACKAGE / "training/loop.py"}
    saving = {path for path in FILES if "recorder.save(" in path.read_text()}
    assert saving == {PACKAGE / "training/loop.py"}


def test_no_process_of_ours_imports_from_the_current_folder():
    started = [
        [ast.unparse(word) for word in node.elts]
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.List)
    ]
    commands = [words for words in started if words[:1] == ["sys.executable"]]
    assert len(commands) >= 4
    assert {words[1] for words in commands} == {"'-P'"}


def test_torch_is_imported_only_by_benchmarks():
    for path in FILES:
        if folder_of(path) == "bench":
            continue
        assert "import torch" not in path.read_text(), path
