"""Two domains in the plane without pairs: eight Gaussians on a square's border and on a ring.

The set itself, domain b, is ring with its defaults; `other`, domain a, has eight modes at the
corners and side midpoints of a square (half side .5, sigma .01). The domains are drawn
independently: points of one have no partners in the other.
"""

import jax.numpy as jnp

from gan_jax.data import ring
from gan_jax.data.base import Spec
from gan_jax.data.support import mixture
from gan_jax.types import Array

centres = ring.centres
scale, sample, log_density = ring.scale, ring.sample, ring.log_density


def spec() -> Spec:
    """Points of the plane, in both domains."""
    return ring.spec()._replace(other=(2,))


def other_centres(sigma: Array | float = 0.01) -> Array:
    """The modes of domain a, [8, 2]."""
    places = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != (0, 0)]
    return 0.5 * jnp.asarray(places, jnp.float32)


other = mixture.around(other_centres).sample
