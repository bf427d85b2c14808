"""Pictures of samples that are points: a histogram on the line, a scatter in the plane."""

import importlib.util
import logging
from typing import Any

import numpy as np

log = logging.getLogger(__name__)

REAL, FAKE, DISC = "#2166ac", "#d6604d", "#1b1b1b"  # distinguishable for colour-blind readers too
MOST_POINTS = 5000


def available(what: str = "pictures of points") -> bool:
    """Whether matplotlib is installed; if not, logs what is not drawn."""
    found = importlib.util.find_spec("matplotlib") is not None
    if not found:
        log.warning("no %s without matplotlib: pip install 'gan-jax[demo]'", what)
    return found


def histogram(
    real_Nx1: np.ndarray, fake_Nx1: np.ndarray, places_N: np.ndarray, disc_N: np.ndarray
) -> np.ndarray:
    """Densities of data and samples, and D along the line with its equilibrium 1/2; NaN if none."""
    figure, axes = _canvas()
    bins = np.linspace(places_N[0], places_N[-1], 81)
    axes.hist(real_Nx1[:, 0], bins, density=True, color=REAL, alpha=0.45, label="data")
    axes.hist(fake_Nx1[:, 0], bins, density=True, color=FAKE, alpha=0.45, label="samples")
    axes.set(xlabel="x", ylabel="density", xlim=(bins[0], bins[-1]))
    if np.isfinite(disc_N).any():
        right = axes.twinx()
        right.axhline(0.5, color=DISC, lw=0.8, ls=":")
        right.plot(places_N, disc_N, color=DISC, lw=1.5, label="D(x)")
        right.set(ylim=(0, 1), ylabel="D(x)")
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return pixels(figure)


def scatter(
    fake_Nx2: np.ndarray, real_Nx2: np.ndarray | None = None, title: str = ""
) -> np.ndarray:
    """Samples in the plane of the first two coordinates, over the data if given."""
    figure, axes = _canvas()
    for x, color, name in ((real_Nx2, REAL, "data"), (fake_Nx2, FAKE, "samples")):
        if x is not None:
            few = x[:MOST_POINTS]
            axes.scatter(few[:, 0], few[:, 1], s=4, lw=0, alpha=0.5, color=color, label=name)
    shown = fake_Nx2 if real_Nx2 is None else real_Nx2
    reach = 1.3 * np.abs(shown[:, :2]).max()
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", title=title)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return pixels(figure)


def points(x_NxD: np.ndarray) -> np.ndarray:
    """Samples alone: a histogram for D = 1, else a scatter."""
    if x_NxD.shape[1] > 1:
        return scatter(x_NxD)
    figure, axes = _canvas()
    axes.hist(x_NxD[:, 0], 60, density=True, color=FAKE)
    axes.set(xlabel="x", ylabel="density")
    return pixels(figure)


def make_figure(size: tuple[float, float], dpi: int) -> Any:
    """A figure of that size in inches, without a window system."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=dpi, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def pixels(figure: Any) -> np.ndarray:
    """The figure's pixels, uint8 [h, w, 3]."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def _canvas() -> tuple[Any, Any]:
    figure = make_figure((6.4, 4.8), 100)
    return figure, figure.add_subplot()
