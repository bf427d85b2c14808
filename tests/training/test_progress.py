"""The bar on a real pseudo-terminal, the lines elsewhere, and the last words."""

import os
import pty
import re
import struct
import subprocess
import sys
import termios
from fcntl import ioctl

import pytest

from gan_jax.training import progress
from gan_jax.training.progress import Progress, last_words

METRICS = {"disc_loss": 1.25, "gen_loss": 0.5, "acc_real": 0.75, "acc_fake": 1.0}

PROGRAM = """
import logging
logging.basicConfig(format="gan-jax: %(message)s", level=logging.WARNING)
from gan_jax.training.progress import Progress
with Progress(0, 200) as bar:
    for step in range(20, 201, 20):
        bar.update(step, {"disc_loss": 1.25, "gen_loss": 0.5, "acc_real": 0.75, "acc_fake": 1.0})
        if step == 100:
            logging.getLogger("some").warning("a line of the log")
        bar.bar.refresh()
"""


def on_a_terminal(program, columns):
    """What a terminal that wide shows of a program, by rows, each as it was last."""
    own, its = pty.openpty()
    ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([sys.executable, "-c", program], stdout=its, stderr=its) as process:
        os.close(its)
        shown = b""
        while True:
            try:
                shown += os.read(own, 65536)
            except OSError:  # the other end has gone
                break
        assert process.wait() == 0
    os.close(own)
    rows = shown.decode().replace("\x1b[A", "").split("\r\n")
    return [[part.rstrip() for part in row.split("\r") if part.strip()] for row in rows]


@pytest.mark.parametrize("columns", [80, 120])
def test_the_bar_shows_all_of_it_and_the_log_does_not_tear_it(columns):
    rows = on_a_terminal(PROGRAM, columns)
    parts = [part for row in rows for part in row]
    assert [p for p in parts if "log" in p] == ["gan-jax: a line of the log"]
    assert "compiling" in parts[0]
    last = rows[-2][-1]
    assert re.fullmatch(
        r"\|█+\| 200/200 [\d.]+it/s 00:00 left, disc 1.25 gen 0.50 real 75% fake 100%", last
    ), last
    assert all(len(part) <= columns for part in parts)


def test_elsewhere_there_are_plain_lines_now_and_then(capsys, monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock) * 4.0)
    with Progress(0, 60) as lines:
        for step in (20, 40, 60):
            lines.update(step, METRICS)
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("step 60/60 ")
    assert said[-1].endswith("it/s 0 s left, disc 1.25 gen 0.50 real 75% fake 100%")
    assert len(said) == 2
    assert not re.search(r"[\r\x1b]", "".join(said))


def test_the_rate_leaves_out_the_first_dispatch(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    lines = Progress(100, 400)
    now[0] = 50.0  # the compile
    assert lines.rate(200) == 2
    lines.update(200, METRICS)
    now[0] = 60.0
    assert lines.rate(300) == 10


def test_last_words_of_points():
    assert last_words(METRICS | {"eval/std": 1.0, "eval/mean": 3.98765, "eval/odd": None}) == [
        "disc_loss 1.25, gen_loss 0.5, disc is right on 75% of reals, 100% of fakes",
        "mean 3.988, odd not finite, std 1",
    ]


@pytest.mark.parametrize(("classes", "words"), [(2, "all 2 of 2"), (1, "1 of 2")])
def test_last_words_of_a_judge(classes, words):
    judged = {"classes": classes, "confidence": 0.93, "confidence_real": 0.95}
    judged |= {"accuracy_real": 0.961, "count_0": 400, "count_1": 600}
    lines = last_words({f"eval/{k}": v for k, v in judged.items()} | {"eval/fid": 3.25})
    assert lines == [
        "1000 samples judged by a classifier (96.1% right on held-out images): "
        f"{words} classes, mean confidence 0.93 (real images 0.95)",
        "samples of each class: 0: 400, 1: 600",
        "fid 3.25",
    ]


def test_last_words_of_labels():
    judged = {"classes": 2, "confidence": 0.93, "confidence_real": 0.95, "count_0": 400}
    judged |= {"count_1": 600, "label_accuracy": 0.926, "label_accuracy_0": 1.0}
    judged |= {"label_accuracy_1": 0.851, "accuracy_real": 0.961}
    words = "the class asked for in 93% of 1000 samples, by class: 0: 100%, 1: 85%"
    lines = last_words({f"eval/{k}": v for k, v in judged.items()})
    assert len(lines) == 3
    assert lines[2] == words
    named = last_words({f"eval/{k}": v for k, v in judged.items()}, ("cats", "dogs"))
    assert named[1] == "samples of each class: cats: 400, dogs: 600"
    assert named[2].endswith("by class: cats: 100%, dogs: 85%")
    of_reals = {"eval/label_accuracy_real": 0.947}
    assert last_words({f"eval/{k}": v for k, v in judged.items()} | of_reals)[2] == words.replace(
        "samples", "samples (held-out images: 95%)"
    )
    judged.pop("accuracy_real")  # no held-out image has a label
    lines = last_words({f"eval/{k}": v for k, v in judged.items()})
    assert lines == [
        words,
        "classes 2, confidence 0.93, confidence_real 0.95, count_0 400, count_1 600",
    ]
