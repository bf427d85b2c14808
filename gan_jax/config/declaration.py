"""What a leaf of a config is, how it reaches the program, and what its value may be."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple


class Rule(NamedTuple):
    """What a number must satisfy."""

    test: Callable[[Any], bool]
    expected: str  # the same in words


class Reach(NamedTuple):
    """How a leaf reaches the program.

    A static leaf is compiled in. A traced leaf is an argument of the program: it may change without
    a recompile and may differ between the rows of a cohort. A switch is a traced leaf, except that
    whether it is above 0 is compiled in.
    """

    how: str = "static"
    group: str = ""  # the field of Hypers that holds it; empty: it enters other numbers, or the key
    name: str = ""  # its name in that field, if it is not the leaf's own


STATIC = Reach()


def traced(group: str) -> Reach:
    """A number in that group of Hypers."""
    return Reach("traced", group)


def switch(group: str, name: str = "") -> Reach:
    """A number in that group; at 0, its feature is left out of the program."""
    return Reach("switch", group, name)


class Leaf(NamedTuple):
    """One leaf, or a section of arguments if the default is {}.

    The keys of a section are declared by the function or network that takes them, in its signature.
    If the section is traced, an integer default there makes that argument static.
    """

    default: Any  # None: a text that may be unset
    why: str  # the unit or the reason
    values: Rule | tuple[str, ...] | None = None  # what it accepts: a rule for numbers, or choices
    reach: Reach = STATIC
    before: Any = None  # for a leaf that is newer than 0.1: what 0.1 did
    follows: tuple[str, Callable[..., Any]] | None = None  # (leaf, f): the default is f(that leaf)


def finite(test: Callable[[float], bool]) -> Callable[[float], bool]:
    """The test, failing for numbers that are not finite."""
    return lambda v: math.isfinite(v) and test(v)


AT_LEAST_1 = Rule(lambda v: 1 <= v < 2**31, "an integer in [1, 2^31)")  # int32 on a device
AT_LEAST_0 = Rule(lambda v: 0 <= v < 2**31, "an integer in [0, 2^31)")
UINT32 = Rule(lambda v: 0 <= v < 2**32, "an integer in [0, 2^32)")
POSITIVE = Rule(finite(lambda v: v > 0), "a finite number above 0")
NOT_NEGATIVE = Rule(finite(lambda v: v >= 0), "a finite number of at least 0")
SHARE = Rule(finite(lambda v: 0 <= v < 1), "a number in [0, 1)")
DECAY = Rule(finite(lambda v: 0 < v <= 1), "a number in (0, 1]")
BAND = Rule(finite(lambda v: 0 < v < 0.5), "a number in (0, 0.5)")
FINITE = Rule(finite(lambda v: True), "a finite number")
SIDE = Rule(lambda v: 0 <= v <= 4096, "an integer in [0, 4096]")
CHANNELS = Rule(lambda v: v in (0, 1, 3), "1 or 3, or 0 for the set's own")
LOW = Rule(lambda v: v in (-1.0, 0.0), "-1.0 or 0.0")

OPTIMIZERS = ("adam", "sgd", "rmsprop")
CHANGES = ("constant", "linear", "half_linear", "cosine")
SCHEDULES = (*CHANGES, "exponential")  # of a learning rate
LABELS = ("data", "uniform")
# concat: appended to the input; norm: conditional batch norm; projection: Miyato and Koyama 2018;
# acgan: a classifier beside the logit, Odena et al. 2017.
GEN_CONDITIONS = ("none", "concat", "norm")
DISC_CONDITIONS = ("none", "concat", "projection", "acgan")
PRECISIONS = ("default", "highest", "bfloat16")
DTYPES = ("float32", "bfloat16")
