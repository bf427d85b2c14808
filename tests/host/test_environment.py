"""Environments that people have: no home, odd folders, variables of JAX, devices that are away."""

import os
import subprocess
import sys

import jax
import pytest

from gan_jax.host import environment
from gan_jax.host.errors import ConfigError


@pytest.fixture
def home(monkeypatch):
    """home(HOME, its name in the passwd file or None): None is without it."""

    def put(variable, entry=None):
        monkeypatch.delenv("HOME", raising=False)
        if variable is not None:
            monkeypatch.setenv("HOME", variable)
        monkeypatch.setattr(os.path, "expanduser", expanduser(entry, os.path.expanduser))

    return put


def expanduser(entry, real):
    """The standard library's, with that entry of this user."""

    def expand(path):
        return real(path) if "HOME" in os.environ or path != "~" else entry or path

    return expand


@pytest.mark.parametrize(
    ("variable", "entry", "there"),
    [
        ("/h", None, "/h"),
        ("/h/", None, "/h"),
        (None, "/of/passwd", "/of/passwd"),
        (None, None, None),
        ("", None, None),
        ("relative", None, None),
    ],
)
def test_home(variable, entry, there, home, monkeypatch):
    home(variable, entry)
    assert environment.expand("~/a/~") == (f"{there}/a/~" if there else None)
    assert environment.expand("a/~b") == "a/~b"
    assert environment.expand("~nobody-here/a") is None
    for base in ("", "relative/cache"):  # which the standard has ignored
        monkeypatch.setenv("XDG_CACHE_HOME", base)
        cache = environment.user_cache()
        assert cache == (environment.Path(there, ".cache/gan_jax") if there else None)
    monkeypatch.setenv("XDG_CACHE_HOME", "/c")
    assert environment.user_cache() == environment.Path("/c/gan_jax")
    if not there:
        with pytest.raises(ConfigError, match=r"^--out ~/a: ~ has no home folder here: give the "):
            environment.local_path("--out", "~/a", "file")


@pytest.mark.parametrize("name", ["a" * 300, "a/" * 2500, "aaaaaaa/" * 500])
def test_a_name_that_is_too_long_is_refused(tmp_path, name):
    """The last one is not, but the files inside would be."""
    with pytest.raises(
        ConfigError, match=r"^--workdir .* is too long a name: choose a shorter one$"
    ):
        environment.local_path("--workdir", f"{tmp_path}/{name}")
    assert environment.local_path("--workdir", f"{tmp_path}/{name[:200]}")


@pytest.fixture
def compiled():
    """JAX's folder of compiled programs, put back at the end."""
    before = jax.config.jax_compilation_cache_dir
    yield lambda: jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", before)


def test_where_compiled_programs_are_kept(compiled, monkeypatch, tmp_path, caplog, home):
    (tmp_path / "file").write_text("")
    home(str(tmp_path))
    for given, there in (
        (str(tmp_path / "a"), str(tmp_path / "a")),
        ("~/b", str(tmp_path / "b")),
        ("gs://bucket/c", "gs://bucket/c"),
        ("", ""),
    ):
        monkeypatch.setenv(environment.COMPILED, given)
        environment.settle()
        assert compiled() == there
    assert caplog.text == ""
    monkeypatch.setenv(environment.COMPILED, str(tmp_path / "file" / "c"))
    environment.settle()
    assert compiled() is None
    assert "compiled programs are not kept: cannot write" in caplog.text
    monkeypatch.delenv(environment.COMPILED)
    for variable, words in ((str(tmp_path / "file"), "Not a directory"), (None, "")):
        caplog.clear()
        monkeypatch.delenv("XDG_CACHE_HOME") if variable else None
        home(variable)
        environment.settle()
        assert compiled() is None
        assert words in caplog.text


ODD = {
    "JAX_ENABLE_X64": "1",
    "JAX_DEFAULT_PRNG_IMPL": "rbg",
    "JAX_THREEFRY_PARTITIONABLE": "0",
    "JAX_NUMPY_DTYPE_PROMOTION": "strict",
    "JAX_NUMPY_RANK_PROMOTION": "raise",
    "XDG_CACHE_HOME": "relative",
    "XDG_CONFIG_HOME": "relative",
}
NUMBERS = """
import jax
from gan_jax.host import environment
environment.settle()
key = jax.random.key(0)
x = jax.random.normal(key, (4,)) + jax.numpy.arange(4)[None]
import matplotlib.pyplot
print(x.dtype, x.tolist(), jax.random.bits(jax.random.split(key)[1]))
"""


def run(code, **variables):
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | variables,
        text=True,
        capture_output=True,
        check=False,
    )


def test_variables_change_no_numbers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    usual, odd = run(NUMBERS), run(NUMBERS, **ODD)
    assert usual.stdout.startswith("float32")
    assert (usual.returncode, usual.stderr) == (0, "")
    assert odd.stdout == usual.stdout
    assert list(tmp_path.iterdir()) == []
    assert "JAX_ENABLE_X64=1 is ignored: gan-jax sets it to False\n" in odd.stderr
    assert odd.stderr.count("is ignored") == odd.stderr.count("\n") == 5


DEVICES = """
import jax
from gan_jax.host import environment
from gan_jax.host.errors import ConfigError
for name in ("cuda", "nothing", ",", "cuda"):
    jax.config.update("jax_platforms", name)
    try:
        environment.check_devices()
    except ConfigError as error:
        print(error)
jax.config.update("jax_platforms", "cuda,cpu")
environment.check_devices()
"""


def test_devices_that_are_not_there():
    done = run(DEVICES)
    cuda, nothing, comma, again = done.stdout.splitlines()
    assert cuda == again
    assert cuda.startswith("JAX_PLATFORMS=cuda names no device that JAX can use here: set it to ")
    assert cuda.endswith("one of cpu, or unset it")
    assert "JAX_PLATFORMS=nothing names no device that JAX can use here (Unable to init" in nothing
    assert comma.startswith("JAX_PLATFORMS=, names")
    assert done.returncode == 0


@pytest.mark.parametrize("line", ["list objectives", "list objectivs"])
def test_a_variable_that_jax_does_not_understand_is_one_line(line):
    code = f"import sys; from gan_jax.cli.main import main; sys.exit(main({line.split()}))"
    done = run(code, JAX_ENABLE_X64="banana")
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.startswith("gan-jax: JAX cannot be imported: invalid truth value 'banana'")
    assert done.stderr.count("\n") == 1
