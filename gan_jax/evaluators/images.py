"""Evaluators of images: by a classifier trained here, by its features, and by the pixels."""

import functools
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from gan_jax import data, metrics
from gan_jax.evaluators.draws import Evaluator, Values, make_draw
from gan_jax.metrics.classifier import Classify, judge, train_classifier
from gan_jax.types import GanState

DIGITS = {"mnist", "mnist5k", "digits", "tfds:mnist"}  # sets whose classifier's features are alike
NEIGHBOURS = 5  # of precision, recall, density and coverage


class _Trained(NamedTuple):
    """A classifier of a data set, and how it does on the test split."""

    classify: Classify
    confidence_real: float
    accuracy_real: float


@functools.lru_cache(maxsize=2)  # for all evaluators and all rows of a sweep
def _trained(name: str, data_dir: str | None) -> _Trained:
    train, test = (data.load(name, split, data_dir) for split in ("train", "test"))
    assert train.label is not None
    classify = train_classifier(train.x, train.label, data.spec(name, data_dir).classes)
    real = classify.probabilities(_unit(test.x))
    return _Trained(classify, judge(real).confidence, float((real.argmax(1) == test.label).mean()))


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.float32(255)


def _has(config: ConfigDict, labels: bool) -> bool:
    """Whether the data are images with a train and a test split, and with labels if need be."""
    spec = data.spec(config.data.name, config.data.dir)
    splits = {"train", "test"} <= set(spec.splits)
    return spec.kind == "image" and splits and bool(spec.classes or not labels)


def _held_out(config: ConfigDict) -> np.ndarray:
    """The test split's first eval_samples images, in [0, 1]."""
    return _unit(data.load(config.data.name, "test", config.data.dir).x[: config.eval_samples])


def classes_by_a_judge(config: ConfigDict, part: str = "eval") -> Evaluator | None:
    """What a classifier trained on the real images says of the samples, and of real held-out ones.

    classes: how many it finds among eval_samples; count_<class>; confidence: the mean probability
    of the likeliest class; confidence_real and accuracy_real: on the data set's test split.
    """
    if not _has(config, labels=True):
        return None
    draw = make_draw(config, part)

    def run(state: GanState) -> Values:
        classify, confidence_real, accuracy_real = _trained(config.data.name, config.data.dir)
        found = judge(classify.probabilities(draw(state, config.eval_samples)))
        yield "classes", int((found.counts > 0).sum())
        yield "confidence", found.confidence
        yield "confidence_real", confidence_real
        yield "accuracy_real", accuracy_real
        for name, count in enumerate(found.counts):
            yield f"count_{name}", int(count)

    return run


def digit_features(config: ConfigDict, part: str = "eval") -> Evaluator | None:
    """frechet_digits, kernel_digits, precision_digits, ...: by the features of a digit classifier.

    It is the judge's, trained on the run's own train split: 256 features before the logits, of
    pixels in [0, 1]. eval_samples fakes against at most as many images of the test split; beside
    the distances stand both numbers, the classifier's accuracy and its crc32: without the same
    classifier and numbers two values do not compare.
    """
    if config.data.name not in DIGITS or not _has(config, labels=True):
        return None
    draw = make_draw(config, part)

    @functools.cache
    def real_features() -> np.ndarray:
        classify = _trained(config.data.name, config.data.dir).classify
        return classify.features(_held_out(config))

    def run(state: GanState) -> Values:
        classify, _, accuracy = _trained(config.data.name, config.data.dir)
        images, real = draw(state, config.eval_samples), real_features()
        for name, value in compare(real, classify.features(images)):
            yield f"{name}_digits", value
        yield "inception_digits", metrics.inception_score(classify.probabilities(images))
        yield "accuracy_digits", accuracy
        yield "classifier_digits", classify.crc32

    return run


def compare(real_NxF: np.ndarray, fake_MxF: np.ndarray) -> Values:
    """Every distance between two sets of features, whatever they are features of, and the sizes."""
    yield "frechet", metrics.frechet_distance(real_NxF, fake_MxF)
    yield "kernel", metrics.kernel_distance(real_NxF, fake_MxF)
    k = min(NEIGHBOURS, len(real_NxF) - 1, len(fake_MxF) - 1)
    if k > 0:
        yield from metrics.precision_recall(real_NxF, fake_MxF, k)._asdict().items()
        yield from metrics.density_coverage(real_NxF, fake_MxF, k)._asdict().items()
    yield "samples", len(fake_MxF)
    yield "reals", len(real_NxF)


def pixels(config: ConfigDict, part: str = "eval") -> Evaluator | None:
    """sliced_wasserstein, ms_ssim, nearest, copies, duplicates: by the pixels, in [0, 1].

    ms_ssim and nearest, the median distance to the nearest training image, stand beside the same
    of held-out images, ms_ssim_real and nearest_real; copies: share of samples nearer to a
    training image than 99 % of held-out ones; duplicates: share of samples that come twice.
    """
    if not _has(config, labels=False):
        return None
    draw = make_draw(config, part)

    def run(state: GanState) -> Values:
        fake, held = draw(state, config.eval_samples), _held_out(config)
        train = _unit(data.load(config.data.name, config.data.split, config.data.dir).x)
        flat, held_flat, train_flat = (x.reshape(len(x), -1) for x in (fake, held, train))
        yield "sliced_wasserstein", metrics.sliced_wasserstein(held_flat, flat)
        if min(len(fake), len(held)) > 1:
            yield "ms_ssim", metrics.ms_ssim_diversity(fake)
            yield "ms_ssim_real", metrics.ms_ssim_diversity(held)
            yield "duplicates", metrics.duplicates(flat)
        found = metrics.memorised(flat, train_flat, held_flat)
        yield "nearest", found.distance
        yield "nearest_real", found.distance_held_out
        yield "copies", found.copies

    return run
