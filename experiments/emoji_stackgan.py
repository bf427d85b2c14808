"""StackGAN: drawings of emoji from their names, 32x32 pixels and then 64x64. Zhang et al. 2017.

gan-jax data prepare emoji --from GOOGLE.tgz TWITTER.tgz
gan-jax train --config emoji_stackgan --workdir runs/stage1
gan-jax train --config emoji_stackgan:stage2 --workdir runs/stage2 --init_from runs/stage1
gan-jax sample --workdir runs/stage2 --inputs "red heart" --out hearts.png
gan-jax train --config emoji_stackgan:tiny --workdir runs/stage1_tiny

The paper's settings are cross-entropy losses in which fakes and real pictures with wrong captions
weigh half each, the KL divergence of the captions' codes with weight 2 as in the authors' code,
Adam with rate 2e-4 and b1 0.5, batches of 64, 600 epochs in each stage with a rate that is halved
every 100, 64x64 pixels in stage I and 256x256 in stage II. There, a pretrained encoder reads the
captions; here, vectors of words are learned along with the networks. These are narrower, and each
stage takes 40 epochs.
"""

from gan_jax.config import choose
from gan_jax.config import get_config as defaults
from gan_jax.sweep import seeds

VARIANTS = ("stage1", "stage2", "tiny", "tiny2")


def get_config(variant: str = "stage1"):
    stage = 2 if choose("variant", variant, VARIANTS).endswith("2") else 1
    c = defaults()
    c.game, c.game_args.stage = "stackgan", stage
    c.data.name, c.data.size = "emoji", 32 * stage
    c.steps, c.batch_size = 2_120, 64
    for player in (c.gen, c.disc):
        player.net, player.args.width = "stackgan", 32
        player.args.code = 64
    c.ema.decay = 0.995
    c.eval_every_steps = c.sample_every_steps = c.checkpoint_every_steps = 500
    if variant.startswith("tiny"):
        c.steps, c.data.size, c.batch_size = 60, 16 * stage, 16
        c.gen.args.width = c.disc.args.width = 8
        c.log_every_steps = 20
        c.eval_every_steps = c.sample_every_steps = c.checkpoint_every_steps = 60
        c.eval_samples = 100
    return c


SWEEPS = {"seeds": seeds(2)}
