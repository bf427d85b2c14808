"""Figures of a run, drawn from metrics.jsonl; without matplotlib, an extra, nothing is drawn."""

import io
import logging
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.evaluate.pictures.panels import TOGETHER, Panel, panels
from gan_jax.evaluate.pictures.points import DISC, FAKE, REAL, available, make_figure
from gan_jax.host.files import write_atomically, writing
from gan_jax.training.linelog import read_lines

log = logging.getLogger(__name__)
Columns = dict[str, tuple[np.ndarray, np.ndarray]]  # {metric: its steps and values}

_COLOURS = {"disc": DISC, "gen": "#1b9e77", "on reals": REAL, "on fakes": FAKE, "on samples": FAKE}
_OF_CLASSES = (
    *(REAL, FAKE, "#1b9e77", "#7b3294", "#a6761d"),
    *("#4d4d4d", "#66a61e", "#e7298a", "#17becf", "#bcbd22"),
)
_SMOOTH = 60  # points left after smoothing, about


def plot_curves(metrics_path: str | Path, out: str | Path) -> Path | None:
    """Losses, mean D and logit, accuracies and every eval/ number of a run as one PNG.

    Returns None, after one line in the log, where matplotlib or the numbers are missing.
    """
    if not available("curves"):
        return None
    columns = read_columns(metrics_path)
    shown = drawn(columns)
    if not shown:
        log.warning("no curves: %s holds no numbers to draw", metrics_path)
        return None
    figure = _draw(columns, shown)
    out, png = Path(out), io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    with writing(out):
        write_atomically(out, png.getvalue())
    return out


def read_columns(metrics_path: str | Path) -> Columns:
    """Every numeric key of metrics.jsonl: its steps and values. What was not finite is NaN."""
    points: dict[str, list[tuple[int, float]]] = {}
    for record in read_lines(Path(metrics_path)):
        odd = record.get("nonfinite", {})
        for name, value in record.items():
            number = math.nan if name in odd else value
            if name != "step" and isinstance(number, int | float):
                points.setdefault(name, []).append((record["step"], float(number)))
    return {
        name: (np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs]))
        for name, pairs in points.items()
    }


def drawn(names: Iterable[str]) -> list[Panel]:
    """The panels of losses, logits and evaluations; the page of a run has the others too."""
    usual = {name for panel in TOGETHER for name in panel.lines}
    return panels(name for name in names if name in usual or name.startswith("eval/"))


def _draw(columns: Columns, shown: Sequence[Panel]) -> Any:
    wide = min(3, len(shown))
    high = math.ceil(len(shown) / wide)
    figure = make_figure((4.6 * wide, 3.1 * high), 110)
    axes = np.atleast_1d(figure.subplots(high, wide)).ravel()
    for ax, panel in zip(axes, shown, strict=False):
        _draw_panel(ax, panel, columns)
    for ax in axes[len(shown) :]:
        ax.set_visible(False)
    return figure


def _draw_panel(ax: Any, panel: Panel, columns: Columns) -> None:
    if panel.meets_at_half:
        ax.axhline(0.5, color="#999999", linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    if panel.is_share:
        ax.set_ylim(-0.03, 1.03)
    for i, (name, label) in enumerate(panel.lines.items()):
        (steps, values), other = columns[name], _OF_CLASSES[i % len(_OF_CLASSES)]
        colour = _COLOURS.get(label, other)
        many = len(steps) > 2 * _SMOOTH
        if many:
            ax.plot(steps, values, color=colour, linewidth=0.6, alpha=0.25, zorder=2)
        shown = smooth(values, len(steps) // _SMOOTH) if many else values
        mark = "o" if len(steps) <= 40 else None
        ax.plot(steps, shown, color=colour, linewidth=1.6, label=label, marker=mark, markersize=3)
    title = panel.title.removeprefix("eval/")
    ax.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=_head(ax, panel))
    ax.set_xlabel("step", fontsize=9)
    ax.tick_params(labelsize=8, color="#bbbbbb")
    ax.grid(axis="y", color="#eeeeee", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("#bbbbbb")
    ax.margins(x=0.02)


def _head(ax: Any, panel: Panel) -> float:
    """Draws the legend between the title and the curves, so that it covers none of them.

    Returns how far above the curves the title has to be, in points.
    """
    if (count := len(panel.lines)) < 2:
        return 6.0
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.1, "borderpad": 0.2}
    ax.legend(frameon=False, fontsize=9, ncols=5, columnspacing=1.2, handlelength=1.5, **place)
    return 6.0 + 14.0 * math.ceil(count / 5)


def smooth(values: np.ndarray, width: int) -> np.ndarray:
    """A centred running mean over `width` points, fewer at the ends; NaN where all are NaN."""
    kernel = np.ones(max(1, width) | 1)
    finite = np.isfinite(values)
    total = np.convolve(np.where(finite, values, 0.0), kernel, "same")
    count = np.convolve(finite.astype(float), kernel, "same")
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
