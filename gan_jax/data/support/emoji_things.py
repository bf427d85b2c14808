"""What the drawings of emoji show: their names, their categories, and which show the same thing.

All drawings of a thing belong in the same split, or a model would be tested on pictures that it was
trained on. Two emoji show the same thing if one is a skin variation of the other, if one has
replaced the other (RUNNER, MAN RUNNING), or if their drawings are identical in one of the styles,
as those of the flags of Norway and Bouvet Island.
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
_TEST = 2**64 // 10  # a thing is in the test split if its name's digest starts with a lower number


class Row(NamedTuple):
    """One drawing of each style."""

    image: str  # the file's name
    text: str  # the emoji's name, with the words for its skin tone
    category: str
    emoji: str  # the code of the emoji, or of the one that it is a variation of
    replaces: str  # the code of the emoji that it replaces, or ""


def rows_of(entries: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The rows of emoji.json, skin variations after their emoji; ValueError for malformed ones."""
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
    """The thing that each row shows, named by the first of its names.

    styles: for each style, the drawings of the rows, uint8 [64, 64, 3] each.
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
    """Whether a thing is in the test split; about a tenth are."""
    return _number(thing) < _TEST


def order(rows: Sequence[Row], thing_N: Sequence[str]) -> list[int]:
    """The train split first; each split in the order of digests, so a slice is a fair sample."""
    return sorted(range(len(rows)), key=lambda i: (is_test(thing_N[i]), _number(rows[i].image), i))


def _number(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:16], 16)
