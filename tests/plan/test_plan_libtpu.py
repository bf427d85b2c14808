"""Plans by libtpu itself, in processes of their own; skipped where it is not installed."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
from test_plan import EXPERIMENT

from gan_jax.plan import table

ROOT = tiny.FOLDER.parent
LIBTPU = ROOT / ".libtpu"  # where `make .libtpu` puts it


@pytest.fixture
def python(tmp_path, monkeypatch):
    """Runs Python beside few.py in a process of its own, where nothing says which platform."""
    if not (LIBTPU / "libtpu").is_dir() and importlib.util.find_spec("libtpu") is None:
        tiny.missing("plan", "libtpu", "make .libtpu")
    monkeypatch.chdir(tmp_path)
    Path("few.py").write_text(EXPERIMENT.format(tests=str(tiny.FOLDER)))
    env = {key: value for key, value in os.environ.items() if key != "JAX_PLATFORMS"}
    env["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    env["PYTHONPATH"] = os.pathsep.join([str(LIBTPU), str(ROOT)])

    def call(*words):
        command = [sys.executable, *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    return call


def test_a_cohort_compiled_for_four_chips(python):
    words = ["plan", "--config", "few.py", "--sweep", "rates", "--topology", "v5e:2x2"]
    done = python("-m", "gan_jax", *words, "--json", "plan.json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(Path("plan.json").read_text())
    (cohort,) = said["cohorts"]
    assert (said["chips"], said["hosts"], cohort["rows"], cohort["chips"]) == (4, 1, 6, 3)
    assert cohort["fits"]
    assert 0 < cohort["step_seconds"] < 1e-3
    assert cohort["run_seconds"] > 12 * cohort["step_seconds"]
    assert cohort["flops"] > 2 * 2 * 8 * 3 * (2 * 4 + 4 * 2)  # two rows: gen's products, thrice
    assert done.stdout.splitlines() == list(table.to_lines(said))
    assert not list(Path("cache").rglob("*train*"))  # what is kept could not be read again


NAMES = """
import subprocess, sys
import jax
from gan_jax.cli import main
from gan_jax.plan import topology
for kind in topology.GENERATIONS.values():
    for name in kind.examples.split(", "):
        sizes = (*topology.parse(name)[1], 1)
        assert len(topology.describe(name).chips) == sizes[0] * sizes[1] * sizes[2], name
again = "from gan_jax.plan import topology; topology.describe('v5e:2x2')"
subprocess.run([sys.executable, "-c", again], check=True)  # while this one has libtpu too
assert main.main(["plan", "--config", "few.py", "--topology", "v5e:3x3"]) == 78
assert jax.config.jax_platforms == "cpu"  # a TPU that is attached stays free
"""


def test_the_names_that_are_shown_work_and_others_are_one_plain_line(python):
    done = python("-c", NAMES)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("gan-jax: --topology 'v5e:3x3': INVALID_ARGUMENT")
    assert done.stderr.count("\n") == 1
