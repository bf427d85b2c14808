"""A trained generator as one file that needs jax to run, but not gan_jax."""

from pathlib import Path

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from gan_jax.games.play.parts import make_latent
from gan_jax.host import files
from gan_jax.training.sample import Run, load_run, make_draw

PLATFORMS = ("cpu", "cuda", "tpu")


def export_generator(workdir: str | Path, out: str | Path, step: int | None = None) -> str:
    """Writes the generator of a run's checkpoint to out; returns a line that says how to call it.

    Raises NoCheckpointError without a checkpoint, and CannotWriteError, before any work, if out
    cannot be written.
    """
    out = Path(out)
    files.write_named("--out", out, None)
    run = load_run(workdir, step)
    program = exported(run)
    content = program.serialize()
    files.write_named("--out", out, bytes(content))
    return f"{out}: {len(content) / 1e6:.3g} MB, gen of step {run.step}: {_call(run, program)}"


def exported(run: Run) -> jax.export.Exported:
    """The program z [n, Z], and label [n] of a conditional run -> samples [n, ...], for any n.

    It contains the weights, those of the average of gen if there is one. Samples are in the same
    range as those of Run.sample.
    """
    sampler = run.setup.game.sampler
    (n,) = jax.export.symbolic_shape("n")
    if sampler.of == "other":
        assert run.setup.data.spec.other
        z = jax.ShapeDtypeStruct((1, *run.setup.data.spec.other), jnp.float32)
    elif sampler.of:
        z = jax.ShapeDtypeStruct((1, run.setup.data.spec.text_length), jnp.int32)
    else:
        z = jax.eval_shape(lambda key: sampler.latent(key, 1), jax.random.key(0))
    given = [jax.ShapeDtypeStruct((n, *z.shape[1:]), z.dtype)]
    if sampler.classes:
        given.append(jax.ShapeDtypeStruct((n,), jnp.int32))
    draw = jax.jit(make_draw(run.setup, run.state))
    return jax.export.export(draw, platforms=PLATFORMS)(*given)


def _call(run: Run, program: jax.export.Exported) -> str:
    """The program's inputs and outputs, in words."""
    classes = run.setup.game.sampler.classes
    words = f"z {_shape(program.in_avals[0])}{_law(run)}"
    words += f", label [n] of 0 to {classes - 1}" if classes else ""
    unit = " in [0, 1]" if run.setup.data.is_image else ""
    return f"{words} -> {_shape(program.out_avals[0])}{unit}"


def _law(run: Run) -> str:
    """What z holds, in words: inputs, or latents with their distribution; else empty."""
    latent, of = run.config.latent, run.setup.game.sampler.of
    if of:
        return ", pictures in [0, 1]" if of == "other" else ", texts as numbers of words"
    draws = run.setup.game.sampler.latent, make_latent(latent)
    z, by_law = (np.asarray(draw(jax.random.key(0), 2)) for draw in draws)
    if not np.array_equal(z, by_law):
        return ""
    uniform = f"U({latent.low:g}, {latent.high:g})"
    return f" from {'N(0, 1)' if latent.law == 'normal' else uniform}"


def _shape(aval: jax.core.ShapedArray) -> str:
    return f"[{', '.join(map(str, aval.shape))}]"
