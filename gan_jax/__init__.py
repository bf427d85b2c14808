"""gan_jax: a JAX/Flax laboratory for GAN objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from gan_jax.training.sample import Run

__version__ = "0.2.0.dev0"


def load_run(workdir: str | Path, step: int | None = None) -> Run:
    """A run at its newest checkpoint that can be trusted, or at that of step.

    run.sample(n, seed=0, label=None) draws images [n, H, W, C] in [0, 1] or points [n, D];
    run.config is what it was trained with. NoCheckpointError where there is none.
    """
    from gan_jax.training import sample  # imported here: whoever wants the version needs no JAX

    return sample.load_run(workdir, step)
