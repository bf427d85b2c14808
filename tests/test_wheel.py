"""A wheel built from the checkout holds the experiments, and they work from another folder."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest
import tiny

ROOT = tiny.FOLDER.parent
SOURCES = ("gan_jax", "experiments", "setup.py", "pyproject.toml", "README.md", "LICENSE", "NOTICE")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with what the wheel installs, built from a copy of the checkout."""
    copy, folder = (tmp_path_factory.mktemp(name) for name in ("copy", "installed"))
    for name in SOURCES:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", copy, copy]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "No matching distribution found for setuptools" in done.stderr:
        tiny.missing("wheel", "setuptools", "pip finds none to build with")
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(copy.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder


@pytest.mark.slow
def test_a_wheels_experiments_work_from_another_folder(installed, tmp_path):
    assert not (installed / "experiments").exists()
    licences = {path.name for path in installed.glob("*.dist-info/licenses/*")}
    assert licences == {"LICENSE", "NOTICE"}
    files = {path.name for path in (installed / "gan_jax" / "experiments").iterdir()}
    assert files == {"__init__.py", *(path.name for path in tiny.EXPERIMENTS)}

    def program(*words):
        environment = os.environ | {"PYTHONPATH": str(installed)}
        code = f"import sys, gan_jax; assert gan_jax.__file__.startswith({str(installed)!r})\n"
        code += "from gan_jax.cli.main import main; sys.exit(main())"
        command = [sys.executable, "-P", "-c", code, *words]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    listed = [line.split()[0] for line in program("list", "experiments").splitlines()]
    assert listed == [path.stem for path in tiny.EXPERIMENTS]
    words = ["--config.steps=2", "--config.batch_size=8", "--config.eval_samples=20"]
    assert "done at step 2" in program(
        "train", "--config", "gaussian1d:raw", "--workdir", "run", *words
    )
    code = "import gan_jax.experiments.mnist_mlp as m; assert m.get_config('demo').steps == 6000"
    environment = os.environ | {"PYTHONPATH": str(installed)}
    subprocess.run([sys.executable, "-P", "-c", code], env=environment, cwd=tmp_path, check=True)
