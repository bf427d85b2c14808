"""How the processes of a run notice each other's end: a socket from each to process 0.

Once a second each reports that it is alive, and whether it is busy with something long. If one
falls silent, closes its socket, or makes no progress for a minute, the others exit with 75, and the
same command goes on from what was saved. jax notices a lost process too, but later, and aborts.
"""

import contextlib
import os
import secrets
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

PREEMPTED = 75
ALIVE, AT_WORK, DONE, LEAVES = b".", b"w", b"d", b"x"  # LEAVES: an exit code and the reason follow
SECONDS, SILENT, STUCK = 1.0, 10.0, 60.0  # between messages; of silence; without progress
SLOWER = 5.0  # a dispatch may take this many times as long as the longest so far


class Peers:
    """Links to the other processes: process 0 has one to each, each of these one to process 0."""

    def __init__(self, links: dict[int, socket.socket]):
        self.links, self.heard = links, dict.fromkeys(links, time.monotonic())
        self.done: set[int] = set()  # processes with nothing left to do
        self.at_work = 0  # how many announcements are in force
        self.ticked: float | None = None  # the last progress; None before the first dispatch
        self.longest = 0.0  # between two of them
        self.is_over = threading.Event()
        self.leaving = threading.RLock()  # held by the thread that ends this process
        for link in links.values():
            link.settimeout(SECONDS)
        threading.Thread(target=self._watch, name="peers", daemon=True).start()

    def tick(self) -> None:
        """Notes that a dispatch is done."""
        now = time.monotonic()
        if self.ticked is not None and not self.at_work:
            self.longest = max(self.longest, now - self.ticked)
        self.ticked = now

    @contextlib.contextmanager
    def announced(self) -> Iterator[None]:
        """A context in which no progress is expected: a compile, an evaluation, a save."""
        self.at_work += 1
        try:
            yield
        finally:
            self.at_work -= 1
            self.ticked = self.ticked and time.monotonic()

    def leave(self, code: int, words: str) -> None:
        """Ends all processes with the same exit code; `words` say why on each of them.

        Uses os._exit, since jax would abort. The first call ends the process: the others answer its
        message with their own, and the thread that hears them must not speak again.
        """
        self.leaving.acquire()
        with contextlib.suppress(OSError):
            os.write(2, f"{words}\n".encode())
        for index in self.links:
            self._send(index, LEAVES + bytes([code]) + words.encode()[:2000])
        os._exit(code)

    def finish(self) -> None:
        """Waits until process 0 has nothing left to do; process 0 waits for nobody."""
        for index in self.links:
            self._send(index, DONE)
        if 0 in self.links:
            self.is_over.wait()
        self.links = {}

    def _watch(self) -> None:
        while self.links:
            began = time.monotonic()
            for index in self.links:
                self._send(index, AT_WORK if self.at_work else ALIVE)
            while (left := began + SECONDS - time.monotonic()) > 0 and self.links:
                waiting = {link: i for i, link in self.links.items() if i not in self.done}
                for link in select.select(list(waiting), [], [], left)[0]:
                    self._hear(waiting[link], link)
            self._look()

    def _hear(self, index: int, link: socket.socket) -> None:
        try:
            said = link.recv(4096)
        except OSError:
            said = b""
        if not said:
            self.leave(PREEMPTED, lost(index, "is gone"))
        _, leaves, how = said.partition(LEAVES)
        if leaves:
            self.leave(how[0] if how else PREEMPTED, how[1:].decode("utf-8", "replace"))
        self.heard[index] = time.monotonic()
        if AT_WORK in said and self.ticked is not None:
            self.ticked = self.heard[index]
        if DONE in said:
            self.done.add(index)
            if index == 0:
                self.is_over.set()

    def _look(self) -> None:
        """Leaves if a process has fallen silent, or if nothing has progressed."""
        now, patience = time.monotonic(), max(STUCK, SLOWER * self.longest)
        for index in self.links.keys() - self.done:
            if now - self.heard[index] > SILENT:
                self.leave(PREEMPTED, lost(index, f"has said nothing for {SILENT:.0f} s"))
        if self.ticked is not None and not self.at_work and now - self.ticked > patience:
            self.leave(PREEMPTED, lost(None, f"has made no progress for {patience:.0f} s"))

    def _send(self, index: int, message: bytes) -> None:
        with contextlib.suppress(OSError):  # a lost process is noticed when reading
            self.links[index].sendall(message)


def lost(index: int | None, how: str) -> str:
    """One line that says which process was lost, and how."""
    who = "the run" if index is None else f"process {index}"
    return f"gan-jax: {who} {how}: saved work is kept; run the same command again on all hosts"


def gather_links(
    count: int, index: int, address: str, first: Callable[[Any], Any]
) -> dict[int, socket.socket]:
    """Sockets to the others. `first` broadcasts process 0's value; a token keeps strangers out."""
    if index:
        port, token = first(None)
        link = socket.create_connection((address, port), timeout=SECONDS * 60)
        link.sendall(f"{token} {index:>8}".encode())
        return {0: link}
    token = secrets.token_hex(16)
    with socket.create_server(("", 0), backlog=count) as server:
        server.settimeout(SECONDS * 60)
        first([server.getsockname()[1], token])
        links: dict[int, socket.socket] = {}
        while len(links) < count - 1:
            link, _ = server.accept()
            link.settimeout(SECONDS * 10)
            with contextlib.suppress(OSError, ValueError):
                said = link.recv(len(token) + 9, socket.MSG_WAITALL).decode("ascii", "replace")
                theirs, _, number = said.partition(" ")
                if secrets.compare_digest(theirs, token) and 0 < int(number) < count:
                    links[int(number)] = link
                    continue
            link.close()
    return links
