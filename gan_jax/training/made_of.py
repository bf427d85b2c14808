"""Samples that a run makes from inputs: translations of pictures, drawings of captions.

The inputs come from --inputs, or else from the examples that the run held out.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.data.base import Spec
from gan_jax.data.support import own_pixels, words
from gan_jax.data.support.own_files import PICTURES, shown
from gan_jax.evaluate.evaluators.draws import unit
from gan_jax.evaluate.evaluators.truth import has_partners
from gan_jax.evaluate.pictures import grid as images
from gan_jax.games import Setup
from gan_jax.host import files
from gan_jax.host.compiling import jit_quickly
from gan_jax.host.errors import ConfigError, DataCorruptError, DataMissingError
from gan_jax.training.sample_files import WRITERS, check_number
from gan_jax.types import Array, State

log = logging.getLogger(__name__)
OF_EACH = {"other": 1, "text": 8}  # samples of each input, unless --num says
HELD_OUT = 16  # held-out examples shown when no inputs are given
BATCH = 500  # samples made at a time


def write(
    out: Path, setup: Setup, state: State, seed: int, inputs: str | None, num: int | None
) -> int:
    """Writes samples to out, and returns how many; a .png shows them beside their inputs."""
    some = given(setup, inputs, num)
    check_number(out, len(some), setup.data.spec.shape)
    parts = samples(setup, state, some, seed)
    if out.suffix == ".png":
        made = np.concatenate(list(parts))
        picture = images.grid(*side_by_side(setup, some, made, inputs, num))
        files.write_named("--out", out, images.png_bytes(picture))
    else:
        WRITERS[out.suffix](out, len(some), parts, None)
    return len(some)


def given(setup: Setup, inputs: str | None, num: int | None) -> np.ndarray:
    """The inputs to make samples of: pictures [n, H, W, C] in [0, 1], or texts int32 [n, T].

    inputs: a picture or a folder of them; a caption, or a file with a caption a line. Each is
    repeated num times in a row. None: the first num held-out examples. Raises ConfigError for bad
    inputs, DataMissingError and DataCorruptError for files.
    """
    of = setup.game.sampler.of
    if inputs is None:
        held_out = getattr(setup.data.held_out(), of)
        if num is not None and num > len(held_out):
            raise ConfigError(
                f"--num is {num}: expected at most {len(held_out)}, the examples held out, without "
                "--inputs"
            )
        some = held_out[: num or HELD_OUT]
        return unit(some) if of == "other" else some
    read = {"other": _pictures, "text": _texts}[of]
    return np.repeat(read(inputs, setup.data.spec), num or OF_EACH[of], axis=0)


def samples(setup: Setup, state: State, given_N: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """The run's samples of each input, in their shown range, up to BATCH at a time."""
    make, key = jit_quickly(make_of(setup)), jax.random.key(seed)
    for i in range(0, len(given_N), BATCH):
        keyed = state.replace(key=jax.random.fold_in(key, i))
        yield np.asarray(make(keyed, given_N[i : i + BATCH]))


def make_of(setup: Setup):
    """f(state, pictures in [0, 1] or texts [n, ...]) -> samples in their shown range, [n, ...]."""
    sampler, data = setup.game.sampler, setup.data

    def made(state: State, given: Array) -> Array:
        if sampler.of == "other":
            given = given * (1 - data.low) + data.low
        return jnp.clip(data.to_unit(sampler.sample(state, given, None)), 0, 1)

    return made


def side_by_side(
    setup: Setup, given_N: np.ndarray, made_N: np.ndarray, inputs: str | None, num: int | None
) -> tuple[np.ndarray, int]:
    """The images of a grid, and how many of them make a row.

    A row is an input and what was made of it; for held-out examples also what should have been
    made. Captions are not shown.
    """
    of = setup.game.sampler.of
    each = 1 if inputs is None else num or OF_EACH[of]
    rows = [made_N.reshape(-1, each, *made_N.shape[1:])]
    if of == "other":
        rows.insert(0, given_N[::each][:, None])
    if inputs is None and (of == "text" or has_partners(setup.data)):
        rows.append(unit(setup.data.held_out().x[: len(given_N)])[:, None])
    channels = max(x.shape[-1] for x in rows)
    whole = np.concatenate([np.broadcast_to(x, (*x.shape[:-1], channels)) for x in rows], 1)
    columns = whole.shape[1]
    return whole.reshape(-1, *whole.shape[2:]), columns * max(
        1, round((len(whole) / columns) ** 0.5)
    )


def _pictures(inputs: str, spec: Spec) -> np.ndarray:
    path = Path(inputs)
    assert spec.other
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES and p.is_file())
        files = [file for file in files if not file.name.startswith(".")]
    else:
        files = [path] if path.is_file() else []
    if not files:
        raise DataMissingError(
            f"--inputs is {shown(inputs)!r}, where there is no picture: expected a picture or a "
            f"folder of pictures that end in {', '.join(PICTURES)}"
        )
    return unit(np.stack([_picture(file, spec.other) for file in files]))


def _picture(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    try:
        return own_pixels.picture(str(file), shape)
    except ValueError as error:
        raise DataCorruptError(
            f"--inputs: {shown(str(file))} cannot be read as an image ({error}): replace or remove "
            "it"
        ) from error


def _texts(inputs: str, spec: Spec) -> np.ndarray:
    texts = [inputs]
    if Path(inputs).is_file():
        texts = Path(inputs).read_text(errors="replace").splitlines()
    texts = [text for text in texts if words.words_of(text)]
    known = set(spec.vocabulary)
    new = sorted({word for text in texts for word in words.words_of(text)} - known)
    if not texts or all(set(words.words_of(text)) <= set(new) for text in texts):
        raise ConfigError(
            f"--inputs is {inputs!r}: expected a caption with a word that the run was "
            f"trained with, such as {', '.join(spec.vocabulary[2:200:40])}"
        )
    if new:
        log.warning("words that no caption of the training set has: %s", ", ".join(new))
    return words.numbered(texts, spec.vocabulary, spec.text_length)
