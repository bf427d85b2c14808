"""What is going wrong with a run, by name, from its lines alone: a pure function of metrics.jsonl.

Each symptom looks at the last watched lines (signals.py makes watch/...) and says since which step
it is there and by which numbers, or "". None goes by a loss alone: a loss of 0 is healthy for a
relativistic hinge, and a critic's may be any number.
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.data import Data
from gan_jax.objectives import OBJECTIVES

Line = Mapping[str, Any]
NOT_FINITE = "not finite"  # the label of what the guards, or the numbers themselves, tell


class Finding(NamedTuple):
    """A symptom, when it was first seen, and the evidence in words."""

    label: str
    step: int
    evidence: str


class Game(NamedTuple):
    """What the symptoms have to know of a config."""

    steps: int
    has_threshold: bool  # logit 0 parts reals from fakes: not so where only differences count
    modes: int  # of a mixture; 0: unknown
    classes: int  # of the data's labels; 0: none


def facts(config: ConfigDict, data: Data) -> Game:
    """What the symptoms have to know."""
    centres = data.synthetic.centres if data.synthetic else None
    return Game(
        steps=config.steps,
        has_threshold=parts_at_zero(config.objective),
        modes=len(centres()) if centres else 0,
        classes=data.spec.classes,
    )


@functools.cache
def parts_at_zero(objective: str) -> bool:
    """Whether a number added to all logits changes what disc and gen are drawn to."""
    if objective not in OBJECTIVES:
        return False
    function = jax.jit(OBJECTIVES[objective])
    real, fake = np.array([0.3, -0.7], np.float32), np.array([-0.2, 0.1], np.float32)
    here, there = function(real, fake), function(real + 1, fake + 1)
    shapes = [(a - a.mean(), b - b.mean()) for a, b in zip(here, there, strict=True)]
    return not all(np.allclose(a, b, atol=1e-5) for a, b in shapes)


class Diagnosis:
    """The symptoms of a run, each at its first appearance, as the lines come."""

    def __init__(self, game: Game, lines: Iterable[Line] = ()):
        self.game = game
        self.watched: list[Line] = []
        self.few: list[str] = []  # what evaluations said of modes or classes, since gen opened up
        self.found: dict[str, Finding] = {}
        for line in lines:
            self.add(line)

    def add(self, line: Line) -> list[Finding]:
        """What this line shows for the first time."""
        new = []
        few = _few_of_all(line, self.game)
        opened_up = "" in self.few or _is_late(line, self.game)
        if few is not None and (opened_up or not few):
            self.few.append(few)
            if all(self.few[-2:]) and (len(self.few) > 1 or line["step"] == self.game.steps):
                new.append(Finding("mode collapse", line["step"], self.few[-1]))
        if "watch/auc" in line:
            self.watched.append(line)
            for label, (symptom, patience) in SYMPTOMS.items():
                last = self.watched[-patience:]
                is_open = label not in self.found and len(last) == patience
                if is_open and (evidence := symptom(last, self.watched, self.game)):
                    new.append(Finding(label, line["step"], evidence))
        return [finding for finding in new if self.tell(finding)]

    def tell(self, finding: Finding) -> bool:
        """Keeps a finding unless there is one of that name; whether it is new."""
        return self.found.setdefault(finding.label, finding) is finding


def stands_still(
    last: Sequence[Line], before: Sequence[Line], game: Game, what: str, names: Sequence[str]
) -> str:
    """What is computed of fixed latents or reals is the same to the last bit."""
    same = all(len({line[name] for line in last}) == 1 for name in names)
    return f"the same {what} since step {last[0]['step']}" if same else ""


def mode_collapse(last: Sequence[Line], before: Sequence[Line], game: Game) -> str:
    """Samples lie within a tenth of the data's width; not so early that gen has yet to open up."""
    widest = max(line["watch/spread"] for line in last)
    opened = max(line["watch/spread"] for line in before) > 3 * NARROW
    if widest < NARROW and (opened or _is_late(last[-1], game)):
        return f"samples are {widest:.2g} times as widely spread as the data"
    return ""


def disc_wins(last: Sequence[Line], before: Sequence[Line], game: Game) -> str:
    """Disc parts every real from every fake, its loss is next to nothing, and gen learns no more.

    The last: gen's gradient is a hundredth of its largest, or disc is as sure as e^-10.
    """
    first = abs(before[0]["disc_loss"])
    # that may be of a disc that has won already: at D = 1/2 losses are about 1
    usual = max(first, 1.0 if game.has_threshold else 1e-12)
    apart = all(line["watch/auc"] == 1 for line in last)
    loss = max(abs(line["disc_loss"]) for line in last)
    largest = max(line["watch/gen_grad"] for line in before)
    gradient = max(line["watch/gen_grad"] for line in last)
    sure = game.has_threshold and min(_gap(line) for line in last) > SURE
    if apart and loss < usual / 50 and (gradient < largest / 100 or sure):
        return (
            f"every real is above every fake, disc's loss is {loss:.2g} (it began at {first:.2g}), "
            f"gen's gradient {gradient:.2g} (at most {largest:.2g}), logits {_logits(last[-1])}"
        )
    return ""


def one_sided(last: Sequence[Line], before: Sequence[Line], game: Game, sign: int) -> str:
    """Disc takes everything for real, or with sign -1 for fake."""
    if not game.has_threshold:
        return ""
    sides = [min(sign * line["watch/logit_real"], sign * line["watch/logit_fake"]) for line in last]
    gap = max(abs(_gap(line)) for line in last)
    if min(sides) > max(ONE_SIDED, gap / 2):
        return f"mean logits of reals and fakes are {_logits(last[-1])}"
    return ""


def disc_unbounded(last: Sequence[Line], before: Sequence[Line], game: Game) -> str:
    """Judgements grow without end: the game has no constraint that holds them.

    Where only differences count, so does the growth of theirs: the level may go where it likes.
    """
    sizes = [
        max(abs(line["watch/logit_real"]), abs(line["watch/logit_fake"]))
        if game.has_threshold
        else abs(_gap(line))
        for line in before
    ]
    n = len(sizes)
    if n < 8 or not _is_late(last[-1], game):
        return ""
    tops = [max(sizes[i * n // 4 : (i + 1) * n // 4]) for i in range(4)]
    if tops[3] > LARGE and all(b > GROWS * a for a, b in itertools.pairwise(tops)):
        return f"mean logits up to {', '.join(f'{top:.2g}' for top in tops)} by quarters so far"
    return ""


def oscillation(last: Sequence[Line], before: Sequence[Line], game: Game) -> str:
    """The samples' mean goes to and fro by more than the data's width a line, and gets nowhere."""
    places = [line["watch/place"] for line in last]
    moves = [b - a for a, b in itertools.pairwise(places)]
    turns = sum(a * b < 0 for a, b in itertools.pairwise(moves))
    way = sum(abs(m) for m in moves)
    if way > len(moves) and turns >= len(moves) / 3 and abs(sum(moves)) < way / 3:
        return f"the samples' mean moves by {way / len(moves):.2g} data widths a line, to and fro"
    return ""


def disc_overfits(last: Sequence[Line], before: Sequence[Line], game: Game) -> str:
    """Reals held out are judged like fakes: over half of the gap is to the training reals alone."""
    if not all("watch/logit_held" in line for line in last):
        return ""
    shares = [
        (line["watch/logit_real"] - line["watch/logit_held"]) / max(_gap(line), 1e-12)
        for line in last
    ]
    if min(shares) > 0.5 and min(_gap(line) for line in last) > 1:
        return f"held-out reals lie {min(shares):.0%} of the way from training reals to fakes"
    return ""


# label -> the symptom, and how many watched lines in a row have to show it
SYMPTOMS: dict[str, tuple[Callable[[Sequence[Line], Sequence[Line], Game], str], int]] = {
    "gen stands still": (
        functools.partial(
            stands_still,
            what="samples of the same latents",
            names=("watch/place", "watch/spread"),
        ),
        3,
    ),
    "disc stands still": (
        functools.partial(
            stands_still, what="mean logit of the same reals", names=("watch/logit_real",)
        ),
        3,
    ),
    "mode collapse": (mode_collapse, 4),
    "disc wins": (disc_wins, 4),
    "disc takes all for real": (functools.partial(one_sided, sign=1), 2),
    "disc takes all for fake": (functools.partial(one_sided, sign=-1), 2),
    "disc unbounded": (disc_unbounded, 2),
    "oscillation": (oscillation, 8),
    "disc overfits": (disc_overfits, 5),
}
NARROW, SURE, ONE_SIDED, LARGE, GROWS = 0.1, 10.0, 5.0, 15.0, 1.3


def _few_of_all(line: Line, game: Game) -> str | None:
    """Whether good samples are of a quarter of the modes or less: in words, "", or None unseen."""
    modes, classes = line.get("eval/modes"), line.get("eval/classes")
    if modes is not None:
        few = line["eval/high_quality"] > 0.5 and modes <= game.modes / 4
        good = f"{line['eval/high_quality']:.0%} good samples"
        return f"{good}, of {modes} of {game.modes} modes" * few
    if classes is not None:
        return f"samples of {classes} of {game.classes} classes" * (classes <= game.classes / 4)
    return None


def _is_late(line: Line, game: Game) -> bool:
    """Whether gen has had the time to open up: the samples of a young one are all alike."""
    return line["step"] > game.steps / 5


def _gap(line: Line) -> float:
    return line["watch/logit_real"] - line["watch/logit_fake"]


def _logits(line: Line) -> str:
    return f"{line['watch/logit_real']:.3g} and {line['watch/logit_fake']:.3g}"
