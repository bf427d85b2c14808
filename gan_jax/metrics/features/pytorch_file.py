"""The arrays in a PyTorch checkpoint from before 2020, read without running any of its code.

Such a file is five pickles (a magic number, a version, the system, the tensors, the order of the
storages), then each storage: its length as int64 and its numbers. The pickles are read as lists of
opcodes by pickletools.genops, which executes nothing. The name of a class or function remains a
name, and a call becomes the tuple (function, arguments).
"""

import io
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

_TENSOR, _DICT = "torch._utils _rebuild_tensor_v2", "collections OrderedDict"
_DTYPES: dict[str, np.dtype] = {
    "torch FloatStorage": np.dtype("<f4"),
    "torch LongStorage": np.dtype("<i8"),
}


def arrays(content: bytes) -> dict[str, np.ndarray]:
    """{name: array} of a checkpoint that is one dict of tensors. ValueError for anything else."""
    file = io.BytesIO(content)
    try:
        _, _, _, tensors, order = (_plain(file) for _ in range(5))
        views = {name: _arguments(value) for name, value in tensors.items()}
        dtypes = {key: _DTYPES[kind] for (_, kind, key, *_), *_ in views.values()}
        storages = {}
        for key in order:
            size = int.from_bytes(file.read(8), "little") * dtypes[key].itemsize
            storages[key] = file.read(size)
        return {name: _array(storages, *view) for name, view in views.items()}
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"not a checkpoint of tensors: {error!r}") from error


def _arguments(call: tuple) -> tuple:
    function, arguments = call
    if function != _TENSOR:
        raise ValueError(f"not a tensor but {function}")
    return arguments


def _array(
    storages: dict[str, bytes], storage: tuple, offset: int, shape: tuple, strides: tuple, *_: Any
) -> np.ndarray:
    """A tensor as a view of its storage; numpy checks the bounds."""
    kind, key = storage[1:3]
    step = _DTYPES[kind].itemsize
    steps = tuple(step * n for n in strides)
    return np.ndarray(shape, _DTYPES[kind], storages[key], step * offset, steps)


def _plain(file: io.BytesIO) -> Any:
    """The next pickle as dicts, lists, tuples, strings and numbers."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}
    push = stack.append

    def take(n: int | None = None) -> tuple:
        """Pops the last n items of the stack, or all since the last mark."""
        start = marks.pop() if n is None else len(stack) - n
        taken = tuple(stack[start:])
        del stack[start:]
        return taken

    def set_items(items: tuple) -> None:
        stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def extend(items: tuple) -> None:
        stack[-1].extend(items)

    def call(function: str, arguments: tuple) -> None:
        push({} if function == _DICT else (function, arguments))

    does: dict[str, Callable[[Any], Any]] = {
        "PROTO": lambda _: None,
        "BINPERSID": lambda _: None,  # a storage's identifier is the tuple before it
        "MARK": lambda _: marks.append(len(stack)),
        "BINPUT": lambda at: memo.update({at: stack[-1]}),
        "BINGET": lambda at: push(memo[at]),
        **dict.fromkeys(("GLOBAL", "BINUNICODE", "LONG1", "NONE"), push),
        **dict.fromkeys(("BININT", "BININT1", "BININT2"), push),
        "NEWTRUE": lambda _: push(True),
        "NEWFALSE": lambda _: push(False),
        "EMPTY_DICT": lambda _: push({}),
        "EMPTY_LIST": lambda _: push([]),
        "EMPTY_TUPLE": lambda _: push(()),
        "TUPLE": lambda _: push(take()),
        "TUPLE1": lambda _: push(take(1)),
        "TUPLE2": lambda _: push(take(2)),
        "APPENDS": lambda _: extend(take()),
        "SETITEM": lambda _: set_items(take(2)),
        "SETITEMS": lambda _: set_items(take()),
        "REDUCE": lambda _: call(*take(2)),
        "BUILD": lambda _: take(1),  # attributes of the dict: the layers' versions
    }
    for opcode, argument, _ in pickletools.genops(file):
        name = opcode.name.removeprefix("LONG_")  # of BINPUT, BINGET: a longer number
        if name == "STOP":
            return stack.pop()
        if name not in does:
            raise ValueError(f"opcode {name}")
        does[name](argument)
    raise ValueError("a pickle without end")
