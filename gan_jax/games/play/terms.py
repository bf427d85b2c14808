"""Objectives and penalties as the game calls them: terms computed from one draw and disc on it.

The tables of objectives and penalties hold functions of logits, or of a critic and data. Some terms
need more: an autoencoder's encodings, averages that persist between steps, or gen. So a term takes
a Case and its numbers, and returns its value and its new memory.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.config import choose
from gan_jax.config.arguments import numbers_of
from gan_jax.dynamics.schedule import between
from gan_jax.host.errors import ConfigError
from gan_jax.objectives import ENERGY_OBJECTIVES, OBJECTIVES, began, ebgan, feature_matching, gan_qp
from gan_jax.objectives.consistency import zcr_disc, zcr_gen
from gan_jax.objectives.penalties import (
    OF_SLOPES,
    PENALTIES,
    Local,
    centring,
    lecam,
    update_means,
)
from gan_jax.objectives.samples import transport
from gan_jax.types import Array, Critic, Losses

Memory = dict[str, Array]  # what terms keep from one update of disc to the next


class Case(NamedTuple):
    """Everything a term may use: the draw's examples as disc sees them, disc's logits, and more."""

    real: Array  # [B, ...]
    fake: Array  # [B, ...]
    real_B: Array  # logits
    fake_B: Array
    critic: Critic  # disc on any x
    encode: Callable[[Array], Array]  # x -> [B, F], only if disc is an autoencoder
    generate: Callable[[Array], Array]  # z [B, Z] -> x as disc sees it
    z: Array  # the latents of the fakes
    key: Array
    memory: Memory
    labels: tuple[Array | None, Array | None] = (None, None)  # of reals and fakes, as seen
    real_heads: Mapping[str, Array] = {}  # the outputs of disc's further heads
    fake_heads: Mapping[str, Array] = {}
    critic_of_fakes: Critic | None = None  # with their labels, if these differ from the reals'
    mean_features: Callable[[Array], Array] | None = None  # x -> mean of disc's last features
    direction: tuple[Array, Array] | None = None  # the logits, as functions of w's direction only
    own: Array | None = None  # gen's samples themselves [B, ...], before noise and views
    step: Array | None = None  # int32
    around: tuple[Local, Local] | None = None  # disc's slopes too, if the logits' pass gave them


def _of_logits(objective: Callable[..., Losses]) -> Callable[..., tuple[Losses, Memory]]:
    @functools.wraps(objective)
    def term(case: Case, **numbers: Array) -> tuple[Losses, Memory]:
        return objective(case.real_B, case.fake_B, **numbers), case.memory

    return term


@functools.wraps(began)
def _began(case: Case, **numbers: Array) -> tuple[Losses, Memory]:
    losses, k = began(-case.real_B, -case.fake_B, case.memory["balance"], **numbers)
    return losses, case.memory | {"balance": k}


@functools.wraps(ebgan)
def _ebgan(case: Case, **numbers: Array) -> tuple[Losses, Memory]:
    codes = case.encode(case.fake)
    return ebgan(-case.real_B, -case.fake_B, codes, **numbers), case.memory


@functools.wraps(gan_qp)
def _gan_qp(case: Case, **numbers: Array) -> tuple[Losses, Memory]:
    return gan_qp(case.real_B, case.fake_B, case.real, case.fake, **numbers), case.memory


@functools.wraps(feature_matching)
def _feature_matching(case: Case, **numbers: Array) -> tuple[Losses, Memory]:
    assert case.mean_features
    means = case.mean_features(case.real), case.mean_features(case.fake)
    return feature_matching(case.real_B, case.fake_B, *means, **numbers), case.memory


OBJECTIVE_TERMS: dict[str, Callable[..., tuple[Losses, Memory]]] = {
    **{name: _of_logits(objective) for name, objective in OBJECTIVES.items()},
    "gan_qp": _gan_qp,
    "feature_matching": _feature_matching,
    "began": _began,
    "ebgan": _ebgan,
}
OF_FEATURES = ("feature_matching",)  # of disc's last hidden layer
# Elementwise objectives cost nothing next to the networks, so rows that differ only in these share
# one program that contains them all.
OF_LOGITS = tuple(n for n in OBJECTIVE_TERMS if n not in (*ENERGY_OBJECTIVES, *OF_FEATURES))


def _of_critic(penalty: Callable[..., Array]) -> Callable[..., tuple[Array, Memory]]:
    @functools.wraps(penalty)
    def term(case: Case, **numbers: Array) -> tuple[Array, Memory]:
        return penalty(case.critic, case.real, case.fake, case.key, **numbers), case.memory

    return term


def _of_slopes(name: str) -> Callable[..., tuple[Array, Memory]]:
    """The named penalty, computed from the slopes of the logits' pass if there are any."""

    @functools.wraps(OF_SLOPES[name])
    def term(case: Case) -> tuple[Array, Memory]:
        if case.around is None:
            return PENALTIES[name](case.critic, case.real, case.fake, case.key), case.memory
        return OF_SLOPES[name](*case.around), case.memory

    return term


@functools.wraps(centring)
def _centring(case: Case) -> tuple[Array, Memory]:
    return centring(case.real_B, case.fake_B), case.memory


def lecam_term(case: Case, *, decay=0.99) -> tuple[Array, Memory]:
    """relu(s_x - ema_fake)^2 + relu(ema_real - s_g)^2. Tseng et al. 2021, the released variant.

    The moving averages, of the given decay, include this update's logits and start at the first.
    """
    means = case.memory["mean_real"], case.memory["mean_fake"]
    count = case.memory["updates"]
    slow = jnp.where(count > 0, decay, 0.0)
    real, fake = update_means(*means, case.real_B, case.fake_B, decay=slow)
    memory = {"mean_real": real, "mean_fake": fake, "updates": count + 1}
    return lecam(case.real_B, case.fake_B, real, fake), case.memory | memory


def zcr_term(case: Case, *, scale=0.1, gen_weight=0.0) -> tuple[Array, Memory]:
    """(s_G(z) - s_G(z + dz))^2 with dz = scale * N(0, 1). Zhao et al. 2021.

    scale is in the units of the latent. gen_weight is that of gen's term, zcr_gen_term.
    """
    return zcr_disc(case.critic, case.generate, case.z, _nearby(case, scale)), case.memory


def zcr_gen_term(case: Case, weight: Array, *, scale=0.1, gen_weight=0.0) -> Array:
    """gen_weight * -norm2(G(z) - G(z + dz))^2, with the same dz as in disc's term of the draw."""
    return gen_weight * zcr_gen(case.generate, case.z, _nearby(case, scale))


def _nearby(case: Case, scale: Array | float) -> Array:
    return scale * jax.random.normal(case.key, case.z.shape, case.z.dtype)


def transport_term(case: Case, weight: Array, *, end=1.0, steps=0.0) -> Array:
    """gen's weight * mean over dimensions of (G(z) - z)^2: favours the map that moves z least.

    Lin et al. 2025 (adversarial flow models). The weight falls along a cosine to `end` times itself
    over `steps`; with 0 steps it is constant. In the paper it falls from 0.2 to 0.005: end 0.025.
    """
    assert case.own is not None
    assert case.step is not None
    return weight * between("cosine", 1.0, end, steps, case.step) * transport(case.z, case.own)


PENALTY_TERMS: dict[str, Callable[..., Any]] = {
    **{name: _of_critic(penalty) for name, penalty in PENALTIES.items()},
    **{name: _of_slopes(name) for name in OF_SLOPES},
    "centring": _centring,
    "lecam": lecam_term,
    "zcr": zcr_term,
    "transport": transport_term,
}
# Penalties that evaluate disc on one side only; the others evaluate it on both or on mixtures.
# lecam and centring are functions of the logits, and like transport they do not call disc.
ONE_SIDED = dict.fromkeys(("none", "r1", "approximate_r1", "dragan", "cr"), "real")
ONE_SIDED |= dict.fromkeys(("lecam", "centring", "transport"), "real")
ONE_SIDED |= dict.fromkeys(("r2", "approximate_r2", "zcr"), "fake")
AUGMENTING = ("cr", "bcr")
# Terms of gen's loss: (case, weight, **numbers) -> weighted numbers [B].
GEN_TERMS: dict[str, Callable[..., Array]] = {"zcr": zcr_gen_term, "transport": transport_term}
OF_GEN_ALONE = ("transport",)
MEMORIES = {
    "began": {"balance": 0.0},
    "lecam": {"mean_real": 0.0, "mean_fake": 0.0, "updates": 0.0},
}


def first_memory(*names: str) -> Memory:
    """What the named terms remember at the start of a run."""
    kept = [MEMORIES.get(name, {}) for name in names]
    return {key: jnp.asarray(value, float) for each in kept for key, value in each.items()}


# Methods with a name of their own in the literature that are an objective plus a penalty here.
NAMED_TOGETHER = {
    "wgan_gp": ("wgan", "wgan_gp"),
    "wgangp": ("wgan", "wgan_gp"),
    "dragan": ("non_saturating", "dragan"),
    "r3gan": ("rpgan", "r1r2"),
}


def objective_term(name: str) -> Callable[..., tuple[Losses, Memory]]:
    """The named objective; ConfigError with the choices if it is unknown."""
    objective, penalty = NAMED_TOGETHER.get(str(name).lower().replace("-", "_"), ("", ""))
    if objective:
        raise ConfigError(
            f"objective {name!r} is unknown: expected objective {objective!r} with penalty.name "
            f"{penalty!r}, which are two leaves here"
        )
    return OBJECTIVE_TERMS[choose("objective", name, OBJECTIVE_TERMS)]


def objective_switch(names: Sequence[str]) -> Callable[..., tuple[Losses, Memory]]:
    """The term names[index] with a traced index, so rows with different objectives share a program.

    Elementwise losses cost nothing next to the networks. Each branch takes only its own numbers.
    """
    branches = [objective_term(name) for name in names]

    def term(case: Case, *, index: Array, **numbers: Array) -> tuple[Losses, Memory]:
        def branch(one: Callable[..., tuple[Losses, Memory]]) -> Callable[[], Losses]:
            known = {k: v for k, v in numbers.items() if k in numbers_of(one)}
            return lambda: one(case, **known)[0]

        return lax.switch(index, [branch(one) for one in branches]), case.memory

    return term


def penalty_term(name: str) -> Callable[..., Any] | None:
    """The named penalty, or None for "none"; ConfigError with the choices if it is unknown."""
    return PENALTY_TERMS.get(choose("penalty.name", name, [*PENALTY_TERMS, "none"]))


def sides(penalty: str) -> str:
    """Whose labels disc is given in the named penalty: real, fake or, if they must agree, both."""
    return ONE_SIDED.get(penalty, "both")


def is_energy(objective: str) -> bool:
    """Whether the objective needs an autoencoder's energies."""
    return objective in ENERGY_OBJECTIVES
