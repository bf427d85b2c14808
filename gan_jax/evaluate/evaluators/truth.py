"""Evaluators of games whose true answers are known: what a picture should have become.

They go by the first eval_samples held-out examples, or by all there are. Beside each value stands
what two translators that have learned nothing reach: one that copies its input, _copy, and one that
always answers with the mean of the training pictures, _mean.
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
    """l1, psnr, ssim, chroma of translations and what they should be: see metrics/truth.py.

    retrieved_1, retrieved_5: how often the true picture is the nearest of all held-out ones, or one
    of the five nearest, by pixels. chroma is of pictures in colour alone. All stand beside those of
    copies of the input and of the mean picture. Nothing where pictures have no partners.
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
    """retrieved_1_efficientnet_lite0, retrieved_5_...: as translations, by features.

    Those of a network of ImageNet's, the extra `features`.
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
    """caption_accuracy: how often a drawing is of the category of its caption's own picture.

    By a classifier trained on the real drawings, of the first eval_samples held-out captions;
    judge's accuracy_real says how often that one is right. Nothing without captions or categories.
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
    """Whether the i-th examples of both domains belong together, however they are trained on.

    In a user's folder only where data.paired says so.
    """
    return data.spec.other is not None and (data.origin.paired or data.name != "folder")


def make_answers(
    setup: Setup,
) -> Callable[[State], tuple[np.ndarray, Iterator[tuple[str, np.ndarray]]]]:
    """f(state) -> the true pictures, and ("", translations), ("_copy", ...), ("_mean", ...).

    In [0, 1], [N, H, W, C] each.
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
    """As many and with as many channels; colour to grey by its mean."""
    if true.shape[-1] < pictures.shape[-1]:
        pictures = pictures.mean(-1, keepdims=True)
    return np.broadcast_to(pictures, true.shape)


def _flat(pictures: np.ndarray) -> np.ndarray:
    return pictures.reshape(len(pictures), -1)
