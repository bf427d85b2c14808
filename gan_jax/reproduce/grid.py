"""Twenty-five Gaussians on a grid: PacGAN's table 1 and VEEGAN's, by the settings of two papers."""

import functools

from gan_jax.reproduce import modes

RECORDED, QUICK, shorten = modes.RECORDED, modes.QUICK, modes.shorten
PUBLISHED = modes.published(
    {
        "GAN": ((17.3, 0.8), (94.8, 0.7), (0.70, 0.07)),
        "PacGAN2": ((23.8, 0.7), (91.3, 0.8), (0.13, 0.04)),
        "PacGAN4": ((24.8, 0.2), (93.6, 0.6), (0.04, 0.01)),
    },
    ((3.3, 0.5), (23.6, 16)),
)
DEMO = "25 modes on a grid: the demo has a ring"

run = functools.partial(modes.run, "grid", PUBLISHED, DEMO)
picture = functools.partial(modes.picture, "grid")
