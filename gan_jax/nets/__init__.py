"""Architectures, one file each with a Generator, a Discriminator and perhaps an Encoder.

This file finds them by name and turns their linen modules into Nets: pure functions.
"""

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from gan_jax.config import choose
from gan_jax.config.choices import Choices
from gan_jax.host.errors import ConfigError
from gan_jax.nets.layers import Labels, flat, one_hot
from gan_jax.nets.layers.codes import NO_CODES, Codes
from gan_jax.nets.layers.narrow import like
from gan_jax.nets.layers.normalise import spectral
from gan_jax.types import Array, Net, PyTree

_FILES = Choices(__name__, "net", {"layers"})
names, describe = _FILES.names, _FILES.describe
NONE = Labels()


def make_generator(
    name: str,
    args: Mapping[str, Any],
    shape: tuple[int, ...],
    out: str,
    labels: Labels = NONE,
    words: int = 0,
    kind: str = "Generator",
) -> Net:
    """The named file's Generator for examples of the given shape.

    out: the output activation that suits the data's range, as tanh for (-1, 1), sigmoid for (0, 1);
    ConfigError if args name another. A net whose definition ends linearly has no such argument.
    words: the size of the vocabulary, for nets that read texts. kind: the name of another module in
    the file that makes examples.
    """
    where, build = f"gen.args of net {name!r}", getattr(_FILES.module(name), kind)
    if "out" in build.__dataclass_fields__:
        args = {"out": out, **args}
    if out != "identity" and args.get("out", out) != out:
        raise ConfigError(
            f"{where}: out is {args['out']!r}: expected {out!r}, which data.low asks for"
        )
    if labels.condition == "concat" and not _joins_labels(build):
        return with_labels(_net(_build(build, where, args, shape=shape)), labels.classes)
    module = _build(build, where, args, shape=shape, labels=labels, words=words)
    if labels.condition == "norm" and not getattr(module, "batch_norm", False):
        raise ConfigError(
            f"gen.condition is 'norm', but net {name!r} has no batch norm with these gen.args: "
            "expected gen.args.batch_norm True, if the net takes it, or gen.condition 'concat'"
        )
    return _net(module)


def make_discriminator(
    name: str,
    args: Mapping[str, Any],
    shape: tuple[int, ...],
    labels: Labels = NONE,
    pack: int = 1,
    codes: Codes = NO_CODES,
    words: int = 0,
) -> Net:
    """The named file's Discriminator for inputs of the given shape, which are packs of `pack`.

    codes: the codes that its recognition head predicts, none by default. words: see make_generator.
    """
    module, where = _FILES.module(name).Discriminator, f"disc.args of net {name!r}"
    if labels.classes and "labels" not in module.__dataclass_fields__:
        raise ConfigError(
            f"disc.condition is {labels.condition!r}, but net {name!r} takes no labels: expected "
            "'none' or another disc.net"
        )
    if codes.categories and "codes" not in module.__dataclass_fields__:
        raise ConfigError(
            f"net {name!r} has no recognition head: expected disc.net 'mlp' or 'dcgan', which do"
        )
    if labels.condition == "concat" and not _joins_labels(module):
        shape = (*shape[:-1], shape[-1] + pack * labels.classes)
        inner = make_discriminator(name, args, shape)
        return with_labels(inner, labels.classes, pack, getattr(module, "is_flat", False))
    given = {"shape": shape, "labels": labels, "codes": codes, "words": words}
    return _net(_build(module, where, args, **given), pack)


def make_encoder(name: str, args: Mapping[str, Any], dim: int) -> Net | None:
    """The named file's Encoder into latents of size dim; None if the file has none.

    args: those of its Generator; the Encoder takes the ones that are fields of its own too.
    """
    module = getattr(_FILES.module(name), "Encoder", None)
    if module is None:
        return None
    own = {key: value for key, value in args.items() if key in module.__dataclass_fields__}
    return _net(_build(module, f"gen.args of net {name!r}", own, dim=dim))


def with_labels(net: Net, classes: int, pack: int = 1, is_flat: bool = False) -> Net:
    """The net with one-hot labels concatenated to its input. Mirza and Osindero 2014.

    They extend a vector by further elements, and an image by further channels that are constant
    over its pixels. is_flat: the net flattens images itself, so labels are joined to flat ones.
    """

    def beside(x: Array, label: Array) -> Array:
        x = flat(x) if is_flat else x
        hot = one_hot(label, classes).reshape(x.shape[0], *(1,) * (x.ndim - 2), -1)
        hot = jnp.broadcast_to(like(x, hot), (*x.shape[:-1], hot.shape[-1]))
        return jnp.concatenate([x, hot], -1)

    def init(key: Array, x: Array) -> tuple[PyTree, PyTree]:
        return net.init(key, beside(x, _some_labels(len(x), pack)))

    def apply(
        params: PyTree, vars: PyTree, x: Array, key: Array, train: bool, *, label: Array
    ) -> tuple:
        return net.apply(params, vars, beside(x, label), key, train)

    return net._replace(init=init, apply=apply, takes=frozenset({"label"}))


def _joins_labels(module: type[nn.Module]) -> bool:
    """Whether "concat" joins labels to a hidden layer rather than to the input."""
    return getattr(module, "joins_labels", False)


def _some_labels(n: int, pack: int) -> Array:
    return jnp.zeros((n, pack) if pack > 1 else (n,), jnp.int32)


def _build(module: type[nn.Module], where: str, args: Mapping[str, Any], **given: Any) -> nn.Module:
    fields = {f.name: f.default for f in dataclasses.fields(module)}
    given = {name: value for name, value in given.items() if name in fields}
    known = set(fields) - {"parent", "name", "labels", "codes", "words", *given}
    for key, value in args.items():
        choose(where, key, known)
        if not _like(value, fields[key]):
            kind = type(fields[key]).__name__
            raise ConfigError(f"{where}: {key} is {value!r}: expected {kind}, as {fields[key]!r}")
    return module(**given, **args)


def _like(value: Any, default: Any) -> bool:
    """Whether a value has the type of the default, with the elements of tuples compared too.

    An int is accepted for a float. An empty default stands for a tuple of ints.
    """
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(_like(v, (*default, 0)[0]) for v in value)
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(default)


def _net(module: nn.Module, pack: int = 1) -> Net:
    is_conditional = getattr(module, "labels", NONE).classes > 0
    takes = {*inspect.signature(type(module).__call__).parameters} - {"self", "x", "z", "train"}
    if hasattr(module, "labels") and not is_conditional:
        takes -= {"label"}

    def init(key: Array, x: Array) -> tuple[PyTree, PyTree]:
        given: dict[str, Any] = {"label": _some_labels(len(x), pack)} if is_conditional else {}
        variables = dict(module.init(key, x, train=False, **given))
        return variables.pop("params"), variables

    def apply(
        params: PyTree, vars: PyTree, x: Array, key: Array, train: bool, **given: Any
    ) -> tuple:
        mutable = list(vars) if train else False
        rngs = {} if key is None else {"dropout": key}
        out = module.apply(
            {"params": params, **vars}, x, train=train, rngs=rngs, mutable=mutable, **given
        )
        return out if mutable is not False else (out, vars)

    def encode(params: PyTree, vars: PyTree, x: Array) -> Array:
        codes: Any = module.apply({"params": params, **vars}, x, method="encode")
        return codes

    net = Net(
        init,
        apply,
        rows_are_independent=getattr(module, "rows_are_independent", False),
        start_at=getattr(module, "start_at", None),
        is_energy=getattr(module, "is_energy", False),
        is_flat=getattr(module, "is_flat", False),
        encode=encode if hasattr(module, "encode") else None,
        translates=getattr(module, "translates", False),
        judges_patches=getattr(module, "judges_patches", False),
        reads=hasattr(module, "words"),
        takes=frozenset(takes),
    )
    return spectral(net) if getattr(module, "spectral", False) else net
