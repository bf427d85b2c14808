"""What a person sees while a run trains: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 10.0
_SHOWN = {"disc_loss": "disc", "gen_loss": "gen", "acc_real": "real", "acc_fake": "fake"}


class Progress:
    """A bar of train steps with both losses and disc's accuracy on reals and on fakes."""

    def __init__(self, step: int, steps: int):
        self.last, self.said = step, time.monotonic()
        self.bar = tqdm(
            total=steps,
            initial=step,
            unit="step",
            dynamic_ncols=True,
            disable=not sys.stderr.isatty(),
            bar_format="{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {rate_fmt} "
            "{remaining} left{postfix}",
        )
        self.began, self.first, self.steps = time.monotonic(), step, steps

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def update(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Called after each dispatch with its step and mean metrics."""
        words = "  ".join(
            f"{short} {metrics[k]:.2f}" for k, short in _SHOWN.items() if k in metrics
        )
        self.bar.set_postfix_str(words, refresh=False)
        self.bar.update(step - self.last)
        self.last = step
        now = time.monotonic()
        if self.bar.disable and (now - self.said > _SECONDS_BETWEEN_LINES or step == self.steps):
            rate = self.rate(step)
            left = (self.steps - step) / max(rate, 1e-9)
            sys.stderr.write(
                f"step {step}/{self.steps}  {rate:.1f} it/s  {left:.0f} s left  {words}\n"
            )
            self.said = now

    def rate(self, step: int) -> float:
        """Train steps a second since this process began."""
        return (step - self.first) / max(time.monotonic() - self.began, 1e-9)

    def say(self, line: str) -> None:
        """A line that does not tear the bar."""
        self.bar.write(line, file=sys.stderr)
