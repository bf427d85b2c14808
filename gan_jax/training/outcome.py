"""How a run ended: what its summary says, and what is not finite in a state."""

from typing import Any, NamedTuple, NoReturn

import jax
import jax.numpy as jnp

from gan_jax.host.errors import DivergedError
from gan_jax.training.folder import RunDir
from gan_jax.types import State


class Result(NamedTuple):
    """How a run ended: its last step and the numbers of its last line."""

    step: int
    metrics: dict[str, Any]
    was_done: bool = False  # by an earlier process: this one did nothing


def ended(run: RunDir) -> Result | None:
    """The result of an earlier process, if that is final."""
    summary = run.summary()
    if summary.get("status") == "diverged":
        raise_diverged(run, summary["step"], summary.get("reason", ""))
    if summary.get("status") != "done":
        return None
    return Result(summary["step"], summary["metrics"], was_done=True)


def raise_diverged(run: RunDir, step: int, reason: str) -> NoReturn:
    kept = sorted(int(path.name) for path in run.checkpoints_dir.glob("*") if path.name.isdigit())
    good = f"the last good checkpoint is of step {kept[-1]}" if kept else "no checkpoint was good"
    raise DivergedError(
        f"diverged by step {step}: {reason or 'the weights are not finite'}; {good}. "
        "Try a lower gen.lr or disc.lr in another --workdir"
    )


@jax.jit
def finite_parts(state: State) -> dict[str, jax.Array]:
    """Whether each part of the state is finite, by the part's name in plain words."""
    parts = {
        **{f"the weights of {name}": each for name, each in state.players.items()},
        **{f"the weights of the average of {name}": each for name, each in state.averages.items()},
        "what losses and dynamics remember": state.memory,
    }
    leaves = {name: jax.tree.leaves(part) for name, part in parts.items()}
    finite = {name: [jnp.isfinite(x).all() for x in each] for name, each in leaves.items()}
    return {name: jnp.stack(each).all() for name, each in finite.items() if each}
