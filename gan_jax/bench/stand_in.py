"""An experiment on data that are only described: to compile and time programs, not to learn."""

from collections.abc import Mapping
from typing import Any

from gan_jax.config.file import load_module, split_arg
from gan_jax.data import open_data
from gan_jax.data.base import Spec
from gan_jax.games import Setup, gan
from gan_jax.games.play.parts import make_parts


def make_stand_in(experiment: str, spec: Spec, leaves: Mapping[str, Any]) -> Setup:
    """The setup of its get_config() with these leaves; the data themselves need not exist."""
    config = load_module(split_arg(experiment)[0]).get_config()
    config.data.name, config.data.size, config.data.channels = "mnist5k", 0, 0
    config.update_from_flattened_dict(dict(leaves))
    data = open_data(config)._replace(spec=spec)
    return Setup(config, data, gan.make(make_parts(config, data)))
