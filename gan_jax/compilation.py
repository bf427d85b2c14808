"""Compiled programs are kept, so that the second start of a config is quick."""

import os
from pathlib import Path


def use_cache() -> None:
    """JAX's cache of compiled programs in the user's cache folder, unless they have said where."""
    import jax

    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(folder / "gan_jax" / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
