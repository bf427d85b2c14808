"""Config files are Python: finds the file of NAME or FILE[:ARG], runs it, reports its mistakes."""

import difflib
import hashlib
import importlib.util
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from gan_jax.config.values import MANY_CHOICES, choose
from gan_jax.host.errors import ConfigError


def experiments() -> dict[str, Path]:
    """The packaged experiments, {name: file}: inside gan_jax, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside, beside = (folder / "experiments" for folder in (package, package.parent))
    files = sorted((inside if inside.is_dir() else beside).glob("*.py"))
    return {file.stem: file for file in files if file.stem != "__init__"}


def split_arg(file_and_arg: str) -> tuple[str, str]:
    """Splits FILE[:ARG] into FILE and ARG, "" if there is none. A bare name is an experiment's.

    Both a path and ARG may contain colons, as in 10:30:00/ring.py. FILE ends at the first .py at
    which it is the name of a file; if there is none, at the first .py.
    """
    ends = [found.end() for found in re.finditer(r"\.py(?=:|\Z)", file_and_arg)]
    files = [end for end in ends if Path(file_and_arg[:end]).is_file()]
    if not ends:
        file, _, arg = file_and_arg.partition(":")
        return str(experiments().get(file, file)), arg
    end = (files or ends)[0]
    return file_and_arg[:end], file_and_arg[end + 1 :]


class _Loader(SourceFileLoader):
    """Compiles the file as it is now, and neither reads nor writes bytecode beside it.

    Python's own loader would take bytecode whose source has the same second and length, which a
    checkout of another version may leave behind.
    """

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def load_module(file: str) -> ModuleType:
    """Runs a Python file and returns its module.

    The module is in sys.modules, where dataclasses, type hints and pickles look for it, under a
    name made of its path alone, so that it shadows no other module, whatever the file is called.
    """
    path = Path(file)
    if not path.is_file():
        if file == path.stem:
            choose("--config", file, experiments(), ", or FILE.py[:ARG]")
        raise ConfigError(f"--config {file!r} is not a file: {_files_near(path)}")
    if path.suffix != ".py":
        raise ConfigError(f"--config {file!r}: expected a Python file (.py)")
    place = str(path.absolute())
    name = f"gan_jax_config_{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]}"
    loader = _Loader(name, place)
    spec = importlib.util.spec_from_file_location(name, place, loader=loader)
    assert spec is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    call(loader.exec_module, [module], file)
    return module


def _files_near(path: Path) -> str:
    if path.stem in experiments():
        return f"the experiment that is installed is --config {path.stem}"
    files = sorted(str(f) for f in path.parent.glob("[!_]*.py"))
    if not files or len(files) > MANY_CHOICES:
        return "expected FILE.py[:ARG], or a name of gan-jax list experiments"
    near = difflib.get_close_matches(str(path), files, n=1)
    return f"choose from {', '.join(files)}." + (f" Did you mean {near[0]}?" if near else "")


def check_call(function: Callable[..., Any], args: list[str], file: str) -> None:
    """ConfigError if get_config does not accept the ARG given, or needs one."""
    try:
        inspect.signature(function).bind(*args)
    except TypeError as error:
        expected = "--config FILE, as it takes no argument" if args else "--config FILE:ARG"
        raise ConfigError(f"{file}: get_config: {error}: expected {expected}") from error


def call(function: Callable[..., Any], args: list[Any], file: str) -> Any:
    """Calls the user's code; an error in it becomes a ConfigError of one line with its place."""
    try:
        return function(*args)
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:  # any: it is the user's code
        what = str(error.args[0] if isinstance(error, KeyError) else error)
        what = re.sub(r"^['\"](.*) Other fields present.*", r"\1", what, flags=re.DOTALL)
        if isinstance(error, SyntaxError) and _is(error.filename, file):
            lines, what = [error.lineno], error.msg
        else:
            trace = traceback.extract_tb(error.__traceback__)
            lines = [frame.lineno for frame in trace if _is(frame.filename, file)]
        place = f"{file}:{lines[-1]}" if lines else file
        raise ConfigError(f"{place}: {type(error).__name__}: {' '.join(what.split())}") from error


def _is(name: str | None, file: str) -> bool:
    return name is not None and Path(name).resolve() == Path(file).resolve()
