"""The parts that a config names, as functions: networks, latents, terms and optimisers."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from gan_jax import nets
from gan_jax.augment import diff
from gan_jax.augment.views import VIEWS, pack
from gan_jax.config import choose
from gan_jax.data import Data
from gan_jax.dynamics.guard import guarded
from gan_jax.dynamics.optimiser import make_optimizer
from gan_jax.games.play import terms
from gan_jax.games.play.labels import Request, classes_of, labels_of, packed, requests
from gan_jax.games.play.penalties import Penalty, check_sizes, check_weight, named
from gan_jax.games.play.refusals import check_patches, last_layers_of
from gan_jax.games.play.terms import Memory
from gan_jax.host.errors import ConfigError
from gan_jax.nets.layers.codes import NO_CODES, Codes
from gan_jax.nets.layers.narrow import with_dtype
from gan_jax.nets.layers.normalise import NORMALISERS
from gan_jax.types import Array, Net

Draws = Callable[[Array, int], Array]  # (key, n) -> [n, ...]


class Parts(NamedTuple):
    """The static part of a config, as functions."""

    gen: Net
    disc: Net
    enc: Net | None  # x -> z, where the file of gen.net has one
    disc_with: Callable[[Codes], Net]  # disc with a recognition head
    view: Callable[[Array], Array]  # a batch -> what disc judges
    decision_size: int  # samples per decision of disc
    classes: int  # number of labels that the networks take; 0: none
    request: Request  # (keys, labels of reals) -> labels of fakes
    label_view: Callable[[Array | None], Array | None]  # labels as disc sees them
    latent: Draws  # z [n, Z]
    objective: Callable[..., Any]
    penalties: tuple[Penalty, ...]
    wants_slopes: bool  # some penalty needs disc's slopes
    penalizes_gen: bool  # some penalty has a term in gen's loss, from latents
    augments: bool  # some penalty augments images, so examples must be images
    memory: Memory  # what the terms remember at the start
    optimizers: dict[str, Callable[..., optax.GradientTransformation]]  # numbers -> optimiser
    k_disc: int  # updates of disc per step
    k_gen: int
    batch_size: int
    more_fakes: int  # gen.batch_factor - 1: batches of fakes that only gen sees
    standing_batches: int  # batches for samples' standing statistics; 0: averages
    clips: bool  # whether disc's weights are clipped
    is_noisy: bool  # whether there is instance noise
    rescales: bool  # whether gen's gradient is rescaled
    norms_pull: bool  # whether disc's gradient on gen is divided by its running size
    slices: bool  # disc.san
    wants_features: bool  # the objective needs the features of disc's last layer
    selects: bool  # gen learns only from the fakes with the largest logits
    shape: tuple[int, ...]  # of one example
    own: Draws | None  # draws examples of a synthetic distribution
    other: Draws | None  # draws examples of its other domain, if it has one
    other_shape: tuple[int, ...] | None  # of an example of the other domain, if any
    is_paired: bool  # whether the examples of two domains come in pairs
    text_length: int  # words of a text; 0: no texts
    gen_with: Callable[..., Net]  # makes gen for another shape, or another kind of gen


def make_parts(config: ConfigDict, data: Data, objectives: Sequence[str] = ()) -> Parts:
    """The Parts of a config. ConfigError if a name or argument is unknown.

    objectives: replaces the config's objective by several objectives of logits, one of which the
    traced number "index" selects.
    """
    shape, synthetic = data.spec.shape, data.synthetic
    check_weight(config.penalty.name, config.penalty.weight)
    view, decision = make_view(config)
    penalties = named(config)
    check_sizes(penalties, config.latent.dim, shape)
    seen = jax.eval_shape(view, jnp.zeros((decision, *shape))).shape[1:]
    classes, words = classes_of(config, data), len(data.spec.vocabulary)
    disc = make_disc(config, seen, data.spec.classes, words=words)
    last_layers_of(config, disc, jnp.zeros((2, *seen)))
    if config.disc.view != "sample":
        disc = disc._replace(rows_are_independent=False)  # a view joins the whole batch
    return Parts(
        gen=make_gen(config, data),
        disc=disc,
        enc=make_enc(config),
        disc_with=functools.partial(make_disc, config, seen, classes),
        view=view,
        decision_size=decision,
        classes=classes,
        request=requests(config, classes),
        label_view=packed(config),
        latent=make_latent(config.latent),
        objective=terms.objective_switch(objectives)
        if objectives
        else terms.objective_term(config.objective),
        penalties=penalties,
        wants_slopes=any(each.wants_slopes for each in penalties),
        penalizes_gen=any(each.gen for each in penalties),
        augments=config.disc.augment != "none"
        or any(each.name in terms.AUGMENTING for each in penalties),
        memory=terms.first_memory(config.objective, *(each.name for each in penalties)),
        optimizers={section: player_optimizer(config[section]) for section in ("gen", "disc")},
        k_disc=config.dynamics.k_disc,
        k_gen=config.dynamics.k_gen,
        batch_size=config.batch_size,
        more_fakes=config.gen.batch_factor - 1,
        standing_batches=config.ema.standing_batches,
        clips=config.disc.clip_weights > 0,
        is_noisy=config.disc.instance_noise > 0,
        rescales=config.gen.rescale_gradient > 0,
        norms_pull=config.gen.pull_decay > 0,
        slices=config.disc.san,
        wants_features=config.objective in terms.OF_FEATURES,
        selects=config.gen.top_k > 0,
        shape=shape,
        own=synthetic.sample if synthetic else None,
        other=synthetic.other if synthetic and data.is_endless else None,
        other_shape=data.spec.other,
        is_paired=config.data.paired and not synthetic,
        text_length=data.spec.text_length,
        gen_with=functools.partial(make_gen, config, data),
    )


def player_optimizer(section: ConfigDict) -> Callable[..., optax.GradientTransformation]:
    """A function from the section's numbers to its guarded optimiser."""
    clips, decays = section.clip > 0, section.weight_decay > 0
    how = (section.optimizer, section.schedule, clips, decays, section.b2_schedule)
    build = make_optimizer(*how)
    return lambda numbers: guarded(build(numbers))


def make_gen(
    config: ConfigDict,
    data: Data,
    shape: tuple[int, ...] | None = None,
    kind: str = "Generator",
) -> Net:
    """Gen for the data's shape or another one, with the output activation that suits their range.

    kind: see nets.make_generator.
    """
    natural = {-1.0: "tanh", 0.0: "sigmoid"}[data.low] if data.is_image else "identity"
    labels, words = labels_of(config.gen, data.spec.classes), len(data.spec.vocabulary)
    named = (config.gen.net, config.gen.args, shape or data.spec.shape, natural)
    gen = nets.make_generator(*named, labels, words, kind)
    gen = with_dtype(gen, config.activation_dtype)
    if not (gen.start_at and data.is_image):  # the mean of points has no range
        return gen._replace(start_at=None)
    return gen._replace(start_at=functools.partial(gen.start_at, low=data.low))


def make_enc(config: ConfigDict) -> Net | None:
    """The encoder in the file of gen.net, or None."""
    enc = nets.make_encoder(config.gen.net, config.gen.args, config.latent.dim)
    return with_dtype(enc, config.activation_dtype) if enc else None


def make_view(config: ConfigDict) -> tuple[Callable[[Array], Array], int]:
    """The function from a batch to what disc judges, and the number of samples per decision."""
    view, m = VIEWS[choose("disc.view", config.disc.view, VIEWS)], config.disc.pack
    if config.disc.view != "sample":
        return view, config.batch_size
    return (functools.partial(pack, m=m), m) if m > 1 else (view, 1)


def make_disc(
    config: ConfigDict,
    shape: tuple[int, ...],
    classes: int = 0,
    codes: Codes = NO_CODES,
    words: int = 0,
) -> Net:
    """Disc for views of that shape, normalised as configured. codes: of its recognition head.

    ConfigError if the net gives logits and the objective takes energies, or the reverse.
    """
    labels = labels_of(config.disc, classes)
    disc = nets.make_discriminator(
        config.disc.net, config.disc.args, shape, labels, config.disc.pack, codes, words
    )
    if disc.is_energy != terms.is_energy(config.objective):
        needs, has = ("logits", "energies") if disc.is_energy else ("energies", "logits")
        raise ConfigError(
            f"objective {config.objective!r} takes {needs}, but disc.net {config.disc.net!r} "
            f"gives {has}: choose a net or an objective of the other kind"
        )
    if config.disc.one_batch and disc.rows_are_independent:
        raise ConfigError(
            "disc.one_batch joins reals and fakes in the batch norm of disc, but disc has none: "
            "expected False, or disc.args.batch_norm True if disc.net takes it"
        )
    disc = with_dtype(disc, config.activation_dtype)._replace(one_batch=config.disc.one_batch)
    check_patches(config, disc)
    disc = NORMALISERS[choose("disc.normalise", config.disc.normalise, NORMALISERS)](disc)
    kinds = diff.parse(config.disc.augment)
    if kinds and (len(shape) != 3 or config.disc.pack > 1):
        raise ConfigError(
            f"disc.augment is {config.disc.augment!r}, which changes single images: expected "
            "'none' for points, for disc.view 'moments' and for disc.pack above 1"
        )
    return diff.augmented(disc, kinds) if kinds else disc


def make_latent(latent: ConfigDict) -> Callable[[Array, int], Array]:
    """(key, n) -> z [n, Z], from N(0, 1) or U[low, high)."""
    dim, low, high = latent.dim, latent.low, latent.high
    draws: dict[str, Callable[[Array, int], Array]] = {
        "normal": lambda key, n: jax.random.normal(key, (n, dim)),
        "uniform": lambda key, n: jax.random.uniform(key, (n, dim), minval=low, maxval=high),
    }
    return draws[choose("latent.law", latent.law, draws)]
