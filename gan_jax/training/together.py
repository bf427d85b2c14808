"""A run's recorder if several processes train it: process 0 records, the others keep up."""

import contextlib
import hashlib
import json
from typing import Any, NoReturn

import jax
import jax.numpy as jnp

from gan_jax.config import flatten
from gan_jax.config.as_json import plain_config
from gan_jax.data import Arrays
from gan_jax.games import Setup
from gan_jax.host.errors import PreemptedError
from gan_jax.host.versions import versions
from gan_jax.place import hosts, nearby
from gan_jax.training.loop import Recorder
from gan_jax.training.outcome import Result
from gan_jax.types import Metrics, State

OWN = ("data.dir", "data.dir_b")  # may differ between hosts
WHOLE = 2**30  # bytes of a set to compare; of a larger set, only every n-th example


class Together:
    """The recorder of one of several processes; only process 0 has a recorder of its own.

    Long operations (a compile before the first line, an evaluation, a save) are announced, so that
    the other processes wait for them.
    """

    def __init__(self, own: Recorder | None, may_end: bool):
        self.own, self.may_end = own, may_end
        self.compiling = contextlib.ExitStack()
        hosts.tick()
        self.compiling.enter_context(hosts.announced())

    def is_over(self) -> bool:
        """Asks process 0, which has seen the lines, if the run can end before its last step."""
        return self.may_end and hosts.first(self.own is not None and self.own.is_over())

    def line(self, step: int, metrics: Metrics, state: State | None) -> None:
        jax.block_until_ready(metrics)
        self.compiling.close()
        hosts.tick()
        if self.own is None:
            return
        with hosts.announced() if state is not None else contextlib.nullcontext():
            self.own.line(step, nearby(metrics), nearby(state))

    def save(self, step: int, state: State) -> None:
        if self.own is not None:
            with hosts.announced():
                self.own.save(step, nearby(state))

    def leave(self, step: int) -> NoReturn:
        if self.own is None:
            hosts.wait_for_first()  # it saves, and its end is the others' too
            raise PreemptedError(f"stopped at step {step}")
        with hosts.announced():
            self.own.leave(step)

    def finish(self, step: int, state: State) -> Any:
        if self.own is None:
            return Result(step, {})
        with hosts.announced():
            return self.own.finish(step, nearby(state))


def facts_of(setup: Setup, arrays: Arrays | None) -> dict[str, str]:
    """What has to be the same in all processes: settings, versions and examples."""
    leaves = flatten(plain_config(setup.config))
    found = {name: json.dumps(value) for name, value in leaves.items() if name not in OWN}
    return found | versions() | {"the digest of data": digest(arrays)}


def digest(arrays: Arrays | None) -> str:
    """A hash of all fields of the examples."""
    if arrays is None:
        return "none"
    said = hashlib.sha256()
    for name, field in arrays.fields().items():
        said.update(repr((name, field.shape, str(field.dtype))).encode())
        said.update(field[:: -(-field.nbytes // WHOLE) or 1].tobytes())
    return said.hexdigest()[:16]


def empty(like: jax.ShapeDtypeStruct) -> jax.Array:
    """Zeros to receive process 0's values; a key if a key is wanted."""
    if jax.dtypes.issubdtype(like.dtype, jax.dtypes.prng_key):
        return jnp.broadcast_to(jax.random.key(0), like.shape)
    return jnp.zeros(like.shape, like.dtype)
