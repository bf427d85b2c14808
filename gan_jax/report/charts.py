"""Charts as SVG inside the page: curves of a run, dots against a value, a strip of seeds.

Colours are classes of page.css, so they follow the reader's light or dark mode. Coordinates are
those of a viewBox that is about as wide as a panel is on the screen.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from gan_jax.report.markup import Html, tag
from gan_jax.sweeps.typeset import number

WIDTH, HEIGHT = 320, 212
TOP = 26  # room above a panel for the name of its axis
STRIP_WIDTH, STRIP_HEIGHT = 150, 22
COLOURS = 10  # in page.css

Marks = Sequence[tuple[float, str]]  # places of ticks and their words


class Line(NamedTuple):
    """A curve."""

    colour: str
    x: np.ndarray
    y: np.ndarray


class Frame(NamedTuple):
    """A rectangle of the picture and the range of numbers it shows."""

    left: float
    top: float
    right: float
    bottom: float
    x: tuple[float, float]
    y: tuple[float, float]

    def px(self, x: Any) -> Any:
        return self.left + (x - self.x[0]) / (self.x[1] - self.x[0]) * (self.right - self.left)

    def py(self, y: Any) -> Any:
        return self.bottom - (y - self.y[0]) / (self.y[1] - self.y[0]) * (self.bottom - self.top)


def span(values: Any, margin: float = 0.05) -> tuple[float, float]:
    """The range of the finite numbers with a margin; never empty."""
    x_N = np.asarray(values, float).ravel()
    x_N = np.clip(x_N[np.isfinite(x_N)], -1e300, 1e300)
    if not x_N.size:
        return 0.0, 1.0
    low, high = float(x_N.min()), float(x_N.max())
    least = 0.02 * max(abs(low), abs(high)) or 1.0
    if high - low < least:
        low, high = (low + high - least) / 2, (low + high + least) / 2
    return low - margin * (high - low), high + margin * (high - low)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers between low and high."""
    rough = (high - low) / about
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * m for m in (1, 2, 5, 10) if size * m >= 0.999 * rough)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def short(value: float) -> str:
    """A tick's label: 5000 is 5k."""
    if abs(value) >= 1e6 or 0 < abs(value) < 1e-3:
        return f"{value:.2g}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    return f"{value / 1000:g}k" if abs(value) >= 1000 else f"{value:.4g}"


def curves(
    title: str, lines: Sequence[Line], y: tuple[float, float], axis: str, legend: Html | None = None
) -> Html:
    """A panel: each line over train steps, within the range y."""
    top = TOP if axis else 10
    frame = Frame(38, top, WIDTH - 8, HEIGHT - 34, span([x for l in lines for x in l.x], 0), y)  # noqa: E741
    drawn = [axes(frame, "train step", axis), *(_line(frame, line) for line in lines)]
    return figure(title, f"{title}: {axis or 'value'} over train steps", drawn, HEIGHT, legend)


def _line(frame: Frame, line: Line) -> Html:
    inside = np.clip(line.y, *frame.y)
    if len(line.x) > 1:
        points = path(frame.px(line.x), frame.py(inside))
        return tag("path", d=points, class_=f"line {line.colour}")
    return dots(frame.px(line.x), frame.py(inside), line.colour)


def path(x_N: np.ndarray, y_N: np.ndarray) -> str:
    """The data of an SVG path through the points, to a tenth of a pixel."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(x_N, y_N, strict=True))


def dots(x_N: Any, y_N: Any, kind: str) -> Html:
    """One path for all dots: a line of no length with round ends is a dot."""
    marks = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in zip(x_N, y_N, strict=True))
    return tag("path", d=marks, class_=f"dots {kind}")


def against_words(
    leaf: str,
    words: Sequence[str],
    found: Sequence[tuple[int, float]],
    x: tuple[float, float],
    axis: str,
) -> Html:
    """Each row's metric, a line of dots a word, with its mean; found is (place of word, value)."""
    height = 44 + 20 * len(words)
    frame = Frame(124, 6, WIDTH - 8, height - 34, x, (len(words) - 0.5, -0.5))
    places, values = (np.asarray(each, float) for each in zip(*found, strict=True))
    drawn: list[Html | None] = [axes(frame, axis, None)]
    for i, word in enumerate(words):
        short_word = word if len(word) <= 20 else word[:19] + "\u2026"
        y = frame.py(i)
        label = tag("text", short_word, tag("title", word), x=116, y=f"{y + 4:.1f}", class_="end")
        drawn += [label, _mean(frame, values[places == i], y)]
    drawn.append(dots(frame.px(values), frame.py(places + _jitter(len(places))), "c0 faint"))
    return figure(leaf, f"{axis} against {leaf}", drawn, height)


def _mean(frame: Frame, values: np.ndarray, y: float) -> Html | None:
    if not values.size:
        return None
    return tag("path", d=f"M{frame.px(values.mean()):.1f} {y - 8:.1f}v16", class_="mean")


def against_numbers(
    leaf: str, numbers: Any, values: Any, y: tuple[float, float], axis: str
) -> Html:
    """The metric of each row against a number: at even places if few, else on a (log) axis."""
    x_N, y_N = np.asarray(numbers, float), np.asarray(values, float)
    distinct = np.unique(x_N)
    few = len(distinct) <= 12
    logs = not few and distinct[0] > 0 and distinct[-1] > 30 * distinct[0]
    at_N = np.searchsorted(distinct, x_N) if few else np.log10(x_N) if logs else x_N
    x = (-0.5, len(distinct) - 0.5) if few else span(at_N)
    frame = Frame(38, TOP, WIDTH - 8, HEIGHT - 34, x, y)
    marks: Marks | None = [(i, f"{v:g}") for i, v in enumerate(distinct)] if few else None
    if logs:
        marks = [(t, f"{10.0**t:.2g}") for t in ticks(*x)]
    drawn = [axes(frame, leaf, axis, marks)]
    wide = 1.5 * _jitter(len(at_N)) if few else 0.0
    drawn.append(dots(frame.px(at_N + wide), frame.py(y_N), "c0 faint"))
    for i in range(len(distinct)) if few else ():
        level = frame.py(y_N[at_N == i].mean())
        drawn.append(tag("path", d=f"M{frame.px(i) - 11:.1f} {level:.1f}h22", class_="mean"))
    return figure(leaf, f"{axis} against {leaf}", drawn, HEIGHT)


def _jitter(count: int) -> np.ndarray:
    """Fixed small offsets, evenly spread, so that equal values do not hide each other."""
    return (np.arange(count) * 0.618034 % 1 - 0.5) * 0.4


def strip(found: dict[str, Any], x: tuple[float, float]) -> Html | None:
    """A setting's seeds as dots, the interval of their mean as a line, on the scale of all."""
    each = [v for v in found["each"] if v is not None]
    if not each:
        return None
    frame = Frame(6, 0, STRIP_WIDTH - 6, STRIP_HEIGHT, x, (0.0, 1.0))
    interval = None
    if found["low"] is not None:
        low, high = frame.px(found["low"]), frame.px(found["high"])
        interval = tag("path", d=f"M{low:.1f} 11H{high:.1f}", class_="interval")
    heights = STRIP_HEIGHT / 2 + 14 * _jitter(len(each))
    drawn = [
        tag("path", d=f"M6 {STRIP_HEIGHT / 2}H{STRIP_WIDTH - 6}", class_="rule"),
        interval,
        dots(frame.px(np.asarray(each, float)), heights, "c0 faint"),
        tag("path", d=f"M{frame.px(found['mean']):.1f} 4v14", class_="mean"),
    ]
    label = f"{len(each)} seeds from {number(min(each))} to {number(max(each))}"
    box = f"0 0 {STRIP_WIDTH} {STRIP_HEIGHT}"
    return tag("svg", *drawn, viewBox=box, class_="strip", role="img", aria_label=label)


def strip_scale(x: tuple[float, float]) -> Html:
    """The ticks above a column of strips."""
    frame = Frame(6, 0, STRIP_WIDTH - 6, 14, x, (0.0, 1.0))
    marks = [
        tag("text", short(t), x=f"{frame.px(t):.1f}", y=11, class_="middle") for t in ticks(*x, 3)
    ]
    return tag("svg", *marks, viewBox=f"0 0 {STRIP_WIDTH} 14", class_="strip", aria_hidden="true")


def axes(frame: Frame, x_label: str, y_label: str | None, x_marks: Marks | None = None) -> Html:
    """The horizontal axis; with y_label, which may be empty, also the rules of the vertical one."""
    drawn = []
    for value in ticks(*frame.y) if y_label is not None else ():
        y = f"{frame.py(value):.1f}"
        drawn.append(tag("path", d=f"M{frame.left} {y}H{frame.right}", class_="rule"))
        drawn.append(tag("text", short(value), x=frame.left - 6, y=y, dy="0.32em", class_="end"))
    if x_marks is None:
        x_marks = [(t, short(t)) for t in ticks(*frame.x, 5)]
    middle = (frame.left + frame.right) / 2
    return tag(
        "g",
        *drawn,
        *x_ticks(frame, x_marks, frame.bottom, 4, 15),
        tag("path", d=f"M{frame.left} {frame.bottom}H{frame.right}", class_="axis"),
        tag("text", x_label, x=middle, y=frame.bottom + 30, class_="middle name"),
        tag("text", y_label, x=4, y=12, class_="name") if y_label else None,
    )


def x_ticks(frame: Frame, marks: Marks, y: float, length: float, words: float) -> Iterator[Html]:
    """Ticks of `length` at y, with their labels `words` below."""
    for value, word in marks:
        x = f"{frame.px(value):.1f}"
        yield tag("path", d=f"M{x} {y}v{length}", class_="axis")
        yield tag("text", word, x=x, y=y + words, class_="middle")


def figure(
    title: str,
    says: str,
    drawn: Sequence[Html | None],
    height: float,
    legend: Html | None = None,
    width: float = WIDTH,
) -> Html:
    """The picture under its title; `says` describes it for screen readers."""
    picture = tag("svg", *drawn, viewBox=f"0 0 {width} {height}", role="img", aria_label=says)
    return tag("figure", tag("figcaption", title), legend, picture)
