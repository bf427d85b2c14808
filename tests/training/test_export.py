"""The exported generator gives a run's own samples, without gan_jax, for any number of them."""

import functools
import subprocess
import sys

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from ml_collections import ConfigDict
from test_readme import CODE
from test_sample import save_run

from gan_jax import nets
from gan_jax.games import make_setup
from gan_jax.host.errors import CannotWriteError, NoCheckpointError
from gan_jax.nets.layers import Labels
from gan_jax.training import export
from gan_jax.training.sample import Run
from gan_jax.training.steps import init_state

WITHOUT_GAN_JAX = """
import sys

class Blocked:
    def find_spec(self, name, *others):
        if name.partition(".")[0] in {"gan_jax", "flax", "optax", "orbax", "ml_collections"}:
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Blocked())
"""
OWN = """
import numpy

del sys.meta_path[0]
from gan_jax import load_run
numpy.savez("both.npz", exported=x, own=load_run("run").sample(n))
"""
LABELS = {"gen__condition": "concat", "data__name": "digits"}


def new_run(**leaves):
    """A run of no steps, whose average of gen is not gen."""
    setup = make_setup(tiny.config(**leaves))
    state = init_state(setup, jax.random.key(0))
    averages = {name: jax.tree.map(lambda a: a * 2 + 0.1, t) for name, t in state.averages.items()}
    return Run(setup, 0, state.replace(averages=averages))


@pytest.mark.parametrize("leaves", [{}, LABELS], ids=["points", "conditional"])
def test_the_readmes_loader_gives_the_runs_samples_without_gan_jax(leaves, tmp_path):
    """In a process of its own, compiled as for users."""
    save_run(tmp_path / "run", tiny.config(**leaves))
    export.export_generator(tmp_path / "run", tmp_path / "digits.jax")
    (loader,) = [block for block in CODE if "jax.export.deserialize" in block]
    code = f"{WITHOUT_GAN_JAX}{loader}{OWN}"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    with np.load(tmp_path / "both.npz") as both:
        assert both["own"].shape == ((64, 8, 8, 1) if leaves else (64, 1))
        assert len(np.unique(both["own"])) > 32
        np.testing.assert_array_equal(both["exported"], both["own"])


@pytest.mark.parametrize("condition", ["none", "concat", "norm"])
@pytest.mark.parametrize("name", nets.names())
def test_every_generator_can_be_traced_for_any_number(name, condition):
    """No network asks how many latents there are."""
    labels, args = Labels(condition, 3 if condition != "none" else 0), dict(tiny.args(name)[0])
    if condition == "norm":
        build = nets._FILES.module(name).Generator
        if not hasattr(build, "batch_norm"):
            return
        if "batch_norm" in build.__dataclass_fields__:
            args["batch_norm"] = True
    net = nets.make_generator(name, args, (8, 8, 1), "tanh", labels)
    (n,) = jax.export.symbolic_shape("n")
    one = (8, 8, 1) if net.translates else (5,)
    z, label = jax.ShapeDtypeStruct((n, *one), float), jax.ShapeDtypeStruct((n,), int)
    given = {"label": label} if labels.classes else {}
    params, vars = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((2, *one)))
    generate = functools.partial(net.apply, key=None, train=False)
    x, _ = jax.eval_shape(generate, params, vars, z, **given)
    assert x.shape == (n, 8, 8, 1)


def test_convolutions_and_labels_too():
    """Of any labels, and with the networks that are built otherwise on CPUs."""
    convolutions = {"gen__net": "dcgan", "gen__condition": "norm"}
    convolutions |= {"gen__args": ConfigDict({"channels": (4, 4)})}
    run = new_run(**LABELS | convolutions)
    z, label = run.setup.game.sampler.latent(jax.random.key(2), 5), [3, 3, 0, 9, 1]
    x = export.exported(run).call(z, jnp.asarray(label))
    np.testing.assert_array_equal(x, run.sample(5, 2, label))


def test_it_is_for_every_platform_and_holds_no_more_than_gen():
    program = export.exported(new_run(disc__args__hidden=(500, 500)))
    assert program.platforms == ("cpu", "cuda", "tpu")
    assert len(program.serialize()) < 10_000  # disc is a megabyte


@pytest.mark.parametrize(
    ("leaves", "words"),
    [
        ({}, "z [n, 2] from N(0, 1) -> [n, 1]"),
        (
            LABELS | {"latent__law": "uniform", "latent__low": 0.0},
            "z [n, 2] from U(0, 1), label [n] of 0 to 9 -> [n, 8, 8, 1] in [0, 1]",
        ),
        ({"game": "infogan"}, "z [n, 14] -> [n, 1]"),
        ({"game": "cyclegan", "data__name": "square_ring"}, "z [n, 2] -> [n, 2]"),
    ],
)
def test_its_line_says_how_it_is_called(leaves, words, tmp_path, monkeypatch):
    run = new_run(**leaves)
    monkeypatch.setattr(export, "load_run", lambda *args: run)
    said = export.export_generator("run", tmp_path / "gen.jax")
    assert said.startswith(f"{tmp_path / 'gen.jax'}: 0.")
    assert said.endswith(f" MB, gen of step 0: {words}")


def test_a_step_is_chosen_and_what_cannot_be_written_is_said_first(tmp_path):
    save_run(tmp_path / "run", tiny.config())
    assert "gen of step 3:" in export.export_generator(tmp_path / "run", tmp_path / "x", 3)
    with pytest.raises(NoCheckpointError, match="choose from 3, 7"):
        export.export_generator(tmp_path / "run", tmp_path / "x", 4)
    with pytest.raises(CannotWriteError, match="it is a folder"):
        export.export_generator("nowhere", tmp_path)
