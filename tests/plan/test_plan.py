"""What a run would cost on a TPU that is not attached: names, the program, what is said."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
import tiny

from gan_jax import place as mesh
from gan_jax import plan
from gan_jax.cli import main
from gan_jax.games import make_setup
from gan_jax.host.errors import ConfigError
from gan_jax.place import Place
from gan_jax.plan import table, topology
from gan_jax.sweeps import cohort, train_rows
from gan_jax.training import program, steps
from gan_jax.training import run as train

EXPERIMENT = """
import sys
sys.path.insert(0, {tests!r})
import tiny
from gan_jax.sweeps.product import param, product, seeds

def get_config():
    return tiny.config(data__name="ring", steps=12)

SWEEPS = {{
    "rates": product(param("gen.lr", [1e-4, 1e-3]), seeds(3)),
    "sizes": param("batch_size", [8, 4]),
}}
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """An experiment in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "few.py"
    path.write_text(EXPERIMENT.format(tests=str(tiny.FOLDER)))
    return path


@pytest.fixture
def here(monkeypatch):
    """This machine's own devices in a TPU's place: their compiler needs no libtpu."""
    found = topology.Topology("v5e:1x1", topology.GENERATIONS["v5e"], jax.devices()[:1])
    monkeypatch.setattr(plan, "describe", lambda name: found)
    versions = topology.metadata.version
    monkeypatch.setattr(
        topology.metadata, "version", lambda name: "1.2" if name == "libtpu" else versions(name)
    )
    return found


# Names


@pytest.mark.parametrize(
    ("name", "gib", "axes"),
    [("v5e:16x16", 16, (16, 16)), ("v4:2x2x1", 32, (2, 2, 1)), ("v5p:4x4x8", 95, (4, 4, 8))],
)
def test_a_topologys_name(name, gib, axes):
    kind, found = topology.parse(name)
    assert (kind.hbm_gib, found) == (gib, axes)


def test_every_example_is_a_name():
    for first, kind in topology.GENERATIONS.items():
        for name in kind.examples.split(", "):
            assert name.startswith(f"{first}:")
            assert len(topology.parse(name)[1]) == kind.axes


WRONG = {
    "v5:2x2": "generation 'v5' is unknown: choose from v4, v5e, v5p, v6e. Did you mean 'v5",
    "nonsense": "generation 'nonsense' is unknown",
    "": "generation '' is unknown",
    "v5e": "'v5e': expected v5e:NxN, such as v5e:1x1",
    "v5e:16": "'v5e:16': expected v5e:NxN",
    "v5e:2x2x1": "expected v5e:NxN",
    "v4:2x2": "expected v4:NxNxN, such as v4:2x2x1",
    "v5e:0x2": "expected v5e:NxN",
    "v5e:2x2 ": "expected v5e:NxN",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_name_is_one_plain_line(name, file, capsys):
    assert main.main(["plan", "--config", str(file), "--topology", name]) == 78
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert WRONG[name] in err


@pytest.mark.parametrize(
    ("version", "says"),
    [
        (None, "plan needs libtpu, TPUs' compiler: pip install 'gan-jax[plan]'"),
        ("0.0.4", r"libtpu is 0.0.4: expected 0.0.42.* beside jax"),
        ("0.0.421", r"libtpu is 0.0.421: expected 0.0.42.* beside jax"),
    ],
)
def test_libtpu_has_to_be_there_and_fit(version, says, file, monkeypatch, capsys):
    def found(name):
        if version is None:
            raise topology.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(topology.metadata, "version", found)
    monkeypatch.setattr(
        topology.metadata, "requires", lambda name: ['libtpu==0.0.42.*; extra=="t"']
    )
    assert main.main(["plan", "--config", str(file), "--topology", "v5e:2x2"]) == 78
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_jax_says_which_libtpu_it_needs():
    assert any(line.startswith("libtpu") for line in topology.metadata.requires("jax"))


def test_a_sweep_that_is_not_there(here, file, capsys):
    words = ["plan", "--config", str(file), "--topology", "v5e:1x1", "--sweep", "rate"]
    assert main.main(words) == 78
    assert "sweep 'rate' is unknown: choose from rates, sizes" in capsys.readouterr().err


# The program


class _DispatchedError(Exception):
    """The first dispatch of a training, with the program that it was."""


@pytest.fixture
def anywhere(monkeypatch):
    """Training's first arguments are on no device in particular; where a plan's are is text."""
    monkeypatch.setattr(mesh, "SingleDeviceSharding", lambda device: None)
    monkeypatch.setattr(plan, "shardings", lambda devices: [None] * 5)


def spy(jitted):
    def dispatch(*args):
        raise _DispatchedError(jitted.lower(*args).as_text())

    return dispatch


def shapes(setup, run, start):
    """A state to lower a program for, without the compile that a new one takes."""
    return train.state_like(setup).replace(key=jax.random.key(0), step=jnp.zeros((), jnp.int32))


def test_what_is_planned_is_what_train_dispatches(anywhere, tmp_path, monkeypatch):
    config = tiny.config(data__name="ring")
    jit = program.jit_run
    monkeypatch.setattr(program, "jit_run", lambda setup, place: spy(jit(setup, place)))
    monkeypatch.setattr(train, "first_state", shapes)
    monkeypatch.setattr(Place, "replicate", lambda place, tree: tree)  # shapes are nowhere
    with pytest.raises(_DispatchedError) as dispatched:
        train.train(make_setup(config), tmp_path)
    assert plan.lower_run(make_setup(config), jax.devices()[:1]).as_text() == str(dispatched.value)


def test_a_run_takes_as_many_chips_as_it_has_devices(monkeypatch):
    monkeypatch.setattr(plan, "lower_run", lambda config, chips: chips)
    monkeypatch.setattr(plan, "costs", lambda lowered, config, topology: {"lowered": lowered})
    four = topology.Topology("v5e:2x2", topology.GENERATIONS["v5e"], "abcd")
    for devices, chips in ((1, "a"), (4, "abcd")):
        found = plan.of_run(make_setup(tiny.config(devices=devices)), four)
        assert (found["chips"], found["lowered"]) == (devices, chips)
    for devices in (2, 8):
        with pytest.raises(ConfigError, match=f"{devices}, and v5e:2x2 has 4 chips: expected a"):
            plan.of_run(make_setup(tiny.config(devices=devices)), four)


def test_what_is_planned_is_what_a_cohort_dispatches(anywhere, tmp_path, monkeypatch):
    configs = [
        tiny.config(seed=i, objective=name, data__name="ring", data__points=64)
        for i, name in enumerate(["hinge", "wgan"])
    ]
    jit = cohort.jit_rows
    monkeypatch.setattr(cohort, "jit_rows", lambda f, place: spy(jit(f, place)))
    workdirs = [tmp_path / str(i) for i in range(2)]
    with jax.debug_key_reuse(False), pytest.raises(_DispatchedError) as dispatched:
        train_rows.train_rows(configs, workdirs, tmp_path / "cohort")
    with jax.debug_key_reuse(False):
        planned = plan.lower_rows(configs, jax.devices()[:1], 2)
    assert planned.as_text() == str(dispatched.value)


def test_the_options_of_a_cpu_are_not_a_tpus(monkeypatch):
    """xla_cpu_... would be refused there; unless named, the platform is this machine's."""
    monkeypatch.setattr(jax, "jit", lambda f, **how: how["compiler_options"])
    assert steps.jit_loop(None, "tpu") is None
    assert steps.jit_loop(None, "cpu") == steps.jit_loop(None) != None  # noqa: E711


# What is said

TOO_LARGE = {"id": "run", "rows": 1, "chips": 1, "steps": 9, "fits": False, "error": "40G"}


def test_a_program_that_is_too_large_is_an_answer(here):
    class Lowered:
        def compile(self):
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Ran out of memory:\n used 40G.")

    found = plan.costs(Lowered(), tiny.config(), here)
    assert found["error"] == "RESOURCE_EXHAUSTED: Ran out of memory: used 40G"
    assert not found["fits"]


def test_the_command_prints_and_writes_the_same(here, file, capsys):
    words = ["plan", "--config", str(file), "--topology", "v5e:1x1", "--json", "plan.json"]
    with jax.debug_key_reuse(False):
        assert main.main([*words, "--sweep", "rates", "--config.batch_size=4"]) == 0
    out, err = capsys.readouterr()
    said = json.loads(Path("plan.json").read_text())
    assert err == ""
    assert out.splitlines() == list(table.to_lines(said))
    (cohort,) = said["cohorts"]
    assert (cohort["rows"], cohort["chips"], cohort["steps"]) == (6, 1, 12)
    parts = ("argument_bytes", "output_bytes", "temporary_bytes", "code_bytes")
    assert cohort["total_bytes"] == sum(cohort[p] for p in parts) - cohort["reused_bytes"]
    assert 0 < cohort["reused_bytes"] <= cohort["output_bytes"]
    assert cohort["step_seconds"] is None  # a CPU's compiler estimates nothing
    assert said["versions"]["libtpu"] == "1.2"
    assert said["command"].endswith("--sweep rates --config.batch_size=4")


@pytest.mark.parametrize("name", ["few.py/plan.json", "."])
def test_a_file_that_cannot_be_written_is_said_before_the_work(
    name, here, file, capsys, monkeypatch
):
    monkeypatch.setattr(plan, "of_run", None)
    words = ["plan", "--config", str(file), "--topology", "v5e:1x1", "--json", name]
    assert main.main(words) == 74
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert f"cannot write --json {name}: " in err


def test_the_file_may_be_in_a_folder_that_is_not_there_yet(here, file, monkeypatch):
    monkeypatch.setattr(plan, "of_run", lambda config, topology: TOO_LARGE)
    words = ["plan", "--config", str(file), "--topology", "v5e:1x1", "--json", "new/plan.json"]
    assert main.main(words) == 0
    assert json.loads(Path("new/plan.json").read_text())["cohorts"] == [TOO_LARGE]
