"""Evaluators of games whose true answers are known: what a picture should have become.

They use the first eval_samples held-out examples, or all if there are fewer. Each value is reported
with those of two trivial baselines: a copy of the input, _copy, and the mean of the training
pictures, _mean.
"""

from collections.abc import Callable, Iterator

import numpy as np

from gan_jax.data import Data
from gan_jax.evaluate.evaluators.draws import Evaluator, Values, make_translate, unit
from gan_jax.games import Setup
from gan_jax.metrics import features, truth
from gan_jax.metrics.features import digits
from gan_jax.metrics.ssim import ssim
from gan_jax.types import State

MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "l1": truth.l1,
    "psnr": truth.psnr,
    "ssim": ssim,
    "chroma": truth.chroma,
}
TOP = (1, 5)


def translations(setup: Setup, part: str = "eval") -> Evaluator | None:
    """l1, psnr, ssim, chroma between translations and the true pictures: see metrics/truth.py.

    retrieved_1, retrieved_5: how often the true picture is the nearest of all held-out ones, or one
    of the five nearest, by pixels. chroma is only for pictures in colour. All are reported with
    both baselines. None if pictures have no partners.
    """
    if not has_truth(setup):
        return None
    answers = make_answers(setup)

    def run(state: State) -> Values:
        true, made = answers(state)
        measured = {n: f for n, f in MEASURES.items() if n != "chroma" or true.shape[-1] == 3}
        for suffix, pictures in made:
            for name, measure in measured.items():
                yield f"{name}{suffix}", float(measure(pictures, true).mean())
            found = truth.ranks(_flat(pictures), _flat(true))
            yield from ((f"retrieved_{k}{suffix}", truth.top(found, k)) for k in TOP)

    return run


def retrieval(setup: Setup, part: str = "eval") -> Evaluator | None:
    """retrieved_1_efficientnet_lite0, retrieved_5_...: as in translations, but by features.

    The features are those of a network trained on ImageNet, the extra `features`.
    """
    if not has_truth(setup):
        return None
    extractor = features.make("efficientnet_lite0", setup.config, setup.data)
    if extractor is None:
        return None
    answers, see = make_answers(setup), extractor.see

    def run(state: State) -> Values:
        true, made = answers(state)
        wanted = see(true).features
        for suffix, pictures in made:
            found = truth.ranks(see(pictures).features, wanted)
            yield from (
                (f"retrieved_{k}_{extractor.name}{suffix}", truth.top(found, k)) for k in TOP
            )

    return run


def captions(setup: Setup, part: str = "eval") -> Evaluator | None:
    """caption_accuracy: how often a drawing has the category of its caption's true picture.

    Judged by a classifier trained on the real drawings, for the first eval_samples held-out
    captions; judge's accuracy_real is the classifier's accuracy. None without captions or
    categories.
    """
    origin, n = setup.data.origin, setup.config.eval_samples
    has_both = setup.game.sampler.of == "text" and features.has_images(setup.data, labels=True)
    if not has_both or not digits.has_labels(origin):
        return None
    draw = make_translate(setup, setup.game.sampler)

    def run(state: State) -> Values:
        label = setup.data.held_out().label
        assert label is not None
        seen = digits.trained(origin).features.see(draw(state, n))
        assert seen.probabilities is not None
        right = seen.probabilities.argmax(1) == label[:n]
        yield "caption_accuracy", float(right[label[:n] >= 0].mean())

    return run


def has_truth(setup: Setup) -> bool:
    """Whether the game maps pictures whose partners are known, and some are held out."""
    maps = setup.game.sampler.of == "other" and setup.data.is_image
    return maps and setup.data.has_held_out and has_partners(setup.data)


def has_partners(data: Data) -> bool:
    """Whether the i-th examples of both domains are pairs, even if they are trained on unpaired.

    In a user's folder only if data.paired says so.
    """
    return data.spec.other is not None and (data.origin.paired or data.name != "folder")


def make_answers(
    setup: Setup,
) -> Callable[[State], tuple[np.ndarray, Iterator[tuple[str, np.ndarray]]]]:
    """f(state) -> the true pictures, and ("", translations), ("_copy", ...), ("_mean", ...).

    All are [N, H, W, C] in [0, 1].
    """
    data, n = setup.data, setup.config.eval_samples
    translate = make_translate(setup, setup.game.sampler)

    def answers(state: State) -> tuple[np.ndarray, Iterator[tuple[str, np.ndarray]]]:
        held, train = data.held_out(), data.examples()
        assert held.other is not None
        assert train
        true, copies = unit(held.x[:n]), unit(held.other[:n])
        mean = train.x.mean(0, dtype=np.float64)[None].astype(np.float32) / 255
        made = (
            ("", translate(state, n)),
            ("_copy", _like(copies, true)),
            ("_mean", _like(mean, true)),
        )
        return true, iter(made)

    return answers


def _like(pictures: np.ndarray, true: np.ndarray) -> np.ndarray:
    """The pictures with the number and channels of the true ones; colour becomes its mean grey."""
    if true.shape[-1] < pictures.shape[-1]:
        pictures = pictures.mean(-1, keepdims=True)
    return np.broadcast_to(pictures, true.shape)


def _flat(pictures: np.ndarray) -> np.ndarray:
    return pictures.reshape(len(pictures), -1)
