"""Which curves of a run share a panel in curves.png and on the run's page."""

from collections.abc import Iterable
from typing import NamedTuple


class Panel(NamedTuple):
    """Curves that are drawn together."""

    title: str  # the metric's name, for one metric and its value for reals
    lines: dict[str, str]  # metric -> its name in the legend
    is_share: bool = False  # drawn from 0 to 1
    meets_at_half: bool = False  # marks 1/2, where reals and fakes are indistinguishable


TOGETHER = (
    Panel("loss", {"disc_loss": "disc", "gen_loss": "gen"}),
    Panel("mean D", {"d_real": "on reals", "d_fake": "on fakes"}, True, meets_at_half=True),
    Panel("mean logit", {"watch/logit_real": "on reals", "watch/logit_fake": "on fakes"}),
    Panel(
        "accuracy of disc",
        {"acc_real": "on reals", "acc_fake": "on fakes"},
        is_share=True,
        meets_at_half=True,
    ),
)


# Baselines drawn with a metric: its value for reals, copies of the input, or one mean picture.
BESIDE = {"_real": "on reals", "_copy": "of copies", "_mean": "of the mean picture"}


def panels(names: Iterable[str]) -> list[Panel]:
    """Panels of metrics that belong together, then one panel per metric, evaluations first.

    Leaves out test/, which has a single point, and values for reals alone, which are constant.
    """
    there = {name for name in names if not name.startswith("test/")}
    counts, accuracy = (_of_classes(there, stem) for stem in ("/count_", "/label_accuracy_"))
    groups = [*TOGETHER, Panel("samples of each class", counts)]
    groups += [Panel("label accuracy of each class", accuracy, is_share=True)]
    alone = there - {name for group in groups for name in group.lines}
    groups += [
        Panel(
            name,
            {name: "on samples"} | {f"{name}{end}": words for end, words in BESIDE.items()},
            is_share=name.endswith("/label_accuracy"),
        )
        for name in sorted(alone, key=lambda n: ("/" not in n, n))
        if not name.endswith(tuple(BESIDE))
    ]
    found = [g._replace(lines={n: w for n, w in g.lines.items() if n in there}) for g in groups]
    return [panel for panel in found if panel.lines]


def _of_classes(names: Iterable[str], stem: str) -> dict[str, str]:
    """The metrics named by the stem followed by a class."""
    found = {name: name.rpartition(stem)[2] for name in sorted(names)}
    return {name: number for name, number in found.items() if number.isdigit()}
