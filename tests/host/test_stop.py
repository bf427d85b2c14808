"""Signals: what they do with work to save and without, and that a compile does not delay them."""

import signal
import subprocess
import sys
import textwrap
import time

import pytest

from gan_jax.host import stop


class Left(BaseException):
    """In place of the end of the process."""


@pytest.fixture(autouse=True)
def leaving(monkeypatch):
    """os._exit raises instead; what was said is in the list."""
    stop.reset()  # a run in this process, by another test, had work
    said = []

    def leave(code):
        raise Left(code)

    monkeypatch.setattr(stop.os, "_exit", leave)
    monkeypatch.setattr(stop.os, "write", lambda to, text: said.append((to, text.decode())))
    yield said
    stop.reset()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_without_work_it_leaves_at_once(number, leaving):
    noted = []
    stop.leave_with(lambda: noted.append(1))
    with pytest.raises(Left, match="75"):
        stop.on_signal(number)
    assert noted == [1]
    [(to, line)] = leaving
    assert to == 2
    assert line.startswith(f"gan-jax: {signal.Signals(number).name}: ")
    assert line.count("\n") == 1


def test_a_note_that_fails_does_not_keep_the_process():
    stop.leave_with(lambda: 1 / 0)
    with pytest.raises(Left, match="75"):
        stop.on_signal(signal.SIGTERM)


def test_it_leaves_where_nobody_can_be_told(monkeypatch):
    def broken(to, text):
        raise BrokenPipeError

    monkeypatch.setattr(stop.os, "write", broken)
    with pytest.raises(Left, match="75"):
        stop.on_signal(signal.SIGTERM)


def test_with_work_it_only_asks_and_a_second_term_too(leaving):
    stop.keep_work()
    assert not stop.requested()
    stop.on_signal(signal.SIGTERM)
    stop.on_signal(signal.SIGTERM)
    assert stop.requested()
    assert leaving == []


def test_the_second_ctrl_c_leaves_at_once(leaving):
    stop.keep_work()
    stop.on_signal(signal.SIGINT)
    assert stop.requested()
    with pytest.raises(Left, match="75"):
        stop.on_signal(signal.SIGINT)
    assert "lost" in leaving[0][1]


def test_other_signals_do_nothing(leaving):
    stop.on_signal(signal.SIGWINCH)
    assert not stop.requested()
    assert leaving == []


def test_a_main_thread_that_runs_no_bytecode_does_not_delay_it():
    """A key derivation is one long call in C, as a compile is: a handler would wait for its end."""
    program = """
        from gan_jax.host import stop
        stop.install()
        print("ready", flush=True)
        import hashlib
        hashlib.pbkdf2_hmac("sha256", b"", b"", 100_000_000)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdout.readline()
        time.sleep(0.2)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == stop.PREEMPTED
        assert time.monotonic() - began < 20
        assert process.stderr.read().startswith("gan-jax: SIGTERM: stopped")
