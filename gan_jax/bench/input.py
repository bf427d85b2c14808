"""How fast batches of a set on disk reach the device, and how much time a run loses to that.

The cases 32, 64 and 128 are pixels a side: batches are gathered and moved, and nothing else. The
case training is a run on 200,000 images of 64x64 in colour, 2.3 GiB, beside the same run with its
examples on the device.
"""

import atexit
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gan_jax.bench.stand_in import make_stand_in
from gan_jax.config import get_config, hypers
from gan_jax.data import Arrays, pipeline
from gan_jax.data.base import Spec
from gan_jax.place import place_batch
from gan_jax.training.program import jit_run
from gan_jax.training.steps import init_state

CASES = ["32", "64", "128", "training"]
BATCH, STEPS_AT_ONCE, FILE_MB = 64, 10, 256
SIDE, IMAGES, RESIDENT = 64, 200_000, 2_000  # of the run: pixels; images on disk, on the device
TURNS = 15  # of the two runs: one alone varies by 5 %
DISPATCHES = {"32": 20, "64": 20, "128": 20, "training": 2}
STEPS = {case: n * BATCH * STEPS_AT_ONCE for case, n in DISPATCHES.items()}  # images
UNIT = "images/s"
THEIRS: dict[str, str] = {}
Run = Callable[[int], None]  # runs on this many images


def make_ours(case: str) -> tuple[Run, Callable[[], dict[str, Any]]]:
    """Batches of 64 in a random order from a memory-mapped file, ten a dispatch."""
    if case == "training":
        return make_training()
    side = int(case)
    config = get_config()
    config.batch_size, config.log_every_steps, config.data.device_mb = BATCH, STEPS_AT_ONCE, 0
    arrays = on_disk(side, FILE_MB * 2**20 // (3 * side * side))
    source = pipeline.make_source(config, arrays, place_batch())
    key, begun = jax.random.key(0), 0

    def run(images: int) -> None:
        nonlocal begun
        for _ in range(images // (BATCH * STEPS_AT_ONCE)):
            jax.block_until_ready(source(key, np.int32(begun)).examples)
            begun += STEPS_AT_ONCE

    return run, dict


def make_training() -> tuple[Run, Callable[[], dict[str, Any]]]:
    """The run of experiments/folder.py on images from disk."""
    arrays = on_disk(SIDE, IMAGES)
    streamed = make_run(arrays, 0)

    def facts() -> dict[str, Any]:
        held = anonymous_mb()  # before the other run's examples are in memory
        resident = make_run(Arrays(np.array(arrays.x[:RESIDENT]), None), 2048)
        for each in (resident, streamed):
            seconds(each)  # compiles, and fills what is read ahead
        pairs = [[seconds(resident), seconds(streamed)] for _ in range(TURNS)]
        lost = statistics.median(1 - there / here for there, here in pairs)
        return {"lost_to_input": lost, "anonymous_mb": held}

    return streamed, facts


def seconds(run: Run) -> float:
    """Seconds of a dispatch."""
    start = time.perf_counter()
    run(BATCH * STEPS_AT_ONCE)
    return time.perf_counter() - start


def make_run(arrays: Arrays, device_mb: int) -> Run:
    """A function that trains on n more images."""
    spec = Spec(arrays.x.shape[1:], "image", {"train": len(arrays.x)}, 0)
    leaves = {"batch_size": BATCH, "log_every_steps": STEPS_AT_ONCE, "data.device_mb": device_mb}
    setup, place = make_stand_in("folder", spec, leaves), place_batch()
    many, source = jit_run(setup, place), pipeline.make_source(setup.config, arrays, place)
    key, numbers, begun = jax.random.key(0), hypers(setup.config), 0
    state = init_state(setup, key)

    def run(images: int) -> None:
        nonlocal state, begun
        for _ in range(images // (BATCH * STEPS_AT_ONCE)):
            state, _ = many(state, *source(key, begun), numbers, np.int32(STEPS_AT_ONCE))
            begun += STEPS_AT_ONCE
        jax.block_until_ready(state.step)

    return run


def anonymous_mb() -> float:
    """This process's memory that is not backed by a file, in MB."""
    text = Path("/proc/self/status").read_text()
    found = re.search(r"RssAnon:\s+(\d+) kB", text)
    return int(found[1]) / 1024 if found else float("nan")


def on_disk(side: int, count: int) -> Arrays:
    """Random images in a file that is deleted when this process ends."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    x = np.lib.format.open_memmap(folder / "x.npy", "w+", np.uint8, (count, side, side, 3))
    block = np.random.default_rng(0).integers(0, 256, (256, side, side, 3), np.uint8)
    for first in range(0, len(x), len(block)):
        x[first : first + len(block)] = block[: len(x) - first]
    x.flush()
    return Arrays(np.load(folder / "x.npy", mmap_mode="r"), None)


def remark(case: dict[str, Any]) -> str:
    """What a run loses, and what its process holds."""
    if "lost_to_input" not in case:
        return "batches alone"
    return f"{case['lost_to_input']:.1%} lost to input, {case['anonymous_mb']:.0f} MB held"
