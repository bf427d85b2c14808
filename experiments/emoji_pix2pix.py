"""pix2pix from Twitter's drawing of a thing to Google's. Isola et al. 2017.

gan-jax data prepare emoji --from GOOGLE.tgz TWITTER.tgz
gan-jax train --config emoji_pix2pix --workdir runs/pix2pix
gan-jax train --config emoji_pix2pix:tiny --workdir runs/pix2pix_tiny
gan-jax evaluate --workdir runs/pix2pix --metrics translations,retrieval
gan-jax sample --workdir runs/pix2pix --inputs drawing.png --out google.png
gan-jax sweep --config emoji_pix2pix --workdir runs/pix2pix_losses
    the paper's ablation: L1 alone, the GAN alone, both

The paper's settings are cross-entropy losses with that of disc halved, L1 with weight 100, Adam
with rate 2e-4 and b1 0.5, weights from N(0, 0.02), dropout in the first three layers of the decoder
and a batch of one. Its networks have width 64 and patches of 70x70 on 256x256 pixels, trained for
200 epochs; here they are narrower, with patches of 16x16 on 32x32 pixels, trained in batches of 16
for 30 epochs.
"""

from gan_jax.config import choose
from gan_jax.config import get_config as defaults
from gan_jax.sweep import chain, param, product, seeds


def get_config(variant: str = "google"):
    c = defaults()
    c.game = "pix2pix"
    c.data.name, c.data.size = "emoji_pairs", 32
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


SWEEPS = {
    "losses": product(
        chain(
            param("game_args.adversarial", [0.0]),
            param("game_args.l1", [0.0, 100.0]),
        ),
        seeds(2),
    ),
    "seeds": seeds(2),
}
