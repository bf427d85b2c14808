"""What can go wrong with a run: each symptom examines the last watched lines and states evidence.

signals.py computes the numbers, watch/..., and diagnostics.py keeps the findings. No symptom relies
on a loss alone: a loss of 0 is healthy for a relativistic hinge, and a critic's loss may be any
number.
"""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Line = Mapping[str, Any]
NOT_BEGUN = "has not begun to learn"  # only found at the end; before, it may still begin
COLLAPSE = "mode collapse"
FAR_AWAY = "samples far from the data"


class Game(NamedTuple):
    """What the symptoms need to know about a config."""

    steps: int
    has_threshold: bool  # logit 0 separates reals from fakes; False if only differences count
    modes: int  # of a mixture; 0: unknown
    classes: int  # of the data's labels; 0: none
    updates: int = 1  # of gen per step


def stands_still(
    last: Sequence[Line], before: Sequence[Line], game: Game, what: str, names: Sequence[str]
) -> str:
    """Values computed from fixed latents or reals stay the same to the last bit."""
    same = all(len({line[name] for line in last}) == 1 for name in names)
    return f"the same {what} since step {last[0]['step']}" if same else ""


def mode_collapse(last: Sequence[Line], before: Sequence[Line], game: Game) -> str:
    """Two samples are alike far more often than two examples, although gen was varied before.

    If gen never was varied, it must be neither young nor frozen, and its samples must lie within a
    tenth of the data's width, or, at the end of the run, must have been alike since its middle:
    samples of images become wide long before they become varied. Samples that were wide and are
    now one point count at once.
    """
    if not all("watch/variety" in line for line in last):
        return ""  # a run from before this signal existed
    most, widest = max(map(_variety, last)), max(line["watch/spread"] for line in last)
    opened = max(map(_variety, before)) > OPENED
    has_grown = is_late(last[-1], game) and not is_young(last[-1], game) and not _is_still(last)
    half = [x for x in before if x["step"] > game.steps / 2 and not is_young(x, game)]
    is_over = last[-1]["step"] == game.steps
    stays = is_over and len(half) > 1 and max(map(_variety, half)) < NARROW
    if most < NARROW and (opened or (has_grown and (widest < CLOSED or stays))):
        return f"{_alike(most)}, and at most {widest:.2g} times as widely spread"
    width, before_that = last[-1]["watch/spread"], max(line["watch/spread"] for line in before)
    if has_grown and width < POINT and before_that > CLOSED:
        return (
            f"samples lie within {width:.2g} of the data's width, before within {before_that:.2g}"
        )
    return ""


def not_begun(line: Line, before: Sequence[Line], game: Game) -> str:
    """At the end of the run gen's samples are all alike, and gen is young or they never moved.

    A young gen, at least one with small weights, makes samples that are all nearly the same.
    """
    if line["step"] != game.steps or "watch/variety" not in line:
        return ""
    updates = line["step"] * game.updates
    # A game without disc has no watched lines before: symptoms compare disc's logits.
    narrow = max(map(_variety, before), default=0) <= OPENED and _variety(line) < NARROW
    if narrow and (is_young(line, game) or (len(before) > 1 and _is_still(before))):
        return f"after {updates:,} updates of gen {_alike(_variety(line))}"
    return ""


def disc_wins(last: Sequence[Line], before: Sequence[Line], game: Game) -> str:
    """Disc separates all reals from all fakes, its loss is nearly 0, and gen no longer learns.

    gen counts as no longer learning if its gradient is a hundredth of its largest, or if disc is as
    sure as e^-10.
    """
    first = abs(before[0]["disc_loss"])
    # Disc may already have won at the first line; at D = 1/2, losses are about 1.
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
    """Disc takes everything for real, or for fake if sign is -1."""
    if not game.has_threshold:
        return ""
    sides = [min(sign * line["watch/logit_real"], sign * line["watch/logit_fake"]) for line in last]
    gap = max(abs(_gap(line)) for line in last)
    if min(sides) > max(ONE_SIDED, gap / 2):
        return f"mean logits of reals and fakes are {_logits(last[-1])}"
    return ""


def disc_unbounded(last: Sequence[Line], before: Sequence[Line], game: Game) -> str:
    """Logits grow without bound, because no constraint of the game limits them.

    If only differences of logits count, only their growth counts: the level may drift.
    """
    sizes = [
        max(abs(line["watch/logit_real"]), abs(line["watch/logit_fake"]))
        if game.has_threshold
        else abs(_gap(line))
        for line in before
    ]
    n = len(sizes)
    if n < 8 or not is_late(last[-1], game):
        return ""
    tops = [max(sizes[i * n // 4 : (i + 1) * n // 4]) for i in range(4)]
    if tops[3] > LARGE and all(b > GROWS * a for a, b in itertools.pairwise(tops)):
        return f"mean logits up to {', '.join(f'{top:.2g}' for top in tops)} by quarters so far"
    return ""


def oscillation(last: Sequence[Line], before: Sequence[Line], game: Game) -> str:
    """The samples' mean goes to and fro by more than the data's width a line, without progress."""
    places = [line["watch/place"] for line in last]
    moves = [b - a for a, b in itertools.pairwise(places)]
    turns = sum(a * b < 0 for a, b in itertools.pairwise(moves))
    way = sum(abs(m) for m in moves)
    if way > len(moves) and turns >= len(moves) / 3 and abs(sum(moves)) < way / 3:
        return f"the samples' mean moves by {way / len(moves):.2g} data widths a line, to and fro"
    return ""


def far_away(last: Sequence[Line], before: Sequence[Line], game: Game) -> str:
    """The samples lie beside the data, or around them, by several times the data's width."""
    place, spread = last[-1]["watch/place"], last[-1]["watch/spread"]
    if is_late(last[-1], game) and max(abs(place), spread) > FAR:
        return f"the samples' mean is {place:.2g} data widths off, their spread {spread:.2g}"
    return ""


def disc_overfits(last: Sequence[Line], before: Sequence[Line], game: Game) -> str:
    """Held-out reals are judged like fakes: they lie over halfway from training reals to fakes."""
    if not all("watch/logit_held" in line for line in last):
        return ""
    shares = [
        (line["watch/logit_real"] - line["watch/logit_held"]) / max(_gap(line), 1e-12)
        for line in last
    ]
    if min(shares) > 0.5 and min(_gap(line) for line in last) > 1:
        return f"held-out reals lie {min(shares):.0%} of the way from training reals to fakes"
    return ""


SAMPLES = ("watch/place", "watch/spread")
# label -> (the symptom, how many consecutive watched lines have to show it)
SYMPTOMS: dict[str, tuple[Callable[[Sequence[Line], Sequence[Line], Game], str], int]] = {
    "gen stands still": (
        functools.partial(
            stands_still,
            what="samples of the same latents",
            names=SAMPLES,
        ),
        3,
    ),
    "disc stands still": (
        functools.partial(
            stands_still, what="mean logit of the same reals", names=("watch/logit_real",)
        ),
        3,
    ),
    COLLAPSE: (mode_collapse, 4),
    "disc wins": (disc_wins, 4),
    "disc takes all for real": (functools.partial(one_sided, sign=1), 2),
    "disc takes all for fake": (functools.partial(one_sided, sign=-1), 2),
    "disc unbounded": (disc_unbounded, 2),
    "oscillation": (oscillation, 8),
    FAR_AWAY: (far_away, 1),
    "disc overfits": (disc_overfits, 5),
}
# Chosen on seeds below 6; `gan-jax reproduce planted` evaluates them on others.
NARROW, OPENED = 0.25, 0.5  # of watch/variety
CLOSED, POINT = 0.1, 1e-3  # of watch/spread
FAR = 5.0  # of watch/place and watch/spread
YOUNG = 1_000  # updates of gen
SURE, ONE_SIDED, LARGE, GROWS = 10.0, 5.0, 15.0, 1.3


def few_of_all(line: Line, game: Game) -> str | None:
    """The evidence if good samples are of at most a quarter of the modes or classes, else "".

    None if the line has no such numbers.
    """
    modes, classes = line.get("eval/modes"), line.get("eval/classes")
    if modes is not None:
        few = line["eval/high_quality"] > 0.5 and modes <= game.modes / 4
        good = f"{line['eval/high_quality']:.0%} good samples"
        return f"{good}, of {modes} of {game.modes} modes" * few
    if classes is not None:
        return f"samples of {classes} of {game.classes} classes" * (classes <= game.classes / 4)
    return None


def is_late(line: Line, game: Game) -> bool:
    """Whether gen has had time to become varied; a young gen's samples are all alike."""
    return line["step"] > game.steps / 5


def is_young(line: Line, game: Game) -> bool:
    """Whether gen has had too few updates to be blamed for what it makes."""
    return line["step"] * game.updates < YOUNG


def _is_still(lines: Sequence[Line]) -> bool:
    """Whether samples of the same latents are the same to the last bit."""
    return all(len({line[name] for line in lines}) == 1 for name in SAMPLES)


def _variety(line: Line) -> float:
    return line.get("watch/variety", 1.0)


def _alike(variety: float) -> str:
    return f"two samples are alike {1 / max(variety, 1e-6):.2g} times as often as two of the data"


def _gap(line: Line) -> float:
    return line["watch/logit_real"] - line["watch/logit_fake"]


def _logits(line: Line) -> str:
    return f"{line['watch/logit_real']:.3g} and {line['watch/logit_fake']:.3g}"
