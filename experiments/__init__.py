"""Experiments, one file each; commands use their names: `gan-jax train --config mnist_mlp`."""
