"""Samples of a trained run: grids, GIFs and arrays, from its checkpoint."""

import io
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax import data, images, pointplots, records
from gan_jax.checkpoint import Checkpoints
from gan_jax.data import pipeline
from gan_jax.experiment import check, state_like
from gan_jax.game import make_setup
from gan_jax.steps import make_sampler
from gan_jax.types import Array, ConfigError, GanState, NoCheckpointError
from gan_jax.writer import read_config

BATCH = 500  # samples made at a time
CORNERS = 8  # latents that a walk visits


def load_run(workdir: str | Path, step: int | None = None) -> tuple[ConfigDict, int, GanState]:
    """Config, step and state of a run: the newest checkpoint that can be trusted, or that of step.

    Reads config.json and the checkpoint only, and writes nothing.
    """
    if not (Path(workdir) / "config.json").exists():
        raise NoCheckpointError(
            f"no run in {str(workdir)!r}: expected a --workdir of gan-jax train"
        )
    config = config_lib.from_json(read_config(workdir))
    check(config)
    with Checkpoints(Path(workdir) / "checkpoints", of=[config], read_only=True) as saved:
        found = saved.restore(state_like(config), step)
    if found is None:
        raise NoCheckpointError(f"no checkpoint in {workdir} yet: train it first")
    return config, *found


def write_samples(
    workdir: str | Path, out: str | Path, num: int, seed: int, step: int | None, walk: bool
) -> str:
    """Writes num samples to out: .png a grid, .npz x [num, ...], .gif a frame each.

    x is in [0, 1] for images, in data units for points, whose .png and .gif show all at once. With
    walk the latents go round a closed path of eight. Returns a line that says what was written.
    """
    out = Path(out)
    if out.suffix not in WRITERS:
        raise ConfigError(
            f"--out is {str(out)!r}: expected a name that ends in {', '.join(WRITERS)}"
        )
    records.write_named("--out", out, None)
    config, step, state = load_run(workdir, step)
    key = jax.random.key(seed)
    z = closed_path(config, key, num) if walk else make_setup(config).latent(key, num)
    records.write_named("--out", out, WRITERS[out.suffix](_samples(config, state, z)))
    return f"{out}: {num} samples of step {step}"


def closed_path(config: ConfigDict, key: Array, num: int) -> Array:
    """num latents [num, Z] on a closed path through CORNERS draws of the config's law.

    Between normal ones by the cosine and sine of an angle: such a mix of two independent N(0, 1) is
    N(0, 1) again, where a straight line would shrink. Between others straight, inside their range.
    """
    corners = make_setup(config).latent(key, CORNERS)
    at = jnp.arange(num) * CORNERS / num
    start = at.astype(int)
    way = (at - start)[:, None]
    here, there = corners[start], corners[(start + 1) % CORNERS]
    if config.latent.law == "normal":
        return jnp.cos(way * jnp.pi / 2) * here + jnp.sin(way * jnp.pi / 2) * there
    return (1 - way) * here + way * there


def _samples(config: ConfigDict, state: GanState, z: Array) -> np.ndarray:
    sample = make_sampler(config)
    is_image = data.spec(config.data.name, config.data.dir).kind == "image"

    @jax.jit
    def draw(z: Array) -> Array:
        x = sample(state, z)
        return jnp.clip(pipeline.to_unit(x, config.data.low), 0, 1) if is_image else x

    return np.concatenate([np.asarray(draw(z[i : i + BATCH])) for i in range(0, len(z), BATCH)])


def _picture(x: np.ndarray) -> np.ndarray:
    if x.ndim == 4:
        return images.grid(x)
    if not pointplots.available():
        raise ConfigError("a picture of points needs matplotlib: pip install 'gan-jax[demo]'")
    return pointplots.points(x)


def _png(x: np.ndarray) -> bytes:
    return images.png_bytes(_picture(x))


def _npz(x: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, x=x)
    return file.getvalue()


def _gif(x: np.ndarray) -> bytes:
    return images.animate(x if x.ndim == 4 else _picture(x)[None] / np.float32(255))


WRITERS: dict[str, Callable[[np.ndarray], bytes]] = {".png": _png, ".gif": _gif, ".npz": _npz}
