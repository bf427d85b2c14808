"""The sample grids of one run or of many over their steps, with a slider that chooses the step."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from gan_jax.evaluate.pictures.grid import spread
from gan_jax.report.markup import Html, tag
from gan_jax.report.parts import quiet
from gan_jax.report.pictures import fitting

MOST_RUNS = 24
MOST_STEPS = 24
MOST_PICTURES = 192  # of all runs together
FILM_BYTES = 5_000_000
OF_MANY, OF_ONE = (240, 180, 140, 100, 72), (640, 480, 320, 240, 160)


def grids(run_dir: Path) -> dict[int, Path]:
    """The pictures of samples by step, in order."""
    found = {}
    for path in sorted(run_dir.glob("samples/step_*.png")):
        if step := re.fullmatch(r"step_(\d{1,12})", path.stem):
            found[int(step[1])] = path
    return found


def film(runs: Mapping[str, Path]) -> Html | None:
    """The pictures of each run under its name; None if there are none.

    Shows all steps if they fit; otherwise an even choice with the first and the last.
    """
    there = {name: found for name, folder in runs.items() if (found := grids(folder))}
    if not there:
        return None
    names = list(there)[:MOST_RUNS]
    every = sorted({step for name in names for step in there[name]})
    most = max(2, min(MOST_STEPS, MOST_PICTURES // len(names)))
    steps = [every[i] for i in spread(len(every), most)]
    chosen = [(name, step) for name in names for step in steps if step in there[name]]
    sizes = OF_ONE if len(names) == 1 else OF_MANY
    made = fitting([there[name][step] for name, step in chosen], sizes, FILM_BYTES)
    pictures: dict[str, list[tuple[int, str]]] = {name: [] for name in names}
    for (name, step), uri in zip(chosen, made, strict=True):
        if uri:
            pictures[name].append((step, uri))
    frames = [_frame(name, each) for name, each in pictures.items() if each]
    said = _left_out(len(there) - len(names), len(every) - len(steps))
    inner = [
        _slider(steps) if len(steps) > 1 else None,
        tag("div", *frames, class_="frames"),
        quiet(said) if said else None,
    ]
    return tag("div", *inner, class_="film one" if len(frames) == 1 else "film")


def _slider(steps: Sequence[int]) -> Html:
    last = len(steps) - 1
    words = ",".join(map(str, steps))
    bar = tag("input", type="range", min=0, max=last, value=last, data_steps=words)
    return tag("label", "Samples at ", tag("output", f"step {steps[-1]}"), bar, class_="slider")


def _frame(name: str, pictures: Sequence[tuple[int, str]]) -> Html:
    last = len(pictures) - 1
    drawn = [
        tag(
            "img",
            src=uri,
            alt=f"samples at step {step}: {name}",
            data_step=step,
            hidden=i < last,
        )
        for i, (step, uri) in enumerate(pictures)
    ]
    return tag("figure", *drawn, tag("figcaption", name) if name else None)


def _left_out(runs: int, steps: int) -> str:
    said = [f"{n} more {what}" for n, what in ((runs, "runs"), (steps, "steps")) if n]
    return f"{' and '.join(said)} are not shown here: their folders have them." if said else ""
