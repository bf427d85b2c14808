"""Experiments, one file each, that a command names: `gan-jax train --config mnist_mlp`."""
