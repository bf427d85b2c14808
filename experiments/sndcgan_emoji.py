"""SNDCGAN at a quarter of its widths on emoji, by category, with and without DiffAugment.

gan-jax data prepare emoji --from GOOGLE.tgz TWITTER.tgz    # npm pack emoji-datasource-google ...
gan-jax train --config sndcgan_emoji --workdir runs/emoji                        # 32x32, Google's
gan-jax train --config sndcgan_emoji:plain --workdir runs/emoji_plain            # no DiffAugment
gan-jax train --config sndcgan_emoji:64 --workdir runs/emoji_64                  # 64x64
gan-jax train --config sndcgan_emoji:tiny --workdir runs/emoji_tiny              # a minute on a CPU
gan-jax sweep --config sndcgan_emoji --workdir runs/emoji_seeds                  # both, three seeds

The networks are those of Miyato et al. 2018 with widths of 16 to 128 instead of 64 to 512. As in
the paper's setting C there are spectral norm in disc, the hinge loss, Adam (.5, .999) and batches
of 64. With DiffAugment (Zhao et al. 2020, all three kinds) the rate is 5e-4 instead of 2e-4, as the
layers are narrow. Without it, all samples of two seeds of three were still alike after 600 steps at
that rate, so `plain` has the paper's.
Labels enter as in Miyato and Koyama 2018: conditional batch norm in gen, projection in disc.
Nothing is published for these data.

Cost: 9.3 GFLOP a step, 47 at 64x64. A run takes about 20 minutes on two cores, and is predicted to
take five times that at 64x64, which was not measured. What six runs reached stands in
experiments/results, made by

gan-jax sweep --config sndcgan_emoji --workdir runs/sndcgan_emoji \
    "--config.features.names=('efficientnet_lite0',)" --config.eval_every_steps=2000
"""

from gan_jax.config import choose
from gan_jax.config import get_config as defaults
from gan_jax.sweep import chain, param, product, seeds

VARIANTS = ("augmented", "plain", "64", "tiny")
DIFF_AUGMENT = "colour,translation,cutout"


def get_config(variant: str = "augmented"):
    c, variant = defaults(), choose("variant", variant, VARIANTS)
    c.data.name, c.data.size = "emoji", 64 if variant == "64" else 32
    c.objective = "hinge"
    c.gen.net = c.disc.net = "sndcgan"
    widths = (16, 32, 64, 128, 128) if variant == "64" else (16, 32, 64, 128)
    c.gen.args.channels, c.disc.args.channels = widths[::-1], widths
    c.gen.condition, c.disc.condition = "norm", "projection"
    c.disc.normalise, c.latent.dim = "spectral", 128
    c.disc.augment = "none" if variant == "plain" else DIFF_AUGMENT
    c.gen.lr = c.disc.lr = 2e-4 if variant == "plain" else 5e-4
    c.batch_size, c.steps = 64, 8_000
    c.grid_samples = 90  # ten of each category
    c.eval_every_steps = c.sample_every_steps = c.checkpoint_every_steps = 1_000
    return _tiny(c) if variant == "tiny" else c


def _tiny(c):
    c.data.size, c.batch_size, c.steps = 16, 32, 400
    c.gen.args.channels, c.disc.args.channels = (32, 16, 8), (8, 16, 32)
    c.gen.lr, c.disc.lr, c.ema.decay = 2e-3, 2e-3, 0.99
    c.log_every_steps = 50
    c.eval_every_steps = c.sample_every_steps = c.checkpoint_every_steps = 200
    return c


PLAIN = [{"disc.augment": "none", "gen.lr": 2e-4, "disc.lr": 2e-4}]
SWEEPS = {
    "seeds": product(chain(param("disc.augment", [DIFF_AUGMENT]), PLAIN), seeds(3)),
}
