"""The interface of data sets: spec, arrays, and the split notation that all sets share."""

import math
import operator
import os
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gan_jax.host.errors import ConfigError

PathLike = str | os.PathLike[str]
UNLABELLED = -1  # TFDS's label of an unlabelled example


class Spec(NamedTuple):
    """What is known of a data set before any of it is decoded."""

    shape: tuple[int, ...]  # one example: (H, W, C), or (d,)
    kind: str  # "image" or "points"
    splits: dict[str, int]  # examples in each; empty for a synthetic distribution
    classes: int  # 0: no labels
    names: tuple[str, ...] = ()  # of the classes, if they are more than numbers
    other: tuple[int, ...] | None = None  # the shape in the other domain, if there is one
    # Words are stored as indices in the vocabulary; the first two are padding and unknown words.
    vocabulary: tuple[str, ...] = ()  # empty: no texts
    text_length: int = 0  # words of each text, including padding

    @property
    def nbytes(self) -> int:
        """The bytes of one image's fields without its label."""
        return math.prod(self.shape) + math.prod(self.other or (0,)) + 4 * self.text_length


def points(dim: int) -> Callable[[], Spec]:
    """The spec() of a synthetic distribution: points of shape (dim,), without labels."""
    return lambda: Spec((dim,), "points", splits={}, classes=0)


class Arrays(NamedTuple):
    """Decoded examples; memory-mapped ones are read-only."""

    x: np.ndarray  # uint8 [N, H, W, C] images, float32 [N, d] points
    label: np.ndarray | None = None  # int32 [N], from 0 on, or UNLABELLED
    other: np.ndarray | None = None  # the other domain, like x; as many as x if they are pairs
    text: np.ndarray | None = None  # int32 [N, T]: see Spec.vocabulary

    def map(self, change: Callable[[np.ndarray], Any]) -> "Arrays":
        """The same fields with change applied to each."""
        return Arrays(**{name: change(field) for name, field in self.fields().items()})

    def fields(self) -> dict[str, np.ndarray]:
        """The fields that are not None, by name."""
        return {name: field for name, field in self._asdict().items() if field is not None}

    @property
    def nbytes(self) -> int:
        """The bytes of all fields."""
        return sum(field.nbytes for field in self.fields().values())


def labelled(arrays: Arrays) -> Arrays:
    """The examples that have a label, possibly none."""
    if arrays.label is None:
        return Arrays(arrays.x[:0], np.zeros(0, np.int32))
    has_one_N = arrays.label != UNLABELLED
    return arrays if has_one_N.all() else arrays.map(lambda field: field[has_one_N])


def all_labelled(arrays: Arrays) -> bool:
    """Whether every example has a label."""
    return arrays.label is not None and bool((arrays.label != UNLABELLED).all())


class Slice(NamedTuple):
    """Examples start to stop of one named split, 0 <= start < stop <= its size."""

    split: str
    start: int
    stop: int


_PART = re.compile(
    r"(?P<split>[\w-]+)(?:\[(?P<start>-?[\d_.]+%?)?(?P<colon>:)(?P<stop>-?[\d_.]+%?)?\])?", re.ASCII
)


def parse_split(text: str, splits: dict[str, int]) -> list[Slice]:
    """The slices that a split string names, such as 'train[:10%]+test', by the rules of TFDS.

    A bound is a number of examples, or a percentage, which is rounded to the closest example;
    negative bounds count from the end. ConfigError if a split is unknown, the notation is not
    understood, or a slice is empty or out of range.
    """
    return [_parse_part(part.strip(), text, splits) for part in str(text).split("+")]


def _parse_part(part: str, text: str, splits: dict[str, int]) -> Slice:
    match = _PART.fullmatch(part)
    sizes = ", ".join(f"{name} ({size})" for name, size in splits.items())
    if not match or match["split"] not in splits:
        raise ConfigError(
            f"data.split {text!r}: {part!r} is not one of the splits {sizes}, nor a slice of one "
            "such as train[:1000] or train[:10%]"
        )
    size = splits[match["split"]]
    ends = [end for end in (match["start"], match["stop"]) if end]
    if len({end.endswith("%") for end in ends}) > 1:  # TFDS would read both as percentages
        raise ConfigError(f"data.split {text!r}: {part!r} mixes a percentage with a count")
    try:
        start = _position(match["start"], size, 0)
        stop = _position(match["stop"], size, size)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"data.split {text!r}: {part!r} has a bound that is not a number of examples"
        ) from None
    if not 0 <= start < stop <= size:
        raise ConfigError(
            f"data.split {text!r}: {part!r} is empty or out of range, as {match['split']} "
            f"has {size} examples"
        )
    return Slice(match["split"], start, stop)


def _position(bound: str | None, size: int, default: int) -> int:
    """The absolute index that a bound names, even if it is out of range."""
    if not bound:
        return default
    index = round(float(bound[:-1]) * size / 100) if bound.endswith("%") else int(bound)
    return index + size if bound.startswith("-") else index


def take(text: str, splits: dict[str, int], read: Callable[[str], Arrays]) -> Arrays:
    """The examples that a split string names. read(name) -> all of a named split, in order."""
    slices = parse_split(text, splits)
    return joined([read(each.split).map(operator.itemgetter(slice(*each[1:]))) for each in slices])


def joined(parts: Sequence[Arrays]) -> Arrays:
    """The examples of all parts, with the fields that every part has."""
    if len(parts) == 1:  # not copied, so a memory map stays one
        return parts[0]
    names = [name for name in Arrays._fields if all(name in part.fields() for part in parts)]
    return Arrays(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})


class ImageSet(NamedTuple):
    """The interface of a set of labelled images; data_dir may be None."""

    spec: Callable[..., Spec]  # (data_dir) -> what is known without the files
    load: Callable[..., Arrays]  # (split, data_dir) -> x uint8 [N, H, W, C], label int32 [N]


def image_set(spec: Spec, read: Callable[[str, PathLike | None], Arrays]) -> ImageSet:
    """The image set with that spec. read(name, data_dir) -> all of a named split, in order."""

    def load(split: str, data_dir: PathLike | None = None) -> Arrays:
        return take(split, spec.splits, lambda name: read(name, data_dir))

    return ImageSet(lambda data_dir=None: spec, load)


def interleave(label_N: np.ndarray) -> np.ndarray:
    """An order [N] that spreads each class evenly, so any stretch has about equal proportions.

    The r-th of a class's c examples has the relative position (r + 1/2) / c; ties are ordered by
    class. Classes of equal size alternate: 0, 1, ..., 9, 0, 1, ... The order is not random and is
    the same on every machine.
    """
    place = np.empty(len(label_N))
    for each in np.unique(label_N):
        (members,) = np.nonzero(label_N == each)
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.lexsort((label_N, place))


def stratified(whole: Arrays, split: str, train: int) -> Arrays:
    """The first `train` labelled examples in interleave's order, or the others for "test"."""
    assert whole.label is not None
    order = interleave(whole.label)
    chosen = order[:train] if split == "train" else order[train:]
    return whole.map(lambda field: field[chosen])
