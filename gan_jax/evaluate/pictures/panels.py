"""Which curves of a run share a panel, in curves.png and on its page."""

from collections.abc import Iterable
from typing import NamedTuple


class Panel(NamedTuple):
    """Curves that are drawn together."""

    title: str  # of one metric and what it is of reals: the metric's name
    lines: dict[str, str]  # metric -> its name in the legend
    is_share: bool = False  # drawn from 0 to 1
    meets_at_half: bool = False  # where reals and fakes cannot be told apart: 1/2 is marked


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


# What stands beside a metric: the same of reals, of copies of the input, of one mean picture.
BESIDE = {"_real": "on reals", "_copy": "of copies", "_mean": "of the mean picture"}


def panels(names: Iterable[str]) -> list[Panel]:
    """What belongs together, then one metric each, those of evaluations first.

    Without test/, which has one point, and without what is said of reals alone, which is one value.
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
    """The metrics of one class each, whose names have the stem before it."""
    return {name: name.rpartition("_")[2] for name in sorted(names) if stem in name}
