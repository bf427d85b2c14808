"""What a person sees of a run: its first line, a bar or a line now and then, its last lines."""

import contextlib
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from gan_jax.data import Data
from gan_jax.games import Setup
from gan_jax.host.versions import processor
from gan_jax.place import Place
from gan_jax.types import State

_SECONDS_BETWEEN_LINES = 10.0
_BAR = "|{bar}| {n_fmt}/{total_fmt} {rate_fmt} {remaining} left{postfix}"


def first_words(setup: Setup, state: State, place: Place, step: int) -> str:
    """Says what will train, where, and from which step. The state may be shapes alone."""
    sizes = (
        f"{name} {sum(leaf.size for leaf in jax.tree.leaves(state.players[name].params)):,}"
        for name in setup.game.nets
    )
    config, data = setup.config, setup.data
    parts = [
        _devices(place),
        f"parameters: {', '.join(sizes)}",
        f"data {data.name}, {_examples(data)}",
        f"batch {config.batch_size}",
        f"goes on from step {step:,} of {config.steps:,}" if step else f"{config.steps:,} steps",
    ]
    return "; ".join(parts)


def _devices(place: Place) -> str:
    first, count = place.devices[0], len(place.devices)
    kind = processor() if first.platform == "cpu" else first.device_kind
    return f"{f'{count} x ' if count > 1 else ''}{first.platform} ({kind})"


def _examples(data: Data) -> str:
    shape = "x".join(map(str, data.spec.shape))
    if data.synthetic:
        kept = f"{data.points:,} drawn once" if data.points else "drawn anew in every step"
        return f"points of {shape} {'number' if shape == '1' else 'numbers'}, {kept}"
    return f"{data.size:,} of {shape} in {data.split}"


class Progress:
    """A bar of train steps with both losses and disc's accuracy on reals and on fakes."""

    def __init__(self, step: int, steps: int):
        self.first, self.last, self.steps = step, step, steps
        self.began = self.said = time.monotonic()
        self.updates = 0
        self.bar = tqdm(
            total=steps,
            initial=step,
            dynamic_ncols=True,
            disable=not sys.stderr.isatty(),
            bar_format=_BAR,
            postfix="compiling",
        )
        self._log = contextlib.nullcontext() if self.bar.disable else logging_redirect_tqdm()

    def __enter__(self) -> "Progress":
        self._log.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.bar.close()
        self._log.__exit__(*error)

    def update(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Called after each dispatch with its step and mean metrics."""
        words, now = _in_short(metrics), time.monotonic()
        self.bar.set_postfix_str(words, refresh=False)
        self.bar.update(step - self.last)
        self.last, self.updates = step, self.updates + 1
        rate = self.rate(step)
        if self.updates == 1:  # the first dispatch was compiled: the rate counts from its end
            self.first, self.began = step, now
        if self.bar.disable and (now - self.said > _SECONDS_BETWEEN_LINES or step == self.steps):
            left = (self.steps - step) / max(rate, 1e-9)
            pace = f" {rate:.1f}it/s {left:.0f} s left" if self.updates > 1 else ""
            sys.stderr.write(f"step {step}/{self.steps}{pace}, {words}\n")
            self.said = now

    def rate(self, step: int) -> float:
        """Train steps a second in this process, without the first dispatch if there are more."""
        return (step - self.first) / max(time.monotonic() - self.began, 1e-9)


def _in_short(metrics: Mapping[str, Any]) -> str:
    losses = [f"{k} {metrics[f'{k}_loss']:.2f}" for k in ("disc", "gen") if f"{k}_loss" in metrics]
    right = [f"{k} {metrics[f'acc_{k}']:.0%}" for k in ("real", "fake") if f"acc_{k}" in metrics]
    return " ".join(losses + right)


def last_words(metrics: Mapping[str, Any], classes: Sequence[str] = ()) -> list[str]:
    """The numbers at the end of a run in lines: the game's, the classifier's, the others.

    classes: the names of the data's classes, if they have names.
    """
    found = {k.removeprefix("eval/"): v for k, v in metrics.items() if k.startswith("eval/")}
    lines = [_game_in_words(metrics)]
    samples = sum(n for name, n in found.items() if name.startswith("count_"))
    if set(_CLASSIFIED) <= set(found):
        counts = _by_name(_take(found, "count_"), classes)
        lines += _classes_in_words({name: found.pop(name) for name in _CLASSIFIED}, counts)
    if "label_accuracy" in found:
        share, of_reals = found.pop("label_accuracy"), found.pop("label_accuracy_real", None)
        of_each = _by_name(_take(found, "label_accuracy_"), classes)
        lines.append(_labels_in_words(share, of_reals, samples, of_each))
    lines += _beside_those_that_learn_nothing(found)
    rest = ", ".join(f"{name} {_short(found[name])}" for name in sorted(found))
    return [line for line in (*lines, rest) if line]


_CLASSIFIED = ("classes", "confidence", "confidence_real", "accuracy_real")


def _game_in_words(metrics: Mapping[str, Any]) -> str:
    words = [f"{k} {_short(metrics[k])}" for k in ("disc_loss", "gen_loss") if k in metrics]
    if {"acc_real", "acc_fake"} <= set(metrics):
        real, fake = metrics["acc_real"], metrics["acc_fake"]
        words.append(f"disc is right on {real:.0%} of reals, {fake:.0%} of fakes")
    return ", ".join(words)


def _classes_in_words(found: Mapping[str, Any], counts: Mapping[str, int]) -> list[str]:
    whole, of_all = sum(counts.values()), f"{found['classes']} of {len(counts)} classes"
    every = "all " if found["classes"] == len(counts) else ""
    return [
        f"{whole} samples judged by a classifier ({found['accuracy_real']:.1%} right on held-out "
        f"images): {every}{of_all}, mean confidence {found['confidence']:.2f} "
        f"(real images {found['confidence_real']:.2f})",
        "samples of each class: " + ", ".join(f"{name}: {n}" for name, n in counts.items()),
    ]


def _labels_in_words(
    share: float, of_reals: float | None, samples: int, of_each: Mapping[str, float]
) -> str:
    each = ", ".join(f"{name}: {part:.0%}" for name, part in of_each.items())
    beside = "" if of_reals is None else f" (held-out images: {of_reals:.0%})"
    return f"the class asked for in {share:.0%} of {samples} samples{beside}, by class: {each}"


def _beside_those_that_learn_nothing(found: dict[str, Any]) -> list[str]:
    """One line on the metrics that a copy of the input and the mean picture have too; pops them."""
    names = sorted(name for name in found if {f"{name}_copy", f"{name}_mean"} <= set(found))
    words = [
        f"{name} {_short(found.pop(name))} ({_short(found.pop(f'{name}_copy'))}, "
        f"{_short(found.pop(f'{name}_mean'))})"
        for name in names
    ]
    said = "to the true pictures (those of copies and of the mean picture): "
    return [said + ", ".join(words)] if words else []


def _take(found: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Removes the metrics whose names begin so, and returns them without the prefix."""
    names = [name for name in found if name.startswith(prefix)]
    return {name.removeprefix(prefix): found.pop(name) for name in names}


def _by_name(found: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    return {classes[int(i)] if int(i) < len(classes) else i: n for i, n in found.items()}


def _short(value: Any) -> str:
    if value is None:  # JSON's word for what was not finite
        return "not finite"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
