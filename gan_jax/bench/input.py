"""How fast batches of a set that stays on disk come to the device: gathered, and moved there."""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gan_jax.config import get_config
from gan_jax.data import Arrays, pipeline
from gan_jax.place import place_batch

SIZES = {"32": 32, "64": 64, "128": 128}  # pixels a side, in colour
CASES = list(SIZES)
BATCH, STEPS_AT_ONCE, FILE_MB = 64, 10, 256
STEPS = dict.fromkeys(CASES, 20 * BATCH * STEPS_AT_ONCE)  # images
UNIT = "images/s"
THEIRS: dict[str, str] = {}


def make_ours(case: str) -> tuple[Callable[[int], None], Callable[[], dict[str, Any]]]:
    """Batches of 64 in a random order from a memory-mapped file, ten a dispatch."""
    config = get_config()
    config.batch_size, config.log_every_steps, config.data.device_mb = BATCH, STEPS_AT_ONCE, 0
    source = pipeline.make_source(config, on_disk(SIZES[case]), place_batch())
    key, begun = jax.random.key(0), 0

    def run(images: int) -> None:
        nonlocal begun
        for _ in range(images // (BATCH * STEPS_AT_ONCE)):
            jax.block_until_ready(source(key, np.int32(begun)).examples)
            begun += STEPS_AT_ONCE

    return run, dict


def on_disk(size: int) -> Arrays:
    """Random images in a file that ends with this process."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shape = (FILE_MB * 2**20 // (3 * size * size), size, size, 3)
    x = np.lib.format.open_memmap(folder / "x.npy", "w+", np.uint8, shape)
    block = np.random.default_rng(0).integers(0, 256, (256, *shape[1:]), np.uint8)
    for first in range(0, len(x), len(block)):
        x[first : first + len(block)] = block[: len(x) - first]
    x.flush()
    return Arrays(np.load(folder / "x.npy", mmap_mode="r"), None)
