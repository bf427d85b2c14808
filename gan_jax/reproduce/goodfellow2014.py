"""Table 1 of the 2014 paper: MNIST log-likelihood by Gaussian Parzen windows, nats.

The recipe and protocol are those of Goodfellow et al. 2014 and of the configuration that the
authors published; the variants are those of the paper and its code. "adversarial nets" is the mean
over seeds.
"""

import functools
import importlib.util
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gan_jax.evaluate.pictures import points as pointplots
from gan_jax.metrics import parzen
from gan_jax.reproduce.goodfellow2014_protocol import Protocol, images, make_protocol
from gan_jax.reproduce.goodfellow2014_recipe import (
    LOWER_WHY,
    LOWERED,
    OURS,
    PRECISE,
    STEPS_PER_EPOCH,
    TRAIN,
    VARIED,
    Plan,
    lowered,
    plans,
)
from gan_jax.reproduce.methods import Row
from gan_jax.reproduce.training import Trained, refused, train
from gan_jax.reproduce.work import (
    BESIDE,
    NOTHING,
    Columns,
    Published,
    Size,
    Work,
    make_row,
    rounding,
    samples,
    shortened,
)
from gan_jax.types import State

RECORDED = Size(seeds=3, steps=410 * STEPS_PER_EPOCH)
QUICK = Size(seeds=2, steps=20)
MILESTONES = (60, 130, 260, 300, 450)  # epochs whose validation likelihood has rows
OUR_NATS = 225.0
PUBLISHED: dict[str, Published] = {
    OURS: (OUR_NATS, 2),
    "deep GSN": (214, 1.1),
    "DBN": (138, 2),
    "stacked CAE": (121, 1.6),
}
FINE = "sigma by a fine search between the grid's points: not the paper's protocol"
TWICE = "gen answers the disc that has moved twice: the code moves both at once"
VALIDATION = "validation after"
MIXTURE, COMPONENTS = 50, 100
Cohort = Callable[[], Trained]


def run(work: Work) -> Iterator[dict[str, Any]]:
    """The paper's other rows, the protocol's values for images and a mixture, then our rows."""
    protocol = make_protocol(work.quick)
    for name, number in PUBLISHED.items():
        if name != OURS:
            yield make_row(name, [], number, why_not="published only")
    yield scored_row("training images as centres", [images(TRAIN, protocol.centres)], protocol)
    yield mixture_row(work.quick, protocol)
    published, *others = plans(work.size)
    cohort = make_cohort(work, published, protocol)
    yield from plan_rows(work, published, cohort, protocol)
    further = lowered(published[OURS])
    at_end = make_cohort(work, further, protocol, lambda: cohort().states)
    yield from plan_rows(work, further, at_end, protocol)
    for plan in others:
        yield from plan_rows(work, plan, make_cohort(work, plan, protocol), protocol)


def make_cohort(
    work: Work, plan: Plan, protocol: Protocol, start: Callable[[], State | None] = lambda: None
) -> Cohort:
    """A function that trains a plan's rows once, measuring validation likelihood meanwhile."""
    configs = [config for seeds in plan.values() for config in seeds]
    measure = functools.partial(validate, configs[0], protocol)
    return functools.cache(lambda: train(work.folder, ", ".join(plan), configs, measure, start()))


def plan_rows(work: Work, plan: Plan, cohort: Cohort, protocol: Protocol) -> list[Row]:
    """A plan's rows of the table; they are trained if one of them is not recorded."""
    rows, first = [], 0
    for name, seeds in plan.items():
        mine = range(first, first + len(seeds))
        rows += work.methods.recorded(name, seeds) or work.methods.measured(
            name, seeds, our_rows(work, name, seeds[0], cohort().only(mine), protocol)
        )
        first += len(seeds)
    return rows


def validate(config: ConfigDict, protocol: Protocol, states: State) -> list[Any]:
    """Each row's validation likelihood: [nats, sigma] by the paper's grid, then by a finer search.

    None if sigma is at the grid's edge.
    """
    found: list[Any] = []
    for x_NxD in flat_samples(config, states, protocol.centres):
        try:
            looks = [
                parzen.goodfellow2014(x_NxD, protocol.valid_NxD, protocol.valid_NxD, fine)
                for fine in (False, True)
            ]
        except parzen.SigmaAtEdgeError:
            found.append(None)
        else:
            found.append([number for look in looks for number in (look.mean, look.sigma)])
    return found


def flat_samples(config: ConfigDict, states: State, n: int) -> np.ndarray:
    """n samples of each row, [M, n, 784]: in [0, 1], as data.low is 0."""
    x = samples(config, states, n).astype(np.float32)
    return x.reshape(*x.shape[:2], -1)


def our_rows(
    work: Work, name: str, config: ConfigDict, trained: Trained, protocol: Protocol
) -> list[Row]:
    """Our rows by the paper's protocol, with those during training, and by a finer sigma search."""
    batches = config.dynamics.k_disc
    told = [
        f"{config.steps * batches / STEPS_PER_EPOCH:g} epochs: the paper's are not recorded",
        TWICE if batches > 1 else "",
        *rounding(config.precision),
        *refused(trained.states),
        LOWER_WHY if name == LOWERED else "",
        "a tenth of the samples and of the images" if work.quick else "",
    ]
    differs = [text for text in told if text]
    x_MxNxD = list(flat_samples(config, trained.states, protocol.centres))
    short = shortened(config.steps * batches, RECORDED.steps)
    why_not = "--quick" if work.quick else short and f"{short} of the recorded run"
    row = scored_row(name, x_MxNxD, protocol, differs, why_not)
    row["history"] = [
        [[step * batches / STEPS_PER_EPOCH, *found] for step, found in looks if found]
        for looks in trained.measured
    ]
    fine = scored_row(f"{name}, finer sigma", x_MxNxD, protocol, [*differs, FINE], fine=True)
    return [row, fine, *milestones(name, row["history"], rounding(config.precision))]


def shorten(rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], Columns]:
    """The rows without those during training and those that rule out causes, for a short page."""
    details = (VALIDATION, PRECISE, *VARIED)
    return [row for row in rows if not any(what in row["name"] for what in details)], BESIDE


def milestones(
    name: str, histories: Sequence[Sequence[Any]], differs: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Rows of the validation likelihood during training, by both windows, to show the grid's cost.

    histories: each seed's [epoch, nats, sigma, nats, sigma], the second pair by the finer search.
    """
    found = []
    for epoch in MILESTONES:
        looks = [{look[0]: look for look in history}.get(epoch, ()) for history in histories]
        for number, how, also in ((1, "", []), (3, ", finer sigma", [FINE])):
            each = [look[number : number + 2] or (math.nan, None) for look in looks]
            if any(sigma for _, sigma in each):
                title = f"{name}, {VALIDATION} {epoch} epochs{how}"
                nats, sigma = [list(column) for column in zip(*each, strict=True)]
                found.append(make_row(title, nats, differs=[*differs, *also], sigma=sigma))
    return found


def scored_row(
    name: str,
    samples_MxNxD: Sequence[np.ndarray],
    protocol: Protocol,
    differs: Sequence[str] = (),
    why_not: str = "",
    fine: bool = False,
) -> dict[str, Any]:
    """The mean over seeds; with one seed, its error is over test images, as in the paper."""
    published = PUBLISHED.get(name, NOTHING)
    found: list[parzen.ParzenScore | None] = []
    for x_NxD in samples_MxNxD:
        try:
            found.append(protocol.score(x_NxD, fine))
        except parzen.SigmaAtEdgeError as error:
            found.append(None)
            why_not = f"refused: {error}"
    scored = [score for score in found if score]
    if not scored:
        return make_row(name, [], published, differs, why_not)
    of_images = float(np.mean([s.standard_error for s in scored]))
    return make_row(
        name,
        [s.mean if s else math.nan for s in found],
        published,
        differs,
        why_not,
        error=of_images,
        sigma=[s.sigma if s else None for s in found],
        standard_error_over_images=of_images,
    )


def mixture_row(quick: bool, protocol: Protocol) -> dict[str, Any]:
    """A mixture of Gaussians on principal components, as a baseline of 1980s statistics."""
    name = f"Gaussian mixture, {MIXTURE} full covariances on {COMPONENTS} principal components"
    if importlib.util.find_spec("sklearn") is None:
        return make_row(name, [], why_not="needs scikit-learn: pip install 'gan-jax[demo]'")
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    x = images(TRAIN, 2000 if quick else None)
    axes = PCA(COMPONENTS // 5 if quick else COMPONENTS, random_state=0).fit(x)
    mixture = GaussianMixture(MIXTURE // 10 if quick else MIXTURE, random_state=0)
    points = mixture.fit(axes.transform(x)).sample(protocol.centres)[0]
    return scored_row(name, [axes.inverse_transform(points).clip(0, 1)], protocol)


def picture(work: Work, rows: list[dict[str, Any]]) -> np.ndarray | None:
    """The validation likelihood during training, a line per seed; None if runs are too short."""
    trained = [row for row in rows if any(row.get("history", ()))]
    if not trained or not pointplots.available():
        return None
    figure = pointplots.make_figure((8, 5), 90)
    axes = figure.subplots()
    for i, row in enumerate(trained):
        for seed, history in enumerate(row["history"]):
            axes.plot(
                *list(zip(*history, strict=True))[:2],
                color=f"C{i}",
                label=None if seed else row["name"],
            )
    axes.axhline(OUR_NATS, color=pointplots.DISC, lw=0.8, ls=":", label="published, test")
    axes.set(xlabel="epochs", ylabel="validation log-likelihood, nats (the paper's grid of sigma)")
    axes.legend(frameon=False)
    return pointplots.pixels(figure)
