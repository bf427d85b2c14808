"""Figures of a run, drawn from metrics.jsonl; without matplotlib, an extra, nothing is drawn."""

import importlib.util
import io
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.files import write_atomically, writing
from gan_jax.linelog import read_lines

log = logging.getLogger(__name__)

_REAL, _FAKE = "#2166ac", "#d6604d"  # told apart by colour-blind readers too
_SIDES = {"real": _REAL, "fake": _FAKE}
_DISC, _GEN = "#1b1b1b", "#1b9e77"
_REST: tuple[str, ...] = ("#2166ac", "#d6604d", "#1b9e77", "#7b3294", "#a6761d")
_REST += ("#4d4d4d", "#66a61e", "#e7298a", "#17becf", "#bcbd22")
_PANELS: tuple[tuple[str, dict[str, tuple[str, str]], float | None], ...] = (
    ("loss", {"disc_loss": ("disc", _DISC), "gen_loss": ("gen", _GEN)}, None),
    ("mean D", {"d_real": ("on reals", _REAL), "d_fake": ("on fakes", _FAKE)}, 0.5),
    ("mean logit", {f"watch/logit_{k}": (f"on {k}s", c) for k, c in _SIDES.items()}, None),
    ("accuracy of disc", {"acc_real": ("on reals", _REAL), "acc_fake": ("on fakes", _FAKE)}, 0.5),
)
_SMOOTH = 60  # points left after smoothing, about


def plot_curves(metrics_path: str | Path, out: str | Path) -> Path | None:
    """Losses, mean D and logit, accuracies and every eval/ number of a run as one PNG.

    Returns None, after one line in the log, where matplotlib or the numbers are missing.
    """
    if importlib.util.find_spec("matplotlib") is None:
        log.warning("no curves without matplotlib: pip install 'gan-jax[demo]'")
        return None
    columns = read_columns(metrics_path)
    panels = [p for p in _panels(columns) if p[1]]
    if not panels:
        log.warning("no curves: %s holds no numbers to draw", metrics_path)
        return None
    figure = _draw(columns, panels)
    out, png = Path(out), io.BytesIO()
    figure.savefig(png, format="png", dpi=110, metadata={"Software": None})
    with writing(out):
        write_atomically(out, png.getvalue())
    return out


def read_columns(metrics_path: str | Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
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


def _panels(
    columns: Mapping[str, Any],
) -> list[tuple[str, dict[str, tuple[str, str]], float | None]]:
    fixed = [
        (title, {k: v for k, v in lines.items() if k in columns}, level)
        for title, lines, level in _PANELS
    ]
    groups: dict[str, list[str]] = {}
    for name in sorted(name for name in columns if name.startswith("eval/")):
        groups.setdefault(_title(name), []).append(name)
    evals = [
        (title, {n: (_label(n, title), _REST[i % len(_REST)]) for i, n in enumerate(names)}, None)
        for title, names in groups.items()
        if any(not name.endswith("_real") for name in names)  # of reals alone it is one value
    ]
    return fixed + evals


def _title(name: str) -> str:
    """The panel of an eval/ number: counts share one, and so does what is said of real data."""
    stem = name.removeprefix("eval/").removesuffix("_real")
    return "samples of each class" if stem.startswith("count_") else stem


def _label(name: str, title: str) -> str:
    if "/count_" in name:
        return name.rpartition("_")[2]
    return "on reals" if name.endswith("_real") else "on samples"


def _draw(columns, panels: Sequence):
    # without pyplot: no global state, no window system, safe in a thread
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    wide = min(3, len(panels))
    high = math.ceil(len(panels) / wide)
    figure = Figure(figsize=(4.6 * wide, 3.1 * high), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = np.atleast_1d(figure.subplots(high, wide)).ravel()
    for ax, (title, lines, level) in zip(axes, panels, strict=False):
        _draw_panel(ax, title, {label: (*columns[k], c) for k, (label, c) in lines.items()}, level)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    return figure


def _draw_panel(ax, title: str, lines: dict, level: float | None) -> None:
    if level is not None:
        ax.axhline(level, color="#999999", linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        ax.set_ylim(-0.03, 1.03)
    for label, (steps, values, colour) in lines.items():
        many = len(steps) > 2 * _SMOOTH
        if many:
            ax.plot(steps, values, color=colour, linewidth=0.6, alpha=0.25, zorder=2)
        shown = smooth(values, len(steps) // _SMOOTH) if many else values
        mark = "o" if len(steps) <= 40 else None
        ax.plot(steps, shown, color=colour, linewidth=1.6, label=label, marker=mark, markersize=3)
    ax.set_title(title, loc="left", fontsize=11, fontweight="bold")
    ax.set_xlabel("step", fontsize=9)
    ax.tick_params(labelsize=8, color="#bbbbbb")
    ax.grid(axis="y", color="#eeeeee", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("#bbbbbb")
    ax.margins(x=0.02)
    if len(lines) > 1:
        ax.legend(frameon=False, fontsize=9, loc="best", ncols=1 if len(lines) < 6 else 5)


def smooth(values: np.ndarray, width: int) -> np.ndarray:
    """A centred running mean over `width` points, fewer at the ends; NaN where all are NaN."""
    kernel = np.ones(max(1, width) | 1)
    finite = np.isfinite(values)
    total = np.convolve(np.where(finite, values, 0.0), kernel, "same")
    count = np.convolve(finite.astype(float), kernel, "same")
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
