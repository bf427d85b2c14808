"""Evaluators of images: by a classifier trained here, and by their pixels."""

from gan_jax import metrics
from gan_jax.evaluate.evaluators.draws import Evaluator, Values, held_out, make_draw
from gan_jax.games import Setup
from gan_jax.metrics.classifier import count_classes
from gan_jax.metrics.features import digits, has_images
from gan_jax.types import State

MOST_COMPARED = 60_000  # the number of training images, the first ones, to compare with


def classes_by_a_classifier(setup: Setup, part: str = "eval") -> Evaluator | None:
    """Predictions of a classifier trained on real images, for samples and for held-out images.

    classes: how many it finds among eval_samples; count_<class>; confidence: the mean probability
    of the predicted class; confidence_real and accuracy_real: on the test split, the latter over
    labelled images. None if no training image has a label.
    """
    origin, n = setup.data.origin, setup.config.eval_samples
    if not has_images(setup.data, labels=True) or not digits.has_labels(origin):
        return None
    draw = make_draw(setup, part)

    def run(state: State) -> Values:
        trained = digits.trained(origin)
        seen = trained.features.see(draw(state, n))
        assert seen.probabilities is not None
        found = count_classes(seen.probabilities)
        yield "classes", int((found.counts > 0).sum())
        yield "confidence", found.confidence
        yield "confidence_real", trained.confidence_real
        if trained.accuracy_real is not None:
            yield "accuracy_real", trained.accuracy_real
        for each, count in enumerate(found.counts):
            yield f"count_{each}", int(count)

    return run


def pixels(setup: Setup, part: str = "eval") -> Evaluator | None:
    """sliced_wasserstein, ms_ssim, nearest, copies, duplicates: computed on pixels in [0, 1].

    On schedule if images have no labels. Only the first MOST_COMPARED training images are used.

    nearest is the median distance to the nearest training image. ms_ssim_real and nearest_real are
    the values of ms_ssim and nearest for held-out images. copies: the share of samples nearer to a
    training image than 99 % of held-out ones; duplicates: the share of samples that occur twice. If
    the test split is trained on, no image is held out, and nearest_real and copies are missing.
    """
    data, n = setup.data, setup.config.eval_samples
    if not has_images(data):
        return None
    draw = make_draw(setup, part)

    def run(state: State) -> Values:
        fake, held, arrays = draw(state, n), held_out(data.origin, n), data.examples()
        assert arrays
        train = arrays.x[:MOST_COMPARED]
        flat, held_flat, train_flat = (x.reshape(len(x), -1) for x in (fake, held, train))
        yield "sliced_wasserstein", metrics.sliced_wasserstein(held_flat, flat)
        if min(len(fake), len(held)) > 1:
            yield "ms_ssim", metrics.ms_ssim_diversity(fake)
            yield "ms_ssim_real", metrics.ms_ssim_diversity(held)
            yield "duplicates", metrics.duplicates(flat)
        found = metrics.memorised(flat, train_flat, held_flat)
        yield "nearest", found.distance
        if data.has_held_out:
            yield "nearest_real", found.distance_held_out
            yield "copies", found.copies

    return run
