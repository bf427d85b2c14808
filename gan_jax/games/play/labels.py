"""Labels in a game: which networks take them, which labels fakes are given, acgan's class terms."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from gan_jax.data import Data
from gan_jax.games.play import REQUEST, terms
from gan_jax.games.play.terms import Case
from gan_jax.host.errors import ConfigError
from gan_jax.nets.layers import Labels
from gan_jax.types import Array

Request = Callable[[Array, Any], Any]


def classes_of(config: ConfigDict, data: Data) -> int:
    """The number of classes; 0 if neither network is conditional. ConfigError without labels."""
    asked = {name: config[name].condition for name in ("gen", "disc")}
    if set(asked.values()) == {"none"}:
        return 0
    name, how = next((n, c) for n, c in asked.items() if c != "none")
    if name == "disc":
        raise ConfigError(
            f"disc.condition is {how!r}, but gen.condition is 'none': expected 'concat' or 'norm', "
            "as disc asks whether fakes fit their labels"
        )
    if not data.spec.classes:
        raise ConfigError(f"{name}.condition is {how!r}, but data {data.name!r} has no labels")
    if config.disc.view != "sample":
        raise ConfigError(
            f"{name}.condition is {how!r}, but disc.view {config.disc.view!r} joins examples with "
            "different labels: expected disc.view 'sample'"
        )
    return data.spec.classes


def requests(config: ConfigDict, classes: int) -> Request:
    """f(keys [n], labels of reals [n, B] or None) -> labels of fakes. ConfigError."""
    if not classes or config.latent.labels == "data":
        return lambda keys, label: label
    for name in (config.penalty.name, *config.penalties):
        if terms.sides(name) != "both":
            continue
        raise ConfigError(
            f"penalty {name!r} takes reals and fakes to one disc, and with "
            "latent.labels 'uniform' their labels differ: expected latent.labels 'data'"
        )

    def draw(key: Array, label: Array) -> Array:
        return jax.random.randint(jax.random.fold_in(key, REQUEST), label.shape, 0, classes)

    return jax.vmap(draw)


def packed(config: ConfigDict) -> Callable[[Array | None], Array | None]:
    """f(labels [B] or None) -> the same as disc sees them: [B / m, m] for packs of m."""
    m = config.disc.pack
    return lambda label: label if label is None or m == 1 else label.reshape(-1, m)


def labels_of(section: ConfigDict, classes: int) -> Labels:
    """The Labels of a player: its condition and the number of classes."""
    return Labels(section.condition, classes) if section.condition != "none" else Labels()


def class_losses(case: Case) -> tuple[Array, Array]:
    """Mean cross-entropy of the classifier on reals and on fakes. Odena et al. 2017, L_C."""
    of_both = zip((case.real_heads, case.fake_heads), case.labels, strict=True)
    of_reals, of_fakes = (
        optax.softmax_cross_entropy_with_integer_labels(heads["class"], label).mean()
        for heads, label in of_both
    )
    return of_reals, of_fakes


def class_accuracy(case: Case) -> Array:
    """The share of reals whose most probable class is their label."""
    logits = case.real_heads["class"]
    return (logits.argmax(-1) == jnp.asarray(case.labels[0])).mean(dtype=logits.dtype)
