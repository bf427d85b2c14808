"""Eight Gaussians on a ring: PacGAN's table 1 and VEEGAN's, by the settings of two papers."""

import functools

from gan_jax.reproduce import modes

RECORDED, QUICK, shorten = modes.RECORDED, modes.QUICK, modes.shorten
PUBLISHED = modes.published(
    {
        "GAN": ((6.3, 0.5), (98.2, 0.2), (0.45, 0.09)),
        "PacGAN2": ((7.9, 0.1), (95.6, 2), (0.07, 0.03)),
        "PacGAN4": ((7.8, 0.1), (95.9, 1.4), (0.07, 0.02)),
    },
    ((1, 99.3), (7.6, 35.6)),
)
DEMO = "eight distinct modes: the demo's linspace repeats one and has seven"

run = functools.partial(modes.run, "ring", PUBLISHED, DEMO)
picture = functools.partial(modes.picture, "ring")
