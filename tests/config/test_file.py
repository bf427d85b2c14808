"""A config file is run as it is now, wherever it lies and whatever Python allows in it."""

import os
import sys

import pytest
import tiny

from gan_jax.config import file as file_lib
from gan_jax.config.file import load_module, split_arg
from gan_jax.host.errors import ConfigError
from gan_jax.training.experiment import load_setup, load_sweep

GOOD = """
from gan_jax.config import get_config as defaults

def get_config(which=""):
    c = defaults()
    c.data.name, c.seed = "ring", {}
    return c
"""


@pytest.mark.parametrize(
    ("text", "file", "arg"),
    [
        ("a.py", "a.py", ""),
        ("a.py:b", "a.py", "b"),
        ("a.py:b:c", "a.py", "b:c"),
        ("a.py:", "a.py", ""),
        ("a.py:b.py", "a.py", "b.py"),
        ("10:30:00/a.py", "10:30:00/a.py", ""),
        ("10:30:00/a.py:b:c", "10:30:00/a.py", "b:c"),
        ("odd.py:d/a.py:b", "odd.py:d/a.py", "b"),  # a folder called odd.py:d
        ("nowhere.py:b", "nowhere.py", "b"),
        ("10:30:00/nowhere.py", "10:30:00/nowhere.py", ""),
        ("nowhere:b", "nowhere", "b"),
        ("", "", ""),
    ],
)
def test_a_colon_may_be_part_of_the_path_or_of_the_argument(text, file, arg, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (".", "10:30:00", "odd.py:d"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "a.py").write_text(GOOD.format(3))
    assert split_arg(text) == (file, arg)
    if "a.py" in file:
        assert load_setup(text).config.seed == 3


def test_a_bare_name_is_an_experiment_from_anywhere(tmp_path, monkeypatch):
    """Never a file of that name in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist_mlp").write_text("")
    (tmp_path / "mnist_mlp.py").write_text(GOOD.format(3))
    file, arg = split_arg("mnist_mlp:demo")
    assert (file, arg) == (str(tiny.FOLDER.parent / "experiments" / "mnist_mlp.py"), "demo")
    assert load_setup("mnist_mlp:demo").config.gen.condition == "norm"
    assert load_setup("mnist_mlp.py").config.seed == 3


def test_experiments_are_inside_the_package_once_it_is_installed(tmp_path, monkeypatch):
    inside, beside = tmp_path / "gan_jax" / "experiments", tmp_path / "experiments"
    beside.mkdir()  # of somebody else, in the same site-packages
    inside.mkdir(parents=True)
    for folder in (inside, beside):
        for name in ("ours.py", "__init__.py"):
            (folder / name).write_text("")
    monkeypatch.setattr(file_lib, "__file__", str(tmp_path / "gan_jax" / "config" / "file.py"))
    assert file_lib.experiments() == {"ours": inside / "ours.py"}


def test_a_file_is_run_as_it_is_now(tmp_path, monkeypatch):
    """Two files of one second and length behind one name, as after a checkout."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "config.py"
    for seed in (3, 4):
        file.write_text(GOOD.format(seed))
        os.utime(file, (1.7e9, 1.7e9))
        assert load_setup(str(file)).config.seed == seed
    assert [path.name for path in tmp_path.iterdir()] == ["config.py"]


def test_bytecode_that_another_program_left_is_not_run(tmp_path):
    import py_compile

    file = tmp_path / "config.py"
    for seed in (3, 4):
        file.write_text(GOOD.format(seed))
        os.utime(file, (1.7e9, 1.7e9))
        if seed == 3:
            py_compile.compile(str(file))
    assert load_setup(str(file)).config.seed == 4
    os.replace(next(tmp_path.glob("__pycache__/*.pyc")), tmp_path / "other.pyc")
    with pytest.raises(ConfigError, match=r"expected a Python file \(\.py\)"):
        load_setup(str(tmp_path / "other.pyc"))


CLASSES = """
from __future__ import annotations
import dataclasses, enum, pickle, typing

@dataclasses.dataclass
class Size:
    width: int = 3
    kept: typing.ClassVar[int] = 5

class Seed(enum.IntEnum):
    first = 3
"""
LATER = """
    assert typing.get_type_hints(Size)["width"] is int
    assert pickle.loads(pickle.dumps(Size(7))) == Size(7)
    c.steps, c.seed = 100 * Size().width, Seed.first
    return c
"""


def test_a_file_may_hold_what_needs_its_module(tmp_path):
    """Dataclasses with postponed annotations, type hints, pickles; an enum's number."""
    file = tmp_path / "config.py"
    file.write_text(CLASSES + GOOD.format(0).replace("    return c\n", LATER))
    config = load_setup(str(file)).config
    assert (config.steps, config.seed) == (300, 3)
    assert type(config.seed) is int


def test_a_file_shadows_no_module_and_no_other_file(tmp_path):
    """A config may be called json.py; two of one name are two."""
    import json

    modules = []
    for seed in (3, 4):
        file = tmp_path / str(seed) / "json.py"
        file.parent.mkdir()
        file.write_text(GOOD.format(seed) + f"import json\njson.dumps({seed})\nSEED = {seed}\n")
        modules.append(load_module(str(file)))
    assert [sys.modules[m.__name__].SEED for m in modules] == [3, 4]
    assert sys.modules["json"] is json
    assert os.path.isabs(modules[0].__file__)


def test_files_beside_it_are_found_only_where_python_looks(tmp_path, monkeypatch):
    """As ever: the folder of a config is not on the path."""
    (tmp_path / "beside_it.py").write_text("SEED = 5\n")
    file = tmp_path / "config.py"
    file.write_text("import beside_it\n" + GOOD.format("beside_it.SEED"))
    with pytest.raises(ConfigError, match="No module named 'beside_it'"):
        load_setup(str(file))
    monkeypatch.syspath_prepend(tmp_path)
    assert load_setup(str(file)).config.seed == 5
    sys.modules.pop("beside_it")


@pytest.mark.parametrize("made", ["ml_collections.FrozenConfigDict(c)", "c.lock()"])
def test_a_config_may_be_frozen_or_locked(made, tmp_path):
    file = tmp_path / "config.py"
    text = GOOD.format(3).replace("return c", f"c.disc.lr = c.gen.get_ref('lr')\n    return {made}")
    file.write_text("import ml_collections\n" + text + "SWEEPS = {'s': [{'gen.args.act': 'relu'}]}")
    config = load_setup(str(file), {"gen.lr": "1e-3", "gen.args.hidden": "(4,)"}).config
    assert (config.gen.lr, config.gen.args.hidden, config.seed) == (1e-3, (4,), 3)
    assert load_sweep(str(file))[0].seed == 3


ROWS = {
    "({'seed': i} for i in range(2))": [{"seed": 0}, {"seed": 1}],
    "(dict(seed=1),)": [{"seed": 1}],
    "iter([])": [],
}


@pytest.mark.parametrize("rows", ROWS)
def test_rows_may_come_from_anything_that_gives_them(rows, tmp_path):
    file = tmp_path / "config.py"
    file.write_text(GOOD.format(3) + f"SWEEPS = {{'s': {rows}}}\n")
    assert load_sweep(str(file))[2] == ROWS[rows]


NO_ROWS = {
    "{'s': 3}": "TypeError: 'int' object is not iterable",
    "{'s': (1 / 0 for i in [1])}": r"config\.py:8: ZeroDivisionError",
    "{1: [{}]}": "has no SWEEPS: expected",
    "[{'seed': 1}]": "has no SWEEPS: expected",
}


@pytest.mark.parametrize("sweeps", NO_ROWS)
def test_what_gives_no_rows_is_one_line(sweeps, tmp_path):
    file = tmp_path / "config.py"
    file.write_text(GOOD.format(3) + f"SWEEPS = {sweeps}\n")
    with pytest.raises(ConfigError, match=NO_ROWS[sweeps]):
        load_sweep(str(file))


BROKEN = {
    "c.gen.lr = c.gen.get_ref('b1') / 0": "config.py:8: ZeroDivisionError",
    "c.gen.eps = 1e-8 / c.gen.get_ref('b1')": "the config cannot be read: ZeroDivisionError",
    "c.data.dir = ml_collections.config_dict.required_placeholder(str)": "RequiredValueError",
    "c.gen.lr = c.disc.lr = None": "gen.lr is None: expected float",
    "c.features.names = None": "features.names is None: expected tuple",
    "c.unlock(); c.gen = 3": "config.py:8: TypeError: Could not override field 'gen'",
    "c.gen.args.me = c": "RecursionError",
}


@pytest.mark.parametrize("line", BROKEN)
def test_what_no_config_can_hold_is_one_line(line, tmp_path):
    file = tmp_path / "config.py"
    text = GOOD.format(3).replace("return c", f"{line}\n    return c")
    file.write_text("import ml_collections\n" + text)
    for load in (load_setup, load_sweep):
        with pytest.raises(ConfigError, match=BROKEN[line]) as error:
            load(str(file), {"gen.b1": "0"})
        assert "\n" not in str(error.value)
