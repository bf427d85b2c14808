"""The penalties that a config names: one as penalty.name, and more under penalties.

    disc's loss + weight * mean of each penalty, gen's loss + mean of each penalty's part for gen.

penalty.name has arguments, penalty.args, and may be applied only every n steps. The others are
applied in every step with their default arguments; --config.penalties.centring=0.01 names one and
sets its weight.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from ml_collections import ConfigDict

from gan_jax.config import choose
from gan_jax.config.declaration import NOT_NEGATIVE
from gan_jax.config.leaves import NOT_GIVEN, USUAL_WEIGHTS
from gan_jax.dynamics.schedule import between
from gan_jax.games.play import Play, terms
from gan_jax.games.play.terms import Case, Memory
from gan_jax.host.errors import ConfigError
from gan_jax.objectives.penalties import OF_SLOPES, WEIGHTS_TAKEN
from gan_jax.types import Array, Hypers, Metrics


class Penalty(NamedTuple):
    """A penalty that the config names."""

    name: str
    disc: Callable[..., tuple[Array, Memory]] | None  # a term of disc's loss
    gen: Callable[..., Array] | None  # (case, weight, **numbers) -> a weighted term of gen's loss
    place: int = 0  # 0: it is penalty.name; others: in the order of their names
    every: int = 1  # applied once in so many steps
    schedule: str = "constant"  # of the weight

    def weight(self, h: Hypers, step: Array | None) -> Array:
        """What its mean is multiplied by."""
        weight = h.penalties[self.name] if self.place else h.penalty["weight"]
        if self.schedule == "constant":
            return weight
        assert step is not None
        end, steps = h.game["penalty_weight_end"], h.game["penalty_schedule_steps"]
        return between(self.schedule, weight, end, steps, step)

    def arguments(self, h: Hypers) -> dict[str, Array]:
        """Its keyword arguments."""
        return {} if self.place else {k: v for k, v in h.penalty.items() if k != "weight"}

    def seen(self, case: Case) -> Case:
        """The case with the penalty's own key, and with disc given the labels of the right side."""
        if terms.sides(self.name) == "fake" and case.critic_of_fakes:
            case = case._replace(critic=case.critic_of_fakes)
        return case._replace(key=jax.random.fold_in(case.key, self.place)) if self.place else case

    @property
    def wants_slopes(self) -> bool:
        """Whether it needs the slopes at reals and fakes in every step."""
        return self.name in OF_SLOPES and self.every == 1


def named(config: ConfigDict) -> tuple[Penalty, ...]:
    """The penalties of a config. ConfigError for an unknown name or an invalid weight."""
    first = config.penalty.name
    found = [first] * (terms.penalty_term(first) is not None)
    for name, weight in config.penalties.items():
        choose("penalties", name, terms.PENALTY_TERMS)
        if name == first:
            raise ConfigError(f"penalties.{name}: penalty.name is {name!r} already")
        if type(weight) not in (int, float) or not NOT_NEGATIVE.test(weight):
            raise ConfigError(f"penalties.{name} is {weight!r}: expected {NOT_NEGATIVE.expected}")
    every, schedule = {first: config.penalty.every_steps}, {first: config.penalty.schedule}
    places = {name: place for place, name in enumerate(sorted(config.penalties), start=1)}
    return tuple(
        Penalty(
            name,
            None if name in terms.OF_GEN_ALONE else terms.PENALTY_TERMS[name],
            terms.GEN_TERMS.get(name),
            places.get(name, 0),
            every.get(name, 1),
            schedule.get(name, "constant"),
        )
        for name in (*found, *places)
    )


def check_weight(penalty: str, weight: float) -> None:
    """ConfigError if a penalty without a usual weight is not given one."""
    if weight != NOT_GIVEN:
        return
    is_asked = penalty in USUAL_WEIGHTS  # so the weight given is below 0
    lacks = f"not given, and penalty {penalty!r} has no usual one"
    taken = WEIGHTS_TAKEN.get(penalty)
    raise ConfigError(
        f"penalty.weight is {weight if is_asked else lacks}: expected a number of at least 0"
        f"{f', such as {taken}' if taken else ''}"
    )


def check_sizes(penalties: tuple[Penalty, ...], dim: int, shape: tuple[int, ...]) -> None:
    """ConfigError if a penalty compares latents with examples of a different size."""
    if "transport" in [each.name for each in penalties] and dim != math.prod(shape):
        raise ConfigError(
            f"penalty 'transport' compares an example with its latent, but latent.dim is {dim}: "
            f"expected {math.prod(shape)}, the size of an example"
        )


def penalize_disc(
    penalties: tuple[Penalty, ...], play: Play, h: Hypers, loss: Array, case: Case
) -> tuple[Array, Metrics, Memory]:
    """disc's loss with its penalties, the mean of each as a metric, and what they remember."""
    metrics: Metrics = {}
    for each in penalties:
        if each.disc:
            mean, memory = mean_penalty(each, play, h, each.seen(case))
            loss, case = loss + each.weight(h, play.step) * mean, case._replace(memory=memory)
            metrics[f"penalty_{each.name}" if each.place else "penalty"] = mean
    return loss, metrics, case.memory


def penalize_gen(penalties: tuple[Penalty, ...], h: Hypers, loss: Array, case: Case) -> Array:
    """gen's loss with its parts of the penalties."""
    for each in penalties:
        if each.gen:
            weight = each.weight(h, case.step)
            loss += each.gen(each.seen(case), weight, **each.arguments(h)).mean()
    return loss


def mean_penalty(penalty: Penalty, play: Play, h: Hypers, case: Case) -> tuple[Array, Memory]:
    """The mean penalty; with penalty.every_steps n, n times the mean in every n-th step, else 0."""
    term, every = penalty.disc, penalty.every
    assert term

    def now() -> tuple[Array, Memory]:
        penalty_B, memory = term(case, **penalty.arguments(h))
        return every * penalty_B.mean(), memory

    if every == 1:
        return now()
    return lax.cond(play.step % every == 0, now, lambda: (jnp.zeros(()), case.memory))
