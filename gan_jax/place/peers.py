"""How the processes of a run notice each other's end: a socket from each to process 0.

Once a second each says that it lives, and whether it is at work that takes long. One that falls
silent, closes its socket, or makes no progress for a minute ends the others with 75: what was saved
is there, and the same command goes on. jax notices a lost process too, later and with an abort.
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
SECONDS, SILENT, STUCK = 1.0, 10.0, 60.0  # between two messages; until silence, or a stop, is told
SLOWER = 5.0  # a dispatch may take so many times as long as the longest so far


class Peers:
    """The other processes: all of them for process 0, process 0 alone for each other one."""

    def __init__(self, links: dict[int, socket.socket]):
        self.links, self.heard = links, dict.fromkeys(links, time.monotonic())
        self.done: set[int] = set()  # they have nothing left to do
        self.at_work = 0  # how many announcements hold
        self.ticked: float | None = None  # the last progress; None before the first dispatch
        self.longest = 0.0  # between two of them
        self.is_over = threading.Event()
        for link in links.values():
            link.settimeout(SECONDS)
        threading.Thread(target=self._watch, name="peers", daemon=True).start()

    def tick(self) -> None:
        """A dispatch is done."""
        now = time.monotonic()
        if self.ticked is not None and not self.at_work:
            self.longest = max(self.longest, now - self.ticked)
        self.ticked = now

    @contextlib.contextmanager
    def announced(self) -> Iterator[None]:
        """Within, no progress is expected: a compile, an evaluation, a save."""
        self.at_work += 1
        try:
            yield
        finally:
            self.at_work -= 1
            self.ticked = self.ticked and time.monotonic()

    def leave(self, code: int, words: str) -> None:
        """Ends this process, and the others with the same code, and words say why on all of them.

        os._exit: jax would abort.
        """
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
        """Leaves where a process has fallen silent, or where nothing has moved."""
        now, patience = time.monotonic(), max(STUCK, SLOWER * self.longest)
        for index in self.links.keys() - self.done:
            if now - self.heard[index] > SILENT:
                self.leave(PREEMPTED, lost(index, f"has said nothing for {SILENT:.0f} s"))
        if self.ticked is not None and not self.at_work and now - self.ticked > patience:
            self.leave(PREEMPTED, lost(None, f"has made no progress for {patience:.0f} s"))

    def _send(self, index: int, message: bytes) -> None:
        with contextlib.suppress(OSError):  # who is gone is noticed by reading
            self.links[index].sendall(message)


def lost(index: int | None, how: str) -> str:
    """One plain line."""
    who = "the run" if index is None else f"process {index}"
    return f"gan-jax: {who} {how}: what was saved is there; run the same command again on all hosts"


def gather_links(
    count: int, index: int, address: str, first: Callable[[Any], Any]
) -> dict[int, socket.socket]:
    """Sockets to the others. first: tells all what process 0 has; the token keeps strangers out."""
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
