"""Names what is going wrong with a run, as a pure function of the lines of metrics.jsonl.

A finding states when a symptom was first seen, and its evidence in numbers. symptoms.py has the
symptoms.
"""

import functools
from collections.abc import Iterable
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.data import Data
from gan_jax.evaluate.symptoms import (
    COLLAPSE,
    NOT_BEGUN,
    SYMPTOMS,
    Game,
    Line,
    few_of_all,
    is_late,
    is_young,
    not_begun,
)
from gan_jax.objectives import OBJECTIVES

NOT_FINITE = "not finite"  # a label found by the guards, or from the numbers themselves


class Finding(NamedTuple):
    """A symptom, when it was first seen, and the evidence in words."""

    label: str
    step: int
    evidence: str


def facts(config: ConfigDict, data: Data) -> Game:
    """What the symptoms need to know about a config."""
    centres = data.synthetic.centres if data.synthetic else None
    return Game(
        steps=config.steps,
        has_threshold=parts_at_zero(config.objective),
        modes=len(centres()) if centres else 0,
        classes=data.spec.classes,
        updates=config.dynamics.k_gen,
    )


@functools.cache
def parts_at_zero(objective: str) -> bool:
    """Whether adding a constant to all logits changes what disc and gen converge to."""
    if objective not in OBJECTIVES:
        return False
    function = jax.jit(OBJECTIVES[objective])
    real, fake = np.array([0.3, -0.7], np.float32), np.array([-0.2, 0.1], np.float32)
    here, there = function(real, fake), function(real + 1, fake + 1)
    shapes = [(a - a.mean(), b - b.mean()) for a, b in zip(here, there, strict=True)]
    return not all(np.allclose(a, b, atol=1e-5) for a, b in shapes)


class Diagnosis:
    """Collects the symptoms of a run, each at its first appearance, as lines arrive."""

    def __init__(self, game: Game, lines: Iterable[Line] = ()):
        self.game = game
        self.watched: list[Line] = []
        self.few: list[str] = []  # what evaluations said of modes or classes, since gen opened up
        self.found: dict[str, Finding] = {}
        for line in lines:
            self.add(line)

    def add(self, line: Line) -> list[Finding]:
        """The findings that this line shows for the first time."""
        new = self._by_evaluation(line)
        if "watch/auc" in line:
            self.watched.append(line)
            for label, (symptom, patience) in SYMPTOMS.items():
                last = self.watched[-patience:]
                is_open = label not in self.found and len(last) == patience
                if is_open and (evidence := symptom(last, self.watched, self.game)):
                    new.append(Finding(label, line["step"], evidence))
        if evidence := not_begun(line, self.watched, self.game):
            new.append(Finding(NOT_BEGUN, line["step"], evidence))
        return [finding for finding in new if self.tell(finding)]

    def _by_evaluation(self, line: Line) -> list[Finding]:
        """Mode collapse, shown by two evaluations in a row, or at the end of a run by the last."""
        few = few_of_all(line, self.game)
        opened_up = "" in self.few or is_late(line, self.game)
        if few is None or (few and not opened_up):
            return []
        self.few.append(few)
        is_last = line["step"] == self.game.steps
        if not all(self.few[-2:]) or not (len(self.few) > 1 or is_last):
            return []
        by_classes = "eval/classes" in line
        if by_classes and is_young(line, self.game):
            words = f"after {line['step'] * self.game.updates:,} updates of gen, {few}"
            return [Finding(NOT_BEGUN, line["step"], words)] if is_last else []
        return [Finding(COLLAPSE, line["step"], self.few[-1])]

    def tell(self, finding: Finding) -> bool:
        """Keeps a finding unless its name is known already; returns whether it is new."""
        return self.found.setdefault(finding.label, finding) is finding
