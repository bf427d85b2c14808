"""Strict: silent broadcasting raises, a key used twice raises, warnings are errors."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import pytest

from gan_jax.host import compiling, environment

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)
# Programs of tests are small and run once or twice: their time is their compiler's. What tests
# start in processes of their own is compiled as for users.
jax.config.update("jax_disable_most_optimizations", True)
compiling.QUICKLY["xla_backend_optimization_level"] = 0


@pytest.fixture(autouse=True, scope="session")
def caches(tmp_path_factory):
    """Decoded data and compiled programs are a test run's own; its processes share them."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        environment.settle()  # a program that two tests need is compiled once
        yield folder
