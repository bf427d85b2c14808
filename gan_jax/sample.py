"""Samples of a trained run: grids, GIFs and arrays, from its checkpoint."""

import io
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax import data, images, plots, records
from gan_jax.checkpoint import Checkpoints
from gan_jax.data import pipeline
from gan_jax.experiment import check
from gan_jax.game import make_setup
from gan_jax.steps import make_init, make_sampler
from gan_jax.types import Array, ConfigError, GanState, NoCheckpointError
from gan_jax.writer import read_config, writing

BATCH = 500  # samples made at a time
CORNERS = 8  # latents that a walk visits


def load_run(workdir: str | Path, step: int | None = None) -> tuple[ConfigDict, int, GanState]:
    """Config, step and state of a run: the newest checkpoint that can be trusted, or that of step.

    Reads config.json and the checkpoint only, and writes nothing.
    """
    config = config_lib.from_json(read_config(workdir))
    check(config)
    like = jax.eval_shape(
        make_init(config),
        jax.random.key(0),
        config_lib.hypers(config),
        jnp.zeros(make_setup(config).shape),
    )
    with Checkpoints(Path(workdir) / "checkpoints", read_only=True) as saved:
        found = saved.restore(like, step)
    if found is None:
        raise NoCheckpointError(f"no checkpoint in {workdir}: train it first")
    return config, *found


def write_samples(
    workdir: str | Path, out: str | Path, num: int, seed: int, step: int | None, walk: bool
) -> str:
    """Writes num samples to out: .png a grid, .gif a frame each or a walk, .npz x [num, ...].

    x is in [0, 1] for images, in data units for points. With walk the latents go round a closed path
    of eight. Returns a line that says what was written.
    """
    writers = {".png": _png, ".gif": _gif, ".npz": _npz}
    suffix = Path(out).suffix
    if suffix not in writers:
        raise ConfigError(f"--out is {str(out)!r}: expected a name that ends in .png, .gif or .npz")
    config, step, state = load_run(workdir, step)
    latent = make_setup(config).latent
    key = jax.random.key(seed)
    z = _closed_path(latent(key, CORNERS), num) if walk else latent(key, num)
    content = writers[suffix](config, _samples(config, state, z))
    with writing(Path(out)):
        records.write_atomically(Path(out), content)
    return f"{out}: {num} samples of step {step}"


def _closed_path(corners_NxZ: Array, num: int) -> Array:
    """num latents on a closed path through the corners, by the cosine and sine of an angle.

    Such a mix of two independent N(0, 1) is N(0, 1) again, where a straight line would shrink.
    """
    at = jnp.arange(num) * len(corners_NxZ) / num
    start = at.astype(int)
    angle = ((at - start) * jnp.pi / 2)[:, None]
    there = corners_NxZ[(start + 1) % len(corners_NxZ)]
    return jnp.cos(angle) * corners_NxZ[start] + jnp.sin(angle) * there


def _samples(config: ConfigDict, state: GanState, z: Array) -> np.ndarray:
    sample = jax.jit(make_sampler(config))
    parts = [np.asarray(sample(state, z[i : i + BATCH])) for i in range(0, len(z), BATCH)]
    x = np.concatenate(parts)
    is_image = data.spec(config.data.name, config.data.dir).kind == "image"
    return np.clip(pipeline.to_unit(x, config.data.low), 0, 1) if is_image else x


def _picture(config: ConfigDict, x: np.ndarray) -> np.ndarray:
    if x.ndim == 4:
        return images.grid(x)
    return plots.points(x)


def _png(config: ConfigDict, x: np.ndarray) -> bytes:
    return images.png_bytes(_picture(config, x))


def _npz(config: ConfigDict, x: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, x=x)
    return file.getvalue()


def _gif(config: ConfigDict, x: np.ndarray) -> bytes: ...
