"""The vocabulary: what flows between modules, the shape letters, the errors a user can cause.

Shape letters in names, here and everywhere: K disc updates a step, B batch, N examples, H W C
image, D flattened features, Z latent, M members of a cohort. `x_BxHxWxC` has shape [B, H, W, C];
a trailing `_B` is one number per example.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from flax import struct

Array = jax.Array
PyTree = Any
Critic = Callable[[Array], Array]  # x [B, ...] -> logits [B]


class Batch(NamedTuple):
    """Real examples. x in the range the config states ([-1, 1] by default), label int32 or None."""

    x: Array  # [K, B, ...] in a step, [B, ...] in a loss
    label: Array | None = None


class Losses(NamedTuple):
    """One number per example and player; each player minimises the mean of its own."""

    disc: Array  # [B]
    gen: Array  # [B]


class Player(struct.PyTreeNode):
    """One network and its optimiser. `vars` holds what is not trained (batch statistics)."""

    params: PyTree
    vars: PyTree
    opt: PyTree


class GanState(struct.PyTreeNode):
    """All that a run is. step int32, key a typed PRNG key that never changes: folded, not split."""

    step: Array
    key: Array
    gen: Player
    disc: Player
    ema: PyTree  # averages of gen's params and vars in one dict; None when ema.decay is 0
    extra: PyTree  # what the dynamics keep, by name: optimistic's last update


class Hypers(struct.PyTreeNode):
    """Every number that may change without a recompile, as float arrays. config.hypers makes it."""

    gen: dict[str, Array]  # numbers of gen's optimiser
    disc: dict[str, Array]
    objective: dict[str, Array]  # keyword arguments of the objective
    penalty: dict[str, Array]  # weight, and keyword arguments
    dynamics: dict[str, Array]  # keyword arguments of the dynamics that are floats
    game: dict[str, Array]  # loss_scale, ema_decay, ...


class UserError(Exception):
    """Something the user can mend: one plain line and the exit code that stands for it."""

    code = 78


class ConfigError(UserError):
    """A bad config or argument."""

    code = 78


class FailedRowsError(UserError):
    """A sweep with rows that crashed; the others are done."""

    code = 1


class DivergedError(UserError):
    """A run whose losses or parameters left the finite numbers."""

    code = 3


class NoCheckpointError(UserError):
    """No checkpoint that can be read and verified."""

    code = 4


class DataCorruptError(UserError):
    """Data were found but do not decode to what they claim to be."""

    code = 65


class DataMissingError(UserError):
    """Data were not found; the message names where it looked and what prepares them."""

    code = 66


class WorkdirBusyError(UserError):
    """Another process holds this workdir."""

    code = 73


class CannotWriteError(UserError):
    """A folder or file cannot be written."""

    code = 74


class PreemptedError(UserError):
    """A SIGTERM or SIGINT came; what there was is saved. Run the same command again."""

    code = 75
