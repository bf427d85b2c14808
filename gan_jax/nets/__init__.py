"""Architectures: one file each, with a Generator and a Discriminator; here is the lookup.

To linen modules a Net is what the rest of the code sees: two pure functions.
"""

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

from flax import linen as nn

from gan_jax.config import choose
from gan_jax.config.choices import Choices
from gan_jax.host.errors import ConfigError
from gan_jax.types import Array, Net, PyTree

_FILES = Choices(__name__, "net", {"layers", "convolution", "matmul", "views", "normalise"})
names, describe = _FILES.names, _FILES.describe


def make_generator(name: str, args: Mapping[str, Any], shape: tuple[int, ...], out: str) -> Net:
    """The named file's Generator for examples of that shape; out is the activation that suits them.

    tanh reaches (-1, 1), sigmoid (0, 1), identity everything: args may only narrow that knowingly.
    """
    where = f"gen.args of net {name!r}"
    args = {"out": out, **args}
    if out != "identity" and args["out"] != out:
        raise ConfigError(
            f"{where}: out is {args['out']!r}: expected {out!r}, which data.low asks for"
        )
    return _net(_build(_FILES.module(name).Generator, where, args, shape=shape))


def make_discriminator(name: str, args: Mapping[str, Any], shape: tuple[int, ...]) -> Net:
    """The named file's Discriminator, for what it sees: examples of that shape."""
    module, where = _FILES.module(name).Discriminator, f"disc.args of net {name!r}"
    given = {"shape": shape} if "shape" in module.__dataclass_fields__ else {}
    return _net(_build(module, where, args, **given))


def _build(module: type[nn.Module], where: str, args: Mapping[str, Any], **given: Any) -> nn.Module:
    fields = {f.name: f.default for f in dataclasses.fields(module)}
    known = set(fields) - {"parent", "name", *given}
    for key, value in args.items():
        choose(where, key, known)
        if not _like(value, fields[key]):
            kind = type(fields[key]).__name__
            raise ConfigError(f"{where}: {key} is {value!r}: expected {kind}, as {fields[key]!r}")
    return module(**given, **args)


def _like(value: Any, default: Any) -> bool:
    """Of the default's type; numbers inside tuples included; an int will do for a float."""
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(_like(v, default[0]) for v in value)
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(default)


def _net(module: nn.Module) -> Net:
    def init(key: Array, x: Array) -> tuple[PyTree, PyTree]:
        variables = dict(module.init(key, x, train=False))
        return variables.pop("params"), variables

    takes = frozenset(inspect.signature(type(module).__call__).parameters) - {"self", "x", "z"}

    def apply(
        params: PyTree, vars: PyTree, x: Array, key: Array, train: bool, **given: Any
    ) -> tuple:
        mutable = list(vars) if train else False
        rngs = {"dropout": key} if train else {}
        out = module.apply(
            {"params": params, **vars}, x, train=train, rngs=rngs, mutable=mutable, **given
        )
        return out if mutable is not False else (out, vars)

    def encode(params: PyTree, vars: PyTree, x: Array) -> Array:
        codes: Any = module.apply({"params": params, **vars}, x, method="encode")
        return codes

    return Net(
        init,
        apply,
        rows_are_independent=getattr(module, "rows_are_independent", False),
        start_at=getattr(module, "start_at", None),
        is_energy=getattr(module, "is_energy", False),
        encode=encode if hasattr(module, "encode") else None,
        takes=takes - {"train"},
    )
