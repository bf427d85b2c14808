"""The cycles that a TPU's compiler expects of a program, from the compiled program's own text.

Its cost_analysis() counts a loop's body once, and its seconds are negative where there is a call
that it does not know; the schedule has an estimate for each fusion, and loops have their bounds.
"""

import functools
import re
from typing import NamedTuple

_NAMES = re.compile(r"%([\w.-]+)")
_CYCLES = re.compile(r'"estimated_cycles":"(\d+)"')
_WHILE = re.compile(r" while\(.*condition=%([\w.-]+), body=%([\w.-]+)")
_BOUND = re.compile(r"= s32\[\]\S* constant\((\d+)\)")


class Cycles(NamedTuple):
    """Of one core. A dispatch of n steps takes around + n * step."""

    step: int
    around: int
    loops: tuple[int, ...]  # how often the loops inside a step run


def cycles(text: str) -> Cycles | None:
    """Of steps.make_train_many's program, alone or under vmap; None where it gives no estimate.

    The loop over steps is the outermost of those whose bound is no constant. Copies between
    memories that overlap computing have no estimate.
    """
    parts, entry = _parts(text)
    bounds: dict[str, int | None] = {  # of loops, by their bodies' names
        body: max((int(n) for line in parts[condition] for n in _BOUND.findall(line)), default=None)
        for condition, body in _WHILE.findall(text)
    }

    @functools.cache
    def total(name: str) -> int:
        return sum(_own(line) + called(line) for line in parts[name])

    def called(line: str) -> int:
        """Of a conditional's branches the longest, of a loop as many times as it runs."""
        names = [name for name in _NAMES.findall(line) if name in parts]
        return max(((bounds.get(name) or 1) * total(name) for name in names), default=0)

    step = max((total(body) for body, bound in bounds.items() if bound is None), default=0)
    loops = tuple(sorted(n for n in bounds.values() if n and n > 1))
    return Cycles(step, total(entry) - step, loops) if step else None


def _own(line: str) -> int:
    return sum(int(n) for n in _CYCLES.findall(line))


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
