"""Packages whose files are choices that a config or a command names, one file each."""

import importlib
import inspect
import pkgutil
from collections.abc import Collection
from typing import Any

from gan_jax.config import choose


class Choices:
    """The files of a package except its helpers; errors call one of them a `kind`."""

    def __init__(self, package: str, kind: str, helpers: Collection[str] = (), hint: str = ""):
        self.package, self.kind, self.helpers, self.hint = package, kind, helpers, hint

    def names(self) -> list[str]:
        """All names, sorted."""
        files = pkgutil.iter_modules(importlib.import_module(self.package).__path__)
        return sorted(m.name for m in files if not m.ispkg and m.name not in self.helpers)

    def module(self, name: str) -> Any:
        """The file of that name. ConfigError with the choices where there is none."""
        file = choose(self.kind, name, self.names(), self.hint)
        return importlib.import_module(f"{self.package}.{file}")

    def describe(self, name: str) -> str:
        """The first line of its docstring."""
        return first_line(self.module(name))


def first_line(described: Any) -> str:
    """The first line of a module's or function's docstring, or nothing."""
    return (inspect.getdoc(described) or "").partition("\n")[0]
