"""The Dirac-GAN: which methods converge, and with which eigenvalues? Mescheder et al. 2018.

The data are at 0, gen is one number theta, and disc's logit is psi x (positive on reals, so the
paper's start (1, 1) is theta = 1, psi = -1). 500 steps of gradient descent of size 0.2, in float64,
without randomness. The game is the project's own: losses from OBJECTIVES, PENALTIES and games/,
steps from DYNAMICS.

simultaneous: both move at once; alternating_k: k updates of disc, then one of gen. extragradient,
optimistic and consensus are rules for both players at once and have no alternating rows. Methods
without an objective in their name play minimax. instance_noise adds N(0, 0.7^2) to reals and fakes;
the expectation is taken by Gauss-Hermite quadrature. Eigenvalues are those of the update of
(theta, psi) at (0, 0), with the last update included for optimistic; wgan_gp has a kink there, and
no eigenvalues.

The authors' notebook moves gen first, so its alternating numbers differ. non_saturating has the
eigenvalues of minimax, because its attraction to the fixed point is of higher order. With
simultaneous steps it approaches only to a circle of radius 0.63, where the attraction balances the
outward drift.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from gan_jax.evaluate.pictures import points as pointplots
from gan_jax.reproduce.dirac_game import METHODS, SCHEDULES, STEP, Method, measure
from gan_jax.reproduce.work import Work


def cells() -> list[tuple[str, str]]:
    """(method, schedule) of every row."""
    return [
        (name, schedule)
        for name, method in METHODS.items()
        for schedule in (["simultaneous"] if method.dynamics else SCHEDULES)
    ]


def run(work: Work) -> list[dict[str, Any]]:
    """One row per cell; quick makes no difference, as the table takes only seconds."""
    return [row(*cell) for cell in cells()]


def trajectories() -> dict[tuple[str, str], np.ndarray]:
    """{(method, schedule): theta and psi after 0, 1, ... 500 steps, [501, 2]}."""
    return {cell: measure(*cell).path for cell in cells()}


def row(name: str, schedule: str) -> dict[str, Any]:
    """The row of a cell, from its path of 500 steps."""
    path, far, jacobian = measure(name, schedule)
    smooth = METHODS[name].smooth
    return {
        "method": name,
        "schedule": schedule,
        "norm": float(np.linalg.norm(path[-1])),
        "verdict": verdict(path, far),
        "eigenvalues_predicted": _pairs(predict(METHODS[name], schedule)) if smooth else [],
        "eigenvalues_measured": _pairs(np.linalg.eigvals(jacobian)) if smooth else [],
    }


def verdict(path: np.ndarray, far: np.ndarray) -> str:
    """What a path does, judged by the band (smallest, largest norm) of each quarter of its steps.

    It diverges if the top of the last band is over 1.05 of the second's, or not finite. It shrinks
    if that top is under 0.95 of the second's. A path that shrinks converges if the top is under
    1e-3 of the first's, or if the logarithm falls in the last quarter by at least 0.9 of its fall
    in the one before; it converges only locally if the far path ends further out than it began.
    Otherwise it creeps in (sub-linearly). A path that does neither orbits if all bands are the same
    within 5% from the start; else it cycles, as it came from elsewhere.
    """
    norms = np.linalg.norm(path, axis=1)
    low, top = (f(norms[1:].reshape(4, -1), axis=1) for f in (np.min, np.max))
    if not top[3] <= 1.05 * top[1]:
        return "diverges"
    if top[3] < 0.95 * top[1]:
        if top[3] > 1e-3 * top[0] and np.log(top[3] / top[2]) > 0.9 * np.log(top[2] / top[1]):
            return "creeps in (sub-linearly)"
        local = not np.linalg.norm(far[-1]) <= np.linalg.norm(far[0])
        return "converges only locally" if local else "converges"
    stays = norms.max() <= 1.05 * top[3] and norms.min() >= low[3] / 1.05
    return "orbits" if stays else "cycles"


def _pairs(values: np.ndarray) -> list[list[float]]:
    """[re, im] of each, sorted by im and then re up to rounding, so that lists can be compared."""
    pairs = [[float(z.real), float(z.imag)] for z in np.asarray(values, complex)]
    return sorted(pairs, key=lambda pair: (round(pair[1], 6), round(pair[0], 6)))


def _complex(pairs: list[list[float]]) -> str:
    return ", ".join(f"{re:.4f}{im:+.4f}i" for re, im in pairs) or "-"


COLUMNS: dict[str, Callable[[dict[str, Any]], str]] = {
    "method": lambda row: row["method"],
    "schedule": lambda row: row["schedule"],
    "norm after 500 steps": lambda row: f"{row['norm']:.3g}",
    "verdict": lambda row: row["verdict"],
    "eigenvalues predicted": lambda row: _complex(row["eigenvalues_predicted"]),
    "measured": lambda row: _complex(row["eigenvalues_measured"]),
}


def predict(method: Method, schedule: str) -> np.ndarray:
    """Eigenvalues of the update at (0, 0), from the field's Jacobian [[0, -pull], [pull, damp]]."""
    field = np.array([[0, -method.pull], [method.pull, method.damp]])
    if disc_updates := SCHEDULES[schedule]:
        disc, gen = np.eye(2), np.eye(2)
        disc[1], gen[0] = disc[1] - STEP * field[1], gen[0] - STEP * field[0]
        return np.linalg.eigvals(gen @ np.linalg.matrix_power(disc, disc_updates))
    return UPDATES[method.dynamics or "simultaneous"](STEP * np.linalg.eigvals(field), method)


UPDATES: dict[str, Callable[[np.ndarray, Method], np.ndarray]] = {
    # mu is the step times an eigenvalue of the field
    "simultaneous": lambda mu, method: 1 - mu,
    "extragradient": lambda mu, method: 1 - mu + mu**2,
    # x^2 = (1 - 2 mu) x + mu: two steps back
    "optimistic": lambda mu, method: np.concatenate([np.roots([1, 2 * m - 1, -m]) for m in mu]),
    # J^T J = pull^2 without damping
    "consensus": lambda mu, method: 1 - mu - STEP * dict(method.args)["gamma"] * method.pull**2,
}


def picture(work: Work, rows: list[dict[str, Any]]) -> np.ndarray | None:
    """The paths in the plane of theta and psi, one panel per cell; None without matplotlib."""
    if not pointplots.available():
        return None
    figure = pointplots.make_figure((8.4, 2.6 * len(METHODS)), 60)
    grid = figure.subplots(len(METHODS), len(SCHEDULES), squeeze=False)
    places = [(m, s) for m in METHODS for s in SCHEDULES]
    paths = trajectories()
    for axes, place in zip(grid.ravel(), places, strict=True):
        axes.set_visible(place in paths)
        if place in paths:
            _draw(axes, " ".join(place), paths[place])
    return pointplots.pixels(figure)


def _draw(axes: Any, title: str, path: np.ndarray) -> None:
    axes.plot(*path.T, "-", color=pointplots.DISC, lw=0.5, alpha=0.6)
    axes.scatter(*path.T, s=4, lw=0, c=np.arange(len(path)), cmap="viridis")
    axes.plot(*path[0], "o", color=pointplots.FAKE, ms=5)
    axes.plot(0, 0, "+", color=pointplots.REAL, ms=8)
    axes.set_title(title, fontsize=9)
    axes.set(xlabel="theta", ylabel="psi", aspect="equal")
    axes.set_xlim(-1.1 * abs(path).max(), 1.1 * abs(path).max())
    axes.set_ylim(axes.get_xlim())
