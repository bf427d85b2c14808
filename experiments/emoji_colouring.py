"""Colour for grey drawings: pix2pix from the brightness of a drawing to the drawing itself.

gan-jax data prepare emoji --from GOOGLE.tgz TWITTER.tgz
gan-jax train --config emoji_colouring --workdir runs/colouring
gan-jax train --config emoji_colouring:tiny --workdir runs/colouring_tiny
gan-jax evaluate --workdir runs/colouring --metrics translations,retrieval
gan-jax sample --workdir runs/colouring --inputs photo.png --out coloured.png

Isola et al. 2017 colour photographs of 256x256 pixels in the colour space Lab; here gen outputs all
three channels of RGB. Everything else is as in emoji_pix2pix.
"""

from gan_jax.config import choose
from gan_jax.config import get_config as defaults
from gan_jax.sweep import seeds


def get_config(variant: str = "google"):
    c = defaults()
    c.game = "pix2pix"
    c.data.name, c.data.size = "emoji_grey", 32
    c.steps, c.batch_size = 6_000, 16
    for player in (c.gen, c.disc):
        player.net, player.args.width = "pix2pix", 32
    c.disc.args.layers, c.disc.loss_scale = 1, 0.5
    c.ema.decay = 0.995
    if choose("variant", variant, ("google", "tiny")) == "tiny":
        c.steps, c.data.size, c.batch_size = 200, 16, 8
        c.gen.args.width = c.disc.args.width = 8
        c.log_every_steps = 50
        c.eval_every_steps = c.sample_every_steps = c.checkpoint_every_steps = 100
        c.eval_samples = 100
    return c


SWEEPS = {"seeds": seeds(2)}
