"""The processes of one run over several hosts: how they meet, what they agree on, how they end.

All run the same program and the same host loop. Process 0 alone touches the run's folder. Whatever
a disk, a clock or a signal decides must reach the others through `first`, `agreement` or
`broadcast` before any of them branches on it. With one process all of this does nothing.
"""

import contextlib
import json
import re
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, NoReturn, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from gan_jax.host.errors import ConfigError, PreemptedError, UserError, listed
from gan_jax.place import place_batch
from gan_jax.place.peers import SECONDS, Peers, gather_links
from gan_jax.types import PyTree

T = TypeVar("T")
COLD = 900  # seconds: hosts of a pod begin minutes apart
GRACE = 2 * SECONDS  # for news of a lost process
REASON = 1000  # bytes of the message that says how two processes differ
HEARTBEAT = 30  # seconds, jax's own: it aborts, so peers.py has to notice first

_peers: Peers | None = None


class Hosts(NamedTuple):
    """The parts of --hosts; each is None if the cluster tells the processes their place."""

    coordinator: str | None  # ADDRESS:PORT of process 0
    processes: int | None
    process: int | None  # which of them this is


def parse(text: str) -> Hosts | None:
    """Parses ADDRESS:PORT,COUNT,INDEX or auto. Raises ConfigError."""
    if text == "auto":
        return None
    found = re.fullmatch(r"([^,\s]+:[0-9]{1,5}),([1-9][0-9]{0,5}),([0-9]{1,6})", text)
    if not found or int(found[3]) >= int(found[2]):
        raise ConfigError(
            f"--hosts is {text!r}: expected auto, or ADDRESS:PORT,COUNT,INDEX with the address of "
            "process 0, the number of processes, and which of them this is, from 0"
        )
    return Hosts(found[1], int(found[2]), int(found[3]))


@contextlib.contextmanager
def joined(text: str | None) -> Iterator[None]:
    """A context in which the processes are joined, from before any use of jax until the run's end.

    An error in one process ends them all with its exit code, so that none waits for a lost one.
    """
    if text is None:
        yield
        return
    _join(parse(text))
    try:
        yield
    except UserError as error:
        _leave(error.code, f"gan-jax: {error}")
    except BaseException:
        words = traceback.format_exc().rstrip()
        give_way()
        _leave(1, words)
    if _peers is not None:
        _peers.finish()
    jax.distributed.shutdown()


def _join(hosts: Hosts | None) -> None:
    # jax's own service would take SIGTERM's handler over
    jax.config.update("jax_enable_preemption_service", False)
    place = hosts or Hosts(None, None, None)
    try:
        jax.distributed.initialize(
            *place, initialization_timeout=COLD, heartbeat_timeout_seconds=HEARTBEAT
        )
    except (RuntimeError, ValueError) as error:
        words = " ".join(str(error).split())[:200]
        if hosts is None:
            raise ConfigError(
                f"--hosts auto found no cluster that tells its processes their place ({words}): "
                "expected SLURM, a TPU pod or another that jax knows, or ADDRESS:PORT,COUNT,INDEX"
            ) from error
        raise PreemptedError(
            f"the processes at {hosts.coordinator} did not meet: {words}"
        ) from error
    if count() > 1:
        _links(hosts)


def _links(hosts: Hosts | None) -> None:
    global _peers  # noqa: PLW0603 - a process is in one run
    if hosts is None or hosts.coordinator is None:
        address = first(socket.gethostbyname(socket.gethostname()))
    else:
        address = hosts.coordinator.rpartition(":")[0].strip("[]")
    _peers = Peers(gather_links(count(), jax.process_index(), address, first))


def _leave(code: int, words: str) -> NoReturn:
    sys.stdout.flush()
    if _peers is not None:
        _peers.leave(code, words)
    print(words, file=sys.stderr, flush=True)
    jax.distributed.shutdown()
    sys.exit(code)


def count() -> int:
    """How many processes there are."""
    return jax.process_count()


def writes() -> bool:
    """Whether this process is the one that has the run's folder."""
    return jax.process_index() == 0


def tick() -> None:
    """Notes that a dispatch is done."""
    if _peers is not None:
        _peers.tick()


def announced() -> contextlib.AbstractContextManager[None]:
    """A context in which no progress is expected: a compile, an evaluation, a save."""
    return contextlib.nullcontext() if _peers is None else _peers.announced()


def give_way() -> None:
    """Waits a moment for the news that another process is lost, which ends this one with 75.

    If one is lost, sums over devices fail in the others, often before they have heard the news.
    """
    if _peers is not None:
        time.sleep(GRACE)


def wait_for_first() -> None:
    """Returns when process 0 has nothing left to do; if it leaves early, so does this process."""
    if _peers is not None:
        _peers.is_over.wait()


def meet(name: str) -> None:
    """All processes wait here for each other."""
    if count() > 1:
        multihost_utils.sync_global_devices(f"gan_jax: {name}")


def first(value: Any) -> Any:
    """Process 0's JSON value; those of the others are ignored."""
    if count() == 1:
        return value
    text = np.frombuffer(json.dumps(value if writes() else None).encode(), np.uint8)
    size = int(multihost_utils.broadcast_one_to_all(np.int32(text.size)))
    room = np.zeros(size, np.uint8) if not writes() else text
    return json.loads(np.asarray(multihost_utils.broadcast_one_to_all(room)).tobytes())


def in_turn(make: Callable[[], T]) -> T:
    """Calls make() in process 0, then in the others, which find what it has cached."""
    if writes():
        made = make()
        meet("made")
        return made
    meet("made")
    return make()


def broadcast(tree: PyTree) -> PyTree:
    """Process 0's arrays, bit for bit; the others pass arrays of the same shapes."""
    return tree if count() == 1 else jax.tree.map(_broadcast, tree)


def _broadcast(leaf: Any) -> Any:
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        data = _broadcast(jax.random.key_data(leaf))
        return jax.random.wrap_key_data(jnp.asarray(data), impl=jax.random.key_impl(leaf))
    x = np.asarray(leaf)
    raw = (
        np.ascontiguousarray(x).reshape(-1).view(np.uint8)
    )  # a sum of floats with zeros would lose the sign of -0
    found = np.asarray(multihost_utils.broadcast_one_to_all(raw)) if raw.size else raw
    return jnp.asarray(found.view(x.dtype).reshape(x.shape))


def check_same(facts: dict[str, str]) -> None:
    """Raises one ConfigError in all processes if any has other facts than process 0.

    Messages are exchanged in buffers of one size, as an array's shape must be the same on all.
    """
    theirs = first(facts)
    wrong = [name for name in {**theirs, **facts} if theirs.get(name) != facts.get(name)]
    if count() == 1:
        return
    said = np.zeros(REASON, np.uint8)
    if wrong:
        words = f"process {jax.process_index()} has {_differs(wrong, theirs, facts)}"
        text = np.frombuffer(words.encode()[:REASON], np.uint8)
        said[: text.size] = text
    for row in np.asarray(multihost_utils.process_allgather(said)):
        if row.any():
            raise ConfigError(row.tobytes().rstrip(b"\0").decode("utf-8", "replace"))


def _differs(wrong: list[str], theirs: dict[str, str], ours: dict[str, str]) -> str:
    here, there = ({name: side.get(name, "none") for name in wrong} for side in (ours, theirs))
    each = [f"{name} {here[name]}, where process 0 has {there[name]}" for name in wrong]
    return f"{listed(each, 4)}: expected the same on all hosts"


def agreement(asks: Callable[[], bool]) -> Callable[[], bool]:
    """A function that tells whether asks() held in any process; all must call it equally often.

    With several processes the answer is one call late, so that no host waits for the devices.
    """
    if count() == 1:
        return asks
    place = place_batch(jax.devices())
    largest = jax.jit(jnp.max, out_shardings=place.sharding())
    coming: list[Any] = []

    def asked() -> bool:
        up = np.full(len(jax.local_devices()), asks(), np.int32)
        coming.append(largest(place.shard(up)))
        return len(coming) > 1 and bool(np.asarray(coming.pop(0)))

    return asked
