"""How the command line refuses its words, without importing JAX where that can be helped."""

from typing import Any, NoReturn

from gan_jax.host.errors import ConfigError

OVERRIDE = "--config."


def choose(kind: str, name: str, choices: Any, hint: str = "") -> str:
    """The name if it is one of the choices; else a ConfigError lists them."""
    if name in choices:  # without the slow import
        return name
    try:
        from gan_jax import config
    except (ImportError, ValueError) as broken:  # argparse would take it for a bad argument
        raise without_jax(broken) from broken

    return config.choose(kind, name, choices, hint)


def without_jax(broken: Exception) -> ConfigError:
    """What to say where JAX is not installed, or a variable JAX_... has no such value."""
    return ConfigError(f"JAX cannot be imported: {broken}")


def refuse(message: str) -> NoReturn:
    """One line about the command line, and exit code 78."""
    raise ConfigError(message)
