"""How a process ends: once, whatever its threads hear meanwhile."""

import subprocess
import sys

PROGRAM = """
import os, socket, time
from gan_jax.place.peers import LEAVES, Peers

ours, theirs = socket.socketpair()
peers, write = Peers({1: ours}), os.write

def answered(file, words):
    if words != b"an answer\\n":
        theirs.sendall(LEAVES + bytes([1]) + b"an answer")
        time.sleep(1)  # the thread that hears it runs now
    return write(file, words)

os.write = answered
peers.leave(75, "stopped at step 3")
"""


def test_a_process_that_leaves_says_so_once():
    words = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (75, "stopped at step 3\n")
