"""What the values of a config must satisfy; `problems` lists everything that is wrong with one."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from gan_jax.config.declaration import Rule
from gan_jax.config.leaves import declared
from gan_jax.config.values import attempt, choose, flatten
from gan_jax.host.errors import ConfigError


class Refusal(NamedTuple):
    """A combination of leaves that is refused, and why. `leaves` is an example."""

    leaves: dict[str, Any]
    applies: Callable[[ConfigDict], bool]
    why: str


def _b2_changes(c: ConfigDict) -> bool:
    changed = [c[name] for name in ("gen", "disc") if c[name].b2_schedule != "constant"]
    return any(section.optimizer != "adam" for section in changed)


REFUSALS = (
    Refusal(
        {"disc.pack": 2, "disc.view": "moments"},
        lambda c: c.disc.pack > 1 and c.disc.view == "moments",
        "disc.pack above 1 joins samples, and disc.view 'moments' has joined the whole batch",
    ),
    Refusal(
        {"disc.view": "moments", "batch_size": 1},
        lambda c: c.disc.view == "moments" and c.batch_size == 1,
        "disc.view 'moments' takes a batch_size of at least 2: one sample has no spread",
    ),
    Refusal(
        {"disc.pack": 2, "eval_samples": 1},
        lambda c: c.disc.pack > c.eval_samples,
        "disc.pack is above eval_samples, which must fill at least one pack: raise eval_samples",
    ),
    Refusal(
        {"gen.rescale_gradient": 0.1, "gen.pull_decay": 0.9},
        lambda c: c.gen.rescale_gradient > 0 and c.gen.pull_decay > 0,
        "gen.rescale_gradient and gen.pull_decay both set the size of disc's gradient on gen",
    ),
    Refusal(
        {"disc.normalise": "gradient", "disc.net": "autoencoder", "objective": "began"},
        lambda c: c.disc.normalise == "gradient" and c.disc.net == "autoencoder",
        "disc.normalise 'gradient' bounds a logit by 1, and an energy is not a logit",
    ),
    Refusal(
        {"gen.batch_factor": 2, "disc.view": "moments"},
        lambda c: c.gen.batch_factor > 1 and c.disc.view == "moments",
        "gen.batch_factor above 1 shows disc larger batches than its own, and disc.view 'moments' "
        "joins the whole batch",
    ),
    Refusal(
        {"gen.b2_schedule": "cosine", "gen.optimizer": "rmsprop"},
        _b2_changes,
        "b2_schedule is for adam only: expected 'constant' with another optimizer",
    ),
)


def doubts(config: ConfigDict) -> list[str]:
    """Settings that are allowed but hardly intended in a single run; sweeps often contain them."""
    name, weight = config.penalty.name, config.penalty.weight
    is_free = not any(config.penalties.values()) and not (
        (name != "none" and weight) or config.disc.clip_weights or config.disc.normalise != "none"
    )
    doubted = {
        f"penalty {name} is off: penalty.weight is 0": name != "none" and not weight,
        f"penalty.weight {weight} has no effect: penalty.name is none": (
            name == "none" and weight > 0
        ),
        "nothing constrains disc, whose wgan objective is then unbounded: expected "
        "penalty.name=wgan_gp, disc.clip_weights=0.01 or disc.normalise=spectral": (
            config.objective == "wgan" and is_free
        ),
    }
    return [doubt for doubt, is_there in doubted.items() if is_there]


def check_value(path: str, value: Any) -> None:
    """ConfigError if a leaf of the right type has a value other than those declared for it."""
    values = declared(path).values
    if isinstance(values, Rule):
        if not values.test(value):
            raise ConfigError(f"{path} is {value!r}: expected {values.expected}")
    elif values:
        choose(path, value, values)


def problems(config: ConfigDict) -> list[str]:
    """One line for each problem. experiment.check also looks up the names of choices."""
    flat = flatten(config)
    found = [p for item in flat.items() for p in attempt(check_value, *item)]
    found += [
        f"{name} is {flat[name]}: expected a multiple of log_every_steps, {config.log_every_steps}"
        for name in ("eval_every_steps", "sample_every_steps", "checkpoint_every_steps")
        if config.log_every_steps > 0 and flat[name] % config.log_every_steps
    ]
    found += [
        f"{name} is {flat[name]}: expected a divisor of batch_size, {config.batch_size}"
        for name in ("disc.pack", "devices")
        if flat[name] > 0 and config.batch_size % flat[name]
    ]
    batches = config.steps * config.dynamics.k_disc  # counted in int32 on a device
    if batches >= 2**31 > max(config.steps, config.dynamics.k_disc):
        found.append(f"steps times dynamics.k_disc is {batches}: expected below {2**31}")
    found += [refusal.why for refusal in REFUSALS if refusal.applies(config)]
    if config.latent.law == "uniform" and not config.latent.low < config.latent.high:
        found.append(f"latent.low is {config.latent.low}: expected below {config.latent.high}")
    return found
