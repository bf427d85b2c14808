"""Reads the environment: the home and cache folders, and the settings of JAX."""

import errno
import logging
import os
from pathlib import Path
from typing import Any

from gan_jax.host.errors import ConfigError

log = logging.getLogger(__name__)

PLATFORMS = "jax_platforms"
COMPILED = "JAX_COMPILATION_CACHE_DIR"
# Options of JAX that change a run's numbers or that its programs depend on, with the values they
# need. An environment variable with the same name in capitals would set them otherwise.
FIXED = {
    "jax_enable_x64": False,
    "jax_default_prng_impl": "threefry2x32",
    "jax_threefry_partitionable": True,
    "jax_numpy_dtype_promotion": "standard",
    "jax_numpy_rank_promotion": "allow",
}


def local_path(name: str, text: str, what: str = "folder") -> str:
    """A path on this machine, with ~ expanded as in a shell. Its ConfigErrors begin with `name`."""
    if not text.strip():
        raise ConfigError(f"{name} is empty: expected a {what}")
    if "://" in text:  # which Path would take for a local folder
        raise ConfigError(f"{name} {text} is remote: mount the bucket and give its folder")
    path = expand(text)
    if path is None:
        user = text.partition("/")[0]
        raise ConfigError(f"{name} {text}: {user} has no home folder here: give the whole path")
    if _is_long(path):
        raise ConfigError(f"{name} {text[:40]}... is too long a name: choose a shorter one")
    return path


def _is_long(path: str) -> bool:
    """Whether the path is too long for the file system here, or leaves no room for files inside."""
    try:
        os.stat(os.path.join(path, *["x" * 64] * 4))
    except OSError as error:
        return error.errno == errno.ENAMETOOLONG
    return False


def expand(path: str) -> str | None:
    """The path with ~ or ~user at its start expanded. None if there is no such home."""
    user, slash, rest = path.partition("/")
    if not user.startswith("~"):
        return path
    if user == "~" and not os.path.isabs(os.environ.get("HOME", "/")):
        return None
    home = os.path.expanduser(user)
    return home + slash + rest if os.path.isabs(home) else None


def user_cache() -> Path | None:
    """The folder for what gan_jax can make again. None if the user has no home."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # the XDG standard says to ignore a relative path
        base = expand("~/.cache") or ""
    return Path(base, "gan_jax") if base else None


def settle() -> None:
    """Makes JAX compute by its defaults, whatever variables say, and keep compiled programs.

    A relative XDG_... folder, which the standard says to ignore, is hidden from libraries.
    """
    import jax

    for variable in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        if not os.path.isabs(os.environ.get(variable, "/")):
            del os.environ[variable]
    for option, value in FIXED.items():
        variable = option.upper()
        if variable in os.environ and _plain(getattr(jax.config, option)) != value:
            log.warning(
                "%s=%s is ignored: gan-jax sets it to %s",
                *(variable, os.environ[variable], value),
            )
            jax.config.update(option, value)
    _keep_programs()


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)  # of an Enum


def _keep_programs() -> None:
    """Turns on JAX's cache of compiled programs, so that the second start of a config is quick.

    It is in the user's cache folder unless they set another; without a writable one there is none.
    """
    import jax

    given = os.environ.get(COMPILED)
    if given is None:
        cache = user_cache()
        folder = str(cache / "compiled") if cache else None
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    else:
        folder = given if "://" in given or not given else local_path(COMPILED, given)
    if folder and "://" not in folder and (problem := _problem(Path(folder))):
        log.warning("compiled programs are not kept: cannot write %s: %s", folder, problem)
        folder = None
    jax.config.update("jax_compilation_cache_dir", folder)


def _problem(folder: Path) -> str:
    """Why the folder cannot be written, or nothing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return error.strerror or str(error)
    return "" if os.access(folder, os.W_OK | os.X_OK) else "Permission denied"


def check_devices() -> None:
    """ConfigError if JAX finds no device of the kind that JAX_PLATFORMS names."""
    import jax
    from jax.extend import backend

    try:
        jax.devices()
        return
    except (RuntimeError, AssertionError) as error:  # JAX's assertion has no message
        words = " ".join(str(error).split()).partition(" (set JAX_PLATFORMS")[0]
    asked = getattr(jax.config, PLATFORMS)
    jax.config.update(PLATFORMS, None)
    found = ", ".join(sorted(backend.backends()))
    jax.config.update(PLATFORMS, asked)
    backend.clear_backends()  # else another call would quietly compute on what was found
    raise ConfigError(
        f"JAX_PLATFORMS={asked or ''} names no device that JAX can use here"
        f"{f' ({words})' if words else ''}: set it to one of {found}, or unset it"
    )
