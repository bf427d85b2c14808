"""Where users import the penalties from: they are defined in objectives/penalties.py."""

from gan_jax.objectives.penalties import PENALTIES, Penalty

__all__ = ["PENALTIES", "Penalty"]
