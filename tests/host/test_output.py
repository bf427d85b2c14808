"""Streams that never raise: in processes of their own, as a shell or a daemon starts them."""

import os
import subprocess
import sys

import pytest

from gan_jax.host import output

PROGRAM = """
import os, sys
from gan_jax.host import output
output.guard()
with open("file", "w") as file:
    for stream in (sys.stdout, sys.stderr):
        print("told" * 10_000, file=stream)
        print("told", file=stream, flush=True)
    for number in (1, 2):
        try:
            os.write(number, b"by a library, to the number")
        except OSError:
            pass
    file.write("kept")
sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize(
    "where", [">&- 2>&-", "<&- >&- 2>&-", ">/dev/full 2>&1", "2>&1 | true; exit ${PIPESTATUS[0]}"]
)
def test_a_process_ends_as_it_would_with_its_words_read(where, code, tmp_path):
    line = f'"$0" -c "$1" {code} {where}'
    done = subprocess.run(
        ["bash", "-c", line, sys.executable, PROGRAM], cwd=tmp_path, check=False, timeout=60
    )
    assert done.returncode == code
    assert (tmp_path / "file").read_text() == "kept"  # nothing else has taken its number


def test_letters_that_a_stream_lacks_are_told_by_their_numbers():
    code = "from gan_jax.host import output; output.guard(); print('\u00e9 \U0001f600 \\udcff')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"\\xe9 \\U0001f600 \\udcff\n"


def test_a_pipe_that_is_full_is_not_waited_for():
    """As one that its other side has made non-blocking."""
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    stream = output._Descriptor(writes, "wb", closefd=False)
    assert [stream.write(b"0" * 2**17) for _ in range(2)][1] == 2**17
    assert isinstance(stream.problem, BlockingIOError)
    os.read(reads, 2**17)
    assert stream.write(b"again") == 5
    os.close(writes)
    with open(reads, "rb") as rest:
        assert rest.read().endswith(b"again")
