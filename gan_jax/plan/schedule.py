"""The cycles that a TPU's compiler expects of a program, read from the compiled program's text.

cost_analysis() counts a loop's body only once, and its seconds are negative if there is a call that
it does not know. The schedule has an estimate for each fusion, and the text has the loops' bounds.
Collectives have no estimate, but their bytes are in the text too.
"""

import functools
import math
import re
from collections.abc import Callable
from typing import NamedTuple

_NAMES = re.compile(r"%([\w.-]+)")
_CYCLES = re.compile(r'"estimated_cycles":"(\d+)"')
_WHILE = re.compile(r" while\(.*condition=%([\w.-]+), body=%([\w.-]+)")
_COLLECTIVE = re.compile(
    r" = (.*?) (all-reduce|all-gather|reduce-scatter|collective-permute|all-to-all)(-start)?\("
)
_SHAPE = re.compile(r"([a-z]+)([0-9]*)\[([0-9,]*)\]")
_BOUND = re.compile(r"= s32\[\]\S* constant\((\d+)\)")


class Cycles(NamedTuple):
    """Cycles of one core. A dispatch of n steps takes around + n * step."""

    step: int
    around: int
    loops: tuple[int, ...]  # how often the loops inside a step run


def cycles(text: str) -> Cycles | None:
    """The cycles of steps.make_train_many's program, alone or under vmap; None without estimates.

    The loop over steps is the outermost loop whose bound is not a constant. Copies between memories
    that overlap with computation have no estimate.
    """
    step, around, loops = _sums(text, _own)
    return Cycles(step, around, loops) if step else None


def collective_bytes(text: str) -> int:
    """Bytes of the results of a chip's collectives in one step, mainly sums of gradients."""
    return _sums(text, _collected)[0]


def _sums(text: str, own: Callable[[str], int]) -> tuple[int, int, tuple[int, ...]]:
    """Sums of `own` over the lines of a step and over all others, and the loops inside a step."""
    parts, entry = _parts(text)
    bounds: dict[str, int | None] = {  # of loops, keyed by the names of their bodies
        body: max((int(n) for line in parts[condition] for n in _BOUND.findall(line)), default=None)
        for condition, body in _WHILE.findall(text)
    }

    @functools.cache
    def total(name: str) -> int:
        return sum(own(line) + called(line) for line in parts[name])

    def called(line: str) -> int:
        """A conditional counts as its longest branch, a loop as often as it runs."""
        names = [name for name in _NAMES.findall(line) if name in parts]
        return max(((bounds.get(name) or 1) * total(name) for name in names), default=0)

    step = max((total(body) for body, bound in bounds.items() if bound is None), default=0)
    loops = tuple(sorted(n for n in bounds.values() if n and n > 1))
    return (step, total(entry) - step, loops) if step else (0, 0, ())


def _own(line: str) -> int:
    return sum(int(n) for n in _CYCLES.findall(line))


def _collected(line: str) -> int:
    """Bytes of a collective's result; the start of one names its argument as well."""
    found = _COLLECTIVE.search(line)
    if not found:
        return 0
    bits = (
        int(size or 8) * math.prod(int(n) for n in shape.split(",") if n)
        for _, size, shape in _SHAPE.findall(found[1])
    )
    return sum(bits) // (8 * (2 if found[3] and found[2] != "all-reduce" else 1))


def _parts(text: str) -> tuple[dict[str, list[str]], str]:
    """The lines of each computation by its name, and the name of the first to run."""
    parts: dict[str, list[str]] = {}
    entry = name = ""
    for line in text.splitlines():
        if line.startswith(("%", "ENTRY ")) and line.endswith("{"):
            name = _NAMES.findall(line)[0]
            parts[name] = []
            entry = name if line.startswith("ENTRY ") else entry
        elif name and line.startswith(" "):
            parts[name].append(line)
    return parts, entry
