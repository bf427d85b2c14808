"""The curves of all settings on one axis: their numbers and controls, which chart.js draws."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.evaluate.pictures.grid import spread
from gan_jax.report.gather import MOST_POINTS, Row, Sweep
from gan_jax.report.markup import Html, section, tag
from gan_jax.report.parts import axis_of, empty, numeric, quiet
from gan_jax.sweeps.typeset import setting_in_words, show

SMOOTHEST = 20  # points on each side of a running mean
SAYS = (
    "A thick line is the mean over the seeds of a setting, a thin one is a seed. Rows that "
    "diverged or failed are left out of means, and end in a cross. Point at a line to read it; a "
    "name in the legend hides its lines and shows them again."
)


def curves_section(sweep: Sweep, first: str) -> Html:
    """The chart and its controls; `first` is what lines are coloured by at first."""
    if not any(len(steps) for each in sweep.columns for steps, _ in each.values()):
        return section("curves", "Curves", empty("No curves yet."))
    keys = _keys(sweep, first)
    chart = tag(
        "div",
        _controls(keys),
        tag("svg", class_="space", hidden=True),  # chart.js draws in its namespace
        tag("div", class_="legend toggles", data_live=True),
        tag("div", class_="canvas", data_live=True),
        tag("output", "", class_="reading"),
        tag("script", _data(sweep, keys), type="application/json"),
        class_="explore",
    )
    return section("curves", "Curves", quiet(SAYS), chart)


def _keys(sweep: Sweep, first: str) -> dict[str, list[Any]]:
    """What lines can be coloured by, with each row's value; the first choice comes first."""
    of_rows = {
        "setting": [setting_in_words(_of_setting(sweep, row)) for row in sweep.rows],
        "run": [row.id for row in sweep.rows],
    }
    setting = ["setting"] if first != "run" else []
    names = dict.fromkeys([first, *sweep.facts["varied"], *setting])
    keys = {n: of_rows[n] if n in of_rows else [r.values[n] for r in sweep.rows] for n in names}
    return {name: values for name, values in keys.items() if name == first or _differ(values)}


def _of_setting(sweep: Sweep, row: Row) -> dict[str, Any]:
    return sweep.table["settings"][row.setting]["values"]


def _differ(values: Sequence[Any]) -> bool:
    return len({show(value) for value in values}) > 1


def default_key(sweep: Sweep) -> str:
    """The objective if it varies, else the first leaf that does, else the seed."""
    by = sweep.table["by"]
    return "objective" if "objective" in by else by[0] if by else "setting"


def _controls(keys: dict[str, list[Any]]) -> Html:
    options = [tag("option", name, value=name) for name in keys]
    smooth = tag("input", type="range", min=0, max=SMOOTHEST, value=0, data_control="smooth")
    boxes = {"seeds": "each seed", "logx": "log steps", "logy": "log values"}
    return tag(
        "div",
        tag("label", "Colour by ", tag("select", *options, data_control="key", autocomplete="off")),
        tag("label", "Smooth ", smooth, tag("output", "0", class_="smooth")),
        *(
            tag(
                "label",
                tag(
                    "input",
                    type="checkbox",
                    data_control=name,
                    checked=name == "seeds",
                    autocomplete="off",
                ),
                words,
            )
            for name, words in boxes.items()
        ),
        tag("button", "Show all", type="button", data_control="all"),
        class_="controls",
    )


def _data(sweep: Sweep, keys: dict[str, list[Any]]) -> Html:
    """The numbers as JSON without any <, which could end the script that holds them."""
    steps: dict[tuple[int, ...], int] = {}
    rows = [
        {
            "name": f"{row.id}" if "run" in keys else f"row {row.number}",
            "setting": row.setting,
            "lost": row.status in ("diverged", "failed"),
            "values": {name: show(values[i]) for name, values in keys.items()},
            "curves": {name: _curve(*curve, steps) for name, curve in sweep.columns[i].items()},
        }
        for i, row in enumerate(sweep.rows)
    ]
    ordered = {n: [show(v) for v in sorted(set(vs))] for n, vs in keys.items() if numeric(vs)}
    said = {
        "axes": {name: axis_of(name) for name in sweep.metrics},
        "ordered": ordered,
        "steps": [list(each) for each in steps],
        "rows": rows,
    }
    text = json.dumps(said, separators=(",", ":"), allow_nan=False)
    return Html(text.replace("<", "\\u003c").replace("&", "\\u0026"))


def _curve(x_N: np.ndarray, y_N: np.ndarray, steps: dict[tuple[int, ...], int]) -> list[Any]:
    """The indices of its steps, and the values there with six digits; null if not finite."""
    kept = spread(len(x_N), MOST_POINTS)
    at = tuple(int(x) for x in x_N[kept])
    values = [float(f"{y:.6g}") if np.isfinite(y) else None for y in y_N[kept]]
    return [steps.setdefault(at, len(steps)), values]
