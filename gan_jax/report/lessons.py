"""The figures that teachers draw by hand.

`python -P -m gan_jax.report.lessons --out DIR` writes them on a page of their own, and
`gan-jax report` shows those that fit a run or a sweep. All numbers are those of figures.py.
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.host.environment import local_path
from gan_jax.host.files import write_named
from gan_jax.objectives import OBJECTIVES, THEORY
from gan_jax.report import facts, transposed
from gan_jax.report import figures as lessons
from gan_jax.report.charts import COLOURS
from gan_jax.report.figures import Chosen, Curve
from gan_jax.report.labelled import Named, labelled, merged
from gan_jax.report.markup import Html, page, section, tag
from gan_jax.report.parts import quiet

REFERENCES = {"non_saturating": "c0", "minimax": "c1"}  # the same colour in every figure
LOSSES, GRADIENTS, PULLS = (-3.0, 4.0), (-2.5, 0.5), (0.0, 2.0)  # the ranges of the panels
PLACES = np.linspace(0.002, 0.998, 250)  # of D
MARKED = (-4, -2, 0, 2, 4)  # logits
DISTANCES = np.linspace(0.02, 8, 115)  # starts just above 0, where |p - q| has a kink
VERDICT = "D(G(z)) = sigmoid of the logit s above"
APART = "d, in standard deviations"
RUN = (
    "Gen's loss against D's verdict on its sample, and its gradient in the logit, which is all "
    "that reaches gen: minimax's vanishes where D is sure of a fake (D near 0), non_saturating's "
    "is largest there. Last, the pull on gen: how fast its aim falls as N(d/2, 1) comes nearer to "
    "the data's N(\u2212d/2, 1), with the best disc at each d."
)


class Computed(NamedTuple):
    """The curves of objectives; `pulls` only has those whose theory says what gen minimises."""

    losses: dict[Chosen, Curve]
    pulls: dict[Chosen, Curve]


def compute(objectives: Sequence[Chosen]) -> Computed:
    """All curves in two programs."""
    claims = {o: claimed for o in objectives if (claimed := lessons.claim(o)[0]) is not None}
    logits = np.log(PLACES / (1 - PLACES))
    return Computed(lessons.gen_losses(objectives, logits), lessons.apart(claims, DISTANCES))


def section_of(configs: Sequence[Mapping[str, Any]]) -> Html | None:
    """What the objectives of a run or a sweep do; None if none of them is a function of logits."""
    objectives = lessons.chosen(configs)
    if not objectives:
        return None
    title = "What this objective does" if len(objectives) == 1 else "What these objectives do"
    panels = _panels(objectives, compute(beside_references(objectives)))
    return section("objective", title, quiet(f"{RUN} {_reasons(objectives)}"), panels)


def beside_references(objectives: Sequence[Chosen]) -> list[Chosen]:
    """The objectives, after those references that are not among them."""
    names = [o.name for o in objectives]
    return [*(Chosen(name) for name in REFERENCES if name not in names), *objectives]


def _panels(objectives: Sequence[Chosen], computed: Computed) -> Html:
    return _side_by_side([*gen_panels(objectives, computed), pull_panel(objectives, computed)])


def _side_by_side(panels: Sequence[Html]) -> Html:
    return tag("div", *panels, class_="panels lessons")


def _reasons(objectives: Sequence[Chosen]) -> str:
    """What the figures assume, and what they leave out."""
    says = [
        f"{o.label}: disc's logit on all reals is {lessons.REAL_LOGIT:g}."
        for o in objectives
        if lessons.looks_at_reals(o)
    ]
    reasons = [(o.label, reason) for o in objectives if (reason := lessons.claim(o)[1])]
    says += [f"No pull of {name}: {reason}." for name, reason in reasons]
    return " ".join(says)


def gen_panels(objectives: Sequence[Chosen], computed: Computed) -> list[Html]:
    """Gen's loss against D(G(z)), and its gradient in the logit, beside the references."""
    above = [(1 / (1 + math.exp(-s)), f"{s}" if s else "s = 0") for s in MARKED]
    return [
        labelled(
            title,
            _named(objectives, {o: getattr(c, field) for o, c in computed.losses.items()}, PLACES),
            (0, 1),
            y,
            (VERDICT, unit),
            above,
        )
        for title, field, y, unit in (
            ("Gen's loss", "value", LOSSES, "loss of a fake"),
            ("Its gradient in the logit s", "slope", GRADIENTS, "loss per unit of s"),
        )
    ]


def pull_panel(objectives: Sequence[Chosen], computed: Computed) -> Html:
    """The slope in d of what gen minimises at disc's best, beside the references."""
    named = _named(objectives, {o: c.slope for o, c in computed.pulls.items()}, DISTANCES)
    title = "Pull on gen as two Gaussians move apart"
    return labelled(title, named, (0, 8), PULLS, (APART, "slope of gen's aim in d"))


def _named(
    objectives: Sequence[Chosen], y: Mapping[Chosen, np.ndarray], x: np.ndarray
) -> list[Named]:
    """The curves in the objectives' colours; references that were not asked for are thin."""
    others = [o for o in objectives if o.name not in REFERENCES]
    rest = {o: f"c{2 + i % (COLOURS - 2)}" for i, o in enumerate(others)}
    own = "own" if len(objectives) == 1 else "line"
    return merged(
        [
            Named([o.label], REFERENCES.get(o.name) or rest[o], x, y[o], kind)
            for o in beside_references(objectives)
            for kind in (own if o in objectives else "thin",)
            if o in y
        ]
    )


def optimum_panels() -> list[Html]:
    """D* between the two Gaussians, with their densities behind it, at a few distances."""
    x = np.linspace(-6, 6, 241)
    panels = []
    for d in (0, 1, 2, 4):
        best = float(lessons.best_disc(np.array([d / 2]), d)[0])
        data = Named(["data"], "c0", x, lessons.density(x, -d / 2), "left")
        gen = Named(["gen"], "c1", x, lessons.density(x, d / 2), "right")
        curve = Named(["D*(x)"], "ink", x, lessons.best_disc(x, d), "own")
        title = f"d = {d}: D* is {best:.2g} at gen's mean"
        axis = ("x", "D*, densities")
        dot = (d / 2, best)
        panels.append(labelled(title, [curve], (-6, 6), (0, 1), axis, (), [data, gen], dot, 310))
    return panels


def divergence_panels() -> list[Html]:
    """Each divergence between the two Gaussians over their distance, and its slope."""
    curves = lessons.apart(lessons.DIVERGENCES, DISTANCES)

    return [
        labelled(
            title,
            merged(
                [
                    Named([name], f"c{i}", DISTANCES, getattr(curve, field))
                    for i, (name, curve) in enumerate(curves.items())
                ]
            ),
            (0, 8),
            y,
            (APART, unit),
        )
        for title, field, y, unit in (
            ("Divergence between two Gaussians", "value", (0.0, 4.0), "KL and JS in nats"),
            ("Its slope: what is left to learn from", "slope", PULLS, "slope in d"),
        )
    ]


SAYS = {
    "saturation": (
        "Early on disc is sure of every fake: D(G(z)) near 0, on the left. There minimax is flat "
        "and gen gets nothing; non_saturating has the same fixed point and its largest slope "
        "there. They agree at D = 1/2. max_likelihood learns only from the best fakes."
    ),
    "optimum": (
        "D* = p / (p + q) between the data N(\u2212d/2, 1) and gen N(d/2, 1). The farther apart, "
        "the flatter D* is where gen's samples are (the dot is at their mean)."
    ),
    "divergences": (
        "JS, total variation and Hellinger reach their bounds and go flat: nothing is left to "
        "learn from. KL = d\u00b2/2 does not. Both Gaussians have one width, so KL is the same "
        "both ways."
    ),
    "pull": (
        "What gen minimises where disc is at its best, by its slope in d. Near d = 0 minimax and "
        "non_saturating pull alike; far away only one of them still does."
    ),
    "objectives": "Thin: non_saturating and minimax, for comparison.",
    "transposed": transposed.SAYS,
}


def whole_page() -> str:
    """Every figure on one page."""
    parts = {
        "saturation": "Why minimax saturates",
        "optimum": "The best disc",
        "divergences": "Divergences",
        "pull": "The pull on gen",
        "objectives": "Every objective",
        "transposed": "Transposed convolutions",
    }
    classic = [Chosen(name) for name in ("non_saturating", "minimax", "max_likelihood")]
    known = [*classic, *(Chosen(name) for name in ("lsgan", "hinge", "thresholded"))]
    every = [Chosen(name, tuple(THEORY[name].numbers.items())) for name in OBJECTIVES]
    computed = compute(list(dict.fromkeys([*known, *every])))
    figures = {
        "saturation": _side_by_side(gen_panels(classic, computed)),
        "optimum": tag("div", *optimum_panels(), class_="panels"),
        "divergences": _side_by_side(divergence_panels()),
        "pull": _side_by_side([pull_panel(known, computed)]),
        "objectives": tag("div", *(_everything(one, computed) for one in every)),
        "transposed": transposed.panels(),
    }
    sections = [section(i, parts[i], quiet(SAYS[i]), figures[i]) for i in parts]
    says = ["drawn from the code of the objectives, in float64"]
    head = facts.head("lessons", "What GAN objectives do", says)
    return page("Lessons - gan_jax", head, facts.navigation(parts), tag("main", *sections))


def _everything(one: Chosen, computed: Computed) -> Html:
    """The three figures of an objective."""
    more = _reasons([one])
    says = quiet(more) if more else None
    return tag("div", tag("h3", one.label), says, _panels([one], computed))


def main() -> None:
    """Writes DIR/lessons.html."""
    parser = argparse.ArgumentParser(description="The figures that teachers draw by hand.")
    parser.add_argument("--out", required=True, metavar="DIR")
    path = Path(local_path("--out", parser.parse_args().out), "lessons.html")
    write_named("--out", path, whole_page().encode())
    print(path)


if __name__ == "__main__":
    main()
