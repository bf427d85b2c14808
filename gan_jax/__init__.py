"""gan_jax: a JAX/Flax laboratory for GAN objectives."""

__version__ = "0.1.0"
