"""CycleGAN between Twitter's drawings and Google's, without telling it which belong together.

gan-jax data prepare emoji --from GOOGLE.tgz TWITTER.tgz
gan-jax train --config emoji_cyclegan --workdir runs/cyclegan
gan-jax train --config emoji_cyclegan:tiny --workdir runs/cyclegan_tiny
gan-jax evaluate --workdir runs/cyclegan --metrics translations,retrieval
gan-jax sample --workdir runs/cyclegan --inputs drawing.png --out google.png
gan-jax sweep --config emoji_cyclegan --workdir runs/cyclegan_terms
    with the cycle and the identity term, with either of them, and with neither

The settings are those of Zhu et al. 2017: least squares with the loss of disc halved, a cycle term
of weight 10 and an identity term of half that, pools of 50 translations, a batch of one, Adam with
rate 2e-4 and b1 0.5, a rate that falls linearly to 0 in the second half of training, weights from
N(0, 0.02). Their networks have width 64, 9 blocks and patches of 70x70 on 256x256 pixels, trained
for 200 epochs; here they are narrower, with 3 blocks and patches of 16x16 on 32x32 pixels, trained
for about two epochs.
"""

from gan_jax.config import choose
from gan_jax.config import get_config as defaults
from gan_jax.sweep import chain, param, product, seeds, zipit


def get_config(variant: str = "google"):
    c = defaults()
    c.game, c.objective = "cyclegan", "lsgan"
    c.data.name, c.data.size, c.data.paired = "emoji_pairs", 32, False
    c.steps, c.batch_size = 6_000, 1
    for player in (c.gen, c.disc):
        player.net, player.args.width, player.schedule = "cyclegan", 24, "half_linear"
    c.gen.args.blocks, c.disc.args.layers, c.disc.loss_scale = 3, 1, 0.5
    c.ema.decay = 0.995
    if choose("variant", variant, ("google", "tiny")) == "tiny":
        c.steps, c.data.size = 100, 16
        c.gen.args.width = c.disc.args.width = 8
        c.gen.args.blocks = 1
        c.log_every_steps = 50
        c.eval_every_steps = c.sample_every_steps = c.checkpoint_every_steps = 100
        c.eval_samples = 100
    return c


WITHOUT = chain(
    zipit(param("game_args.cycle", [10.0, 10.0]), param("game_args.identity", [0.5, 0.0])),
    zipit(param("game_args.cycle", [0.0]), param("game_args.identity", [0.0])),
)
SWEEPS = {"terms": product(WITHOUT, seeds(2)), "seeds": seeds(2)}
