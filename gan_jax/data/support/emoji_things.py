"""What the drawings of emoji are: their names, categories, and which show one and the same thing.

The drawings of one thing belong on the same side of a split, or a model would be tested with
pictures that it was trained on. One thing are an emoji and its skin variations, one and what it
has replaced (RUNNER, MAN RUNNING), and any whose drawings are the same pixel for pixel in one of
the styles, as the flags of Norway and Bouvet Island.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

LEFT_OUT = "Component"  # a category of parts, such as five squares of skin
_SKINS = {
    "1F3FB": "light skin",
    "1F3FC": "medium light skin",
    "1F3FD": "medium skin",
    "1F3FE": "medium dark skin",
    "1F3FF": "dark skin",
}
_TEST = 2**64 // 10  # a thing is of the test split where its name's digest begins with less


class Row(NamedTuple):
    """One drawing of each style."""

    image: str  # the file's name
    text: str  # the emoji's name, with the words of its skin
    category: str
    emoji: str  # the code of the emoji that it is, or is a variation of
    replaces: str  # the code of the emoji that this one is to be used instead of, or ""


def rows_of(entries: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The rows of emoji.json, variations of skin after their emoji; ValueError for odd ones."""
    found = []
    for entry in entries:
        category, code = entry["category"], entry["unified"]
        if category == LEFT_OUT:
            continue
        replaces = entry.get("obsoletes") or ""
        found.append(Row(entry["image"], entry["name"], category, code, str(replaces)))
        variations = entry.get("skin_variations", {})
        if not isinstance(variations, dict):
            raise ValueError(f"the skin_variations of {entry['name']} are no object")
        for skins, each in variations.items():
            image = each.get("image") if isinstance(each, dict) else None
            if not isinstance(image, str):
                raise ValueError(f"a skin variation of {entry['name']} names no image")
            words = [_SKINS[skin] for skin in skins.split("-") if skin in _SKINS]
            found.append(Row(image, " ".join([entry["name"], *words]), category, code, ""))
    return found


def things(rows: Sequence[Row], styles: Sequence[Sequence[np.ndarray]]) -> list[str]:
    """The thing that each row shows, named by the first of the names that it goes by.

    styles: the drawings of the rows, uint8 [64, 64, 3] each, in every style.
    """
    firsts: dict[Any, int] = {}
    edges = []
    for i, row in enumerate(rows):
        keys: list[Any] = [row.emoji, *([row.replaces] if row.replaces else [])]
        keys += [(j, style[i].tobytes()) for j, style in enumerate(styles)]
        edges += [(i, firsts.setdefault(key, i)) for key in keys]
    ends = np.asarray(edges).T
    graph = coo_array((np.ones(len(edges)), (ends[0], ends[1])), shape=(len(rows), len(rows)))
    group_N = connected_components(graph, directed=False)[1]
    names: dict[int, str] = {}
    for group, row in zip(group_N.tolist(), rows, strict=True):
        names[group] = min(names.get(group, row.text), row.text)
    return [names[group] for group in group_N.tolist()]


def is_test(thing: str) -> bool:
    """Whether a thing is held out: about a tenth are."""
    return _number(thing) < _TEST


def order(rows: Sequence[Row], thing_N: Sequence[str]) -> list[int]:
    """Those of the train split first, each split by digests: any slice of it is a fair sample."""
    return sorted(range(len(rows)), key=lambda i: (is_test(thing_N[i]), _number(rows[i].image), i))


def _number(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:16], 16)
