"""Where users import a run's pure functions from: they are defined in training/steps.py."""

from gan_jax.training.steps import init_state, make_sampler, make_train_many, make_train_step

__all__ = ["init_state", "make_sampler", "make_train_many", "make_train_step"]
