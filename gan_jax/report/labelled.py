"""Charts as a lecturer draws them: each curve bears its name at its end, so there is no legend.

A curve stops where it leaves the picture. Names stand to the right, or above if a curve leaves
early; a thin line joins each name to its curve.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gan_jax.report.charts import Frame, Marks, axes, dots, figure, path, x_ticks
from gan_jax.report.markup import Html, join, tag

WIDTH = 400  # in the units of the page's letters
LETTER, ROW = 6.1, 13  # a name's width a letter, and its height
LEFT, FOOT = 38, 34
LONGEST = 16  # letters of a name in one line to the right
EARLY = 0.8  # share of the width: a curve that leaves at the top before it is named above


class Named(NamedTuple):
    """A curve and its names. kind: own, line or thin; left or right for the backdrop."""

    names: list[str]
    colour: str
    x: np.ndarray
    y: np.ndarray
    kind: str = "line"


class Label(NamedTuple):
    """A curve's names, and the point of the picture where its visible part ends."""

    curve: Named
    x: float
    y: float


def labelled(
    title: str,
    curves: Sequence[Named],
    x: tuple[float, float],
    y: tuple[float, float],
    axis: tuple[str, str],
    above: Marks = (),
    backdrop: Sequence[Named] = (),
    dot: tuple[float, float] | None = None,
    width: float = WIDTH,
) -> Html:
    """A panel of named curves in the ranges x and y; axis names both, above is a second x axis.

    Curves of the backdrop are filled down to the bottom. dot is a point to mark.
    """
    letters = max((len(part) for c in curves for n in c.names for part in broken(n)), default=0)
    right = width - 20 - LETTER * letters
    across = Frame(LEFT, 0, right, 1, x, y)
    ends = [(curve, end) for curve in curves if (end := _end(curve, y)) is not None]
    soon = x[0] + EARLY * (x[1] - x[0])
    early = sorted((e for e in ends if e[1][1] >= y[1] and e[1][0] < soon), key=lambda e: e[1][0])
    over = [Label(curve, across.px(end[0]), 0) for curve, end in early]
    rows = _rows(over)
    top = 24 + (16 if above else 0) + ROW * (1 + max(rows, default=-1))
    late = [e for e in ends if not any(e is other for other in early)]
    tall = ROW * sum(len(broken(name)) for curve, _ in late for name in curve.names)
    frame = Frame(LEFT, top, right, max(0.655 * width - FOOT, top + tall), x, y)
    beside = [Label(c, frame.px(end[0]), frame.py(end[1])) for c, end in late]
    drawn = [
        axes(frame, *axis),
        tag("g", *x_ticks(frame, above, frame.top, -4, -8)) if above else None,
        *(_filled(frame, curve) for curve in backdrop),
        *(_strokes(frame, curve) for curve in curves),
        dots([frame.px(dot[0])], [frame.py(dot[1])], "c1") if dot else None,
        *(_name_above(frame, label, row) for label, row in zip(over, rows, strict=True)),
        *_names_beside(frame, beside),
    ]
    says = f"{title}: {axis[1]} against {axis[0]}, of {', '.join(_all_names(curves))}"
    hidden = [curve for curve in curves if _end(curve, y) is None]
    note = tag("p", f"Beyond this picture: {', '.join(_all_names(hidden))}.", class_="quiet small")
    whole = figure(title, says, drawn, frame.bottom + FOOT, width=width)
    return join((whole, note)) if hidden else whole


def merged(curves: Sequence[Named]) -> list[Named]:
    """Merges equal curves: all their names, the colour of the first, thin only if all are thin."""
    found: list[Named] = []
    for curve in curves:
        for i, other in enumerate(found):
            if np.allclose(curve.y, other.y, 1e-6, 1e-7, equal_nan=True):
                kind = curve.kind if other.kind == "thin" else other.kind
                found[i] = other._replace(names=[*other.names, *curve.names], kind=kind)
                break
        else:
            found.append(curve)
    return found


def _all_names(curves: Sequence[Named]) -> list[str]:
    return [name for curve in curves for name in curve.names]


def pieces(x_N: np.ndarray, y_N: np.ndarray, y: tuple[float, float]) -> list[np.ndarray]:
    """The parts [n, 2] of a curve within the range y, cut exactly where it crosses an end of it."""
    x_N, y_N = (np.asarray(each, float) for each in (x_N, y_N))
    far = 1e6 * (y[1] - y[0])
    y_N = np.clip(np.nan_to_num(y_N, nan=np.nan, posinf=far, neginf=-far), -far, far)
    for level in y:
        before, after = y_N[:-1] - level, y_N[1:] - level
        crossed = np.flatnonzero(before * after < 0)  # never true for NaN
        share = before[crossed] / (before[crossed] - after[crossed])
        meets = x_N[crossed] + share * (x_N[crossed + 1] - x_N[crossed])
        x_N, y_N = np.insert(x_N, crossed + 1, meets), np.insert(y_N, crossed + 1, level)
    inside = (y_N >= y[0]) & (y_N <= y[1])
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside, [0]])))
    whole = np.stack([x_N, y_N], axis=1)
    return [whole[a:b] for a, b in edges.reshape(-1, 2) if b - a > 1]


def _end(curve: Named, y: tuple[float, float]) -> tuple[float, float] | None:
    found = pieces(curve.x, curve.y, y)
    return (float(found[-1][-1, 0]), float(found[-1][-1, 1])) if found else None


def _strokes(frame: Frame, curve: Named) -> Html:
    parts = pieces(curve.x, curve.y, frame.y)
    drawn = "".join(path(frame.px(part[:, 0]), frame.py(part[:, 1])) for part in parts)
    return tag("path", d=drawn, class_=f"line {curve.kind} {curve.colour}")


def _filled(frame: Frame, curve: Named) -> Html:
    """The filled curve, whose names stand half-way up, left or right of its peak by its kind."""
    line = path(frame.px(curve.x), frame.py(curve.y))
    ends = f"L{frame.px(curve.x[-1]):.1f} {frame.bottom}L{frame.px(curve.x[0]):.1f} {frame.bottom}z"
    peak = int(np.argmax(curve.y))
    x, y = frame.px(curve.x[peak]), frame.py(curve.y[peak] / 2)
    left = curve.kind == "left"
    at = {"x": f"{x - 4 if left else x + 4:.1f}", "y": f"{y:.1f}"}
    words = tag("text", *curve.names, **at, class_=f"named {'end ' * left}{curve.colour}")
    return join((tag("path", d=line + ends, class_=f"band {curve.colour}"), words))


def _rows(labels: Sequence[Label]) -> list[int]:
    """The row of each label above the picture: the lowest in which it meets no label and no lead.

    A name begins at its lead, so rows descend from left to right and no lead crosses a name.
    """
    rows: list[int] = []
    for label in reversed(labels):
        end = label.x + LETTER * (len(_in_one_line(label.curve)) + 2)
        right = zip(reversed(labels), rows, strict=False)
        taken = [row for other, row in right if other.x < end]
        rows.append(max(taken, default=-1) + 1)
    return rows[::-1]


def _in_one_line(curve: Named) -> str:
    return " = ".join(curve.names)


def _name_above(frame: Frame, label: Label, row: int) -> Html:
    foot = frame.top - 6 - ROW * row
    words = tag(
        "text",
        _in_one_line(label.curve),
        x=f"{label.x + 4:.1f}",
        y=f"{foot:.1f}",
        class_=f"named {label.curve.kind} {label.curve.colour}",
    )
    lead = f"M{label.x:.1f} {frame.top}V{foot - 9:.1f}"
    return join((tag("path", d=lead, class_=f"lead {label.curve.colour}"), words))


def _names_beside(frame: Frame, labels: Sequence[Label]) -> list[Html]:
    """The names on the right, from top to bottom in the order in which their curves end."""
    order = sorted(labels, key=lambda label: label.y)
    lines = [[part for name in label.curve.names for part in broken(name)] for label in order]
    heights = [ROW * len(each) for each in lines]
    middles = spread([label.y for label in order], heights, frame.top - ROW / 2, frame.bottom + 6)
    drawn = []
    for label, each, middle in zip(order, lines, middles, strict=True):
        first = middle - ROW * (len(each) - 1) / 2
        lead = (
            f"M{label.x:.1f} {label.y:.1f}L{frame.right + 4} {label.y:.1f}"
            f"L{frame.right + 12} {middle:.1f}"
        )
        drawn.append(tag("path", d=lead, class_=f"lead {label.curve.colour}"))
        drawn += [
            tag(
                "text",
                part,
                x=f"{frame.right + 15:.1f}",
                y=f"{first + i * ROW:.1f}",
                dy="0.32em",
                class_=f"named {label.curve.kind} {label.curve.colour}",
            )
            for i, part in enumerate(each)
        ]
    return drawn


def broken(name: str) -> list[str]:
    """A name in lines of at most LONGEST letters, if its spaces and underscores allow that."""
    lines = [""]
    for word in re.findall(r"[^_ ]*[_ ]?", name):
        if len(lines[-1]) + len(word.rstrip()) > LONGEST and lines[-1]:
            lines.append("")
        lines[-1] += word
    return [line.rstrip() for line in lines]


def spread(
    places: Sequence[float], heights: Sequence[float], low: float, high: float
) -> list[float]:
    """The middles of boxes, in order, near their wanted places and without overlap.

    They stay between low and high if there is room for all.
    """
    middles = list(places)
    edge = low
    for i, height in enumerate(heights):
        middles[i] = max(middles[i], edge + height / 2)
        edge = middles[i] + height / 2
    edge = high
    for i in reversed(range(len(heights))):
        middles[i] = min(middles[i], edge - heights[i] / 2)
        edge = middles[i] - heights[i] / 2
    return middles
