"""CycleGAN: translation between two domains without pairs. Zhu et al. 2017.

gen_ab maps domain a to b, gen_ba maps b to a; disc_a and disc_b tell the examples of a domain from
translations into it. The discriminators descend together

    loss_scale * (mean objective.disc in a + in b) + penalty.weight * mean penalty in both,

on translations from a pool of earlier ones (Shrivastava et al. 2017); the generators together

    mean objective.gen in a + in b
    + cycle * (|gen_ba(gen_ab(a)) - a| + |gen_ab(gen_ba(b)) - b|)
    + cycle * identity * (|gen_ba(a) - a| + |gen_ab(b) - b|),

absolute differences averaged over the batch. The data set has two domains, each in its own order:
b is its x, a its other. Samples are translations into b. The domains are those of a data set of
pictures with data.paired False, or two synthetic distributions.

The paper has the objective lsgan, discs' loss halved (disc.loss_scale 0.5), and rates that fall
linearly to 0 in the second half of training (schedule half_linear).
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.games.gan import decide, disc_objective
from gan_jax.games.play import Play
from gan_jax.games.play.parts import Parts
from gan_jax.games.play.refusals import TREATMENTS, refuse
from gan_jax.games.play.regularisers import clip_weights, noisy
from gan_jax.games.play.terms import Case
from gan_jax.games.play.translation import (
    check_pictures,
    in_rows,
    make_draws,
    no_latents,
    translate,
)
from gan_jax.host.errors import ConfigError
from gan_jax.nets.layers import logit_of
from gan_jax.types import (
    Array,
    Batch,
    Decision,
    Draw,
    Game,
    Hypers,
    Metrics,
    Move,
    Notes,
    Sampler,
    State,
)

Loss = tuple[Array, Notes]
# Roles of the networks' calls; each discriminator has six from its first one on.
TO_B, TO_A, AND_BACK_A, AND_BACK_B, SAME_A, SAME_B, FROM_POOL = range(32, 39)
FIRST_ROLE = {"disc_a": 40, "disc_b": 46}


def make(parts: Parts, *, cycle: float = 10.0, identity: float = 0.5, pool: int = 50) -> Game:
    """The game of a config's parts. pool: translations that each discriminator's pool holds."""
    check(parts)
    weights = {"cycle": cycle, "identity": identity}
    gens, discs = ("gen_ab", "gen_ba"), ("disc_a", "disc_b")
    sections = {name: name.partition("_")[0] for name in (*gens, *discs)}
    to_b, to_a = (functools.partial(translate, parts, name) for name in gens)
    draws, of = (parts.other or no_latents, parts.own or no_latents), ("other", "x")
    if parts.own:
        of = ("", "")
    empty = jnp.zeros((pool, *parts.shape))
    return Game(
        nets=dict.fromkeys(gens, parts.gen) | dict.fromkeys(discs, parts.disc),
        moves=(
            Move(discs, functools.partial(disc_loss, parts), parts.k_disc),
            Move(gens, functools.partial(gen_loss, parts, weights), parts.k_gen),
        ),
        play=Play,
        optimizer=lambda name, h: parts.optimizers[sections[name]](h.players[sections[name]]),
        project=functools.partial(clip_weights, parts),
        draw=make_draws,
        one_draw=lambda b, a, key: Draw(Batch(b.x, other=a), None, key),
        precompute=make_translations,
        inputs=functools.partial(first_inputs, parts),
        memory={"pool_a": empty, "pool_b": empty, "pooled": jnp.zeros((), jnp.int32)},
        samplers={
            "a to b": Sampler("gen_ab", draws[0], to_b, parts.own, of=of[0]),
            "b to a": Sampler("gen_ba", draws[1], to_a, parts.other, of=of[1]),
        },
        decision=Decision(
            parts.decision_size, parts.view, functools.partial(decide, parts, "disc_b")
        ),
        gallery=None if parts.own else functools.partial(both_ways, parts),
    )


def check(parts: Parts) -> None:
    """ConfigError for what the game has no place for."""
    if not parts.own:
        check_pictures(parts, "cyclegan")
        if parts.other_shape != parts.shape:
            raise ConfigError(
                f"game 'cyclegan' has nets of both domains alike, and their pictures are of shape "
                f"{parts.other_shape} and {parts.shape}: expected the same"
            )
    elif parts.other is None:
        raise ConfigError(
            "game 'cyclegan' translates between two domains, of pictures or points that can be "
            "drawn for ever: expected data with two, or data.name 'square_ring' and data.points 0"
        )
    if parts.classes:
        raise ConfigError("game 'cyclegan' takes no labels: expected gen.condition 'none'")
    if parts.memory or parts.penalizes_gen or parts.disc.is_energy:
        raise ConfigError(
            "game 'cyclegan' has no place for objectives and penalties that keep a memory, take "
            "energies or need latents: expected another objective or penalty"
        )
    refuse(parts, "cyclegan", *TREATMENTS)


def disc_loss(parts: Parts, play: Play, draw: Draw, h: Hypers) -> Loss:
    """Both discriminators tell the examples of their domain from translations of the pool."""
    a, b = domains(draw.batch)
    reals, fakes = {"a": a, "b": b}, {"a": play("gen_ba", b, TO_A), "b": play("gen_ab", a, TO_B)}
    loss = jnp.zeros(())
    found: list[Metrics] = []
    memory: dict[str, Array] = {}
    for i, domain in enumerate(("a", "b")):
        key = jax.random.fold_in(play.key(FROM_POOL), i)
        pool = play.memory[f"pool_{domain}"]
        shown, pool, count = from_pool(pool, play.memory["pooled"], fakes[domain], key)
        memory |= {f"pool_{domain}": pool, "pooled": count}
        case = make_case(parts, play, h, f"disc_{domain}", reals[domain], shown)
        own, notes = disc_objective(parts, play, h, case)
        loss, found = loss + own, [*found, notes.metrics]
    metrics = jax.tree.map(lambda a, b: (a + b) / 2, *found)  # means over the two domains
    return loss, play.notes(metrics, memory)


def gen_loss(parts: Parts, weights: dict[str, float], play: Play, draw: Draw, h: Hypers) -> Loss:
    """Both generators: to be taken for real, to undo each other, to leave alone what is there."""
    a, b = domains(draw.batch)
    to_b, to_a = play("gen_ab", a, TO_B), play("gen_ba", b, TO_A)
    loss = jnp.zeros(())
    for name, real, fake in (("disc_a", a, to_a), ("disc_b", b, to_b)):
        case = make_case(parts, play, h, name, real, fake)
        loss += parts.objective(case, **h.objective)[0].gen.mean()
    w = weights | h.game_args
    there_and_back = _distance(play("gen_ba", to_b, AND_BACK_A), a)
    there_and_back += _distance(play("gen_ab", to_a, AND_BACK_B), b)
    same = _distance(play("gen_ba", a, SAME_A), a) + _distance(play("gen_ab", b, SAME_B), b)
    metrics = {"gen_loss": loss, "cycle_loss": there_and_back, "identity_loss": same}
    return loss + w["cycle"] * (there_and_back + w["identity"] * same), play.notes(metrics)


def domains(batch: Batch) -> tuple[Array, Array]:
    """Examples of a and of b."""
    assert batch.other is not None
    return batch.other, batch.x


def _distance(x: Array, y: Array) -> Array:
    return jnp.abs(x - y).mean()


def make_case(parts: Parts, play: Play, h: Hypers, name: str, real: Array, fake: Array) -> Case:
    """Examples and translations of one domain as its discriminator sees them, and its logits."""
    noise_real, noise_fake, drop_real, drop_fake, penalty, drop_penalty = range(
        FIRST_ROLE[name], FIRST_ROLE[name] + 6
    )
    real = parts.view(noisy(parts, play, h, noise_real, real))
    fake = parts.view(noisy(parts, play, h, noise_fake, fake))
    real_y, fake_y = play.pair(name, real, fake, (drop_real, drop_fake))
    return Case(
        real=real,
        fake=fake,
        real_B=logit_of(real_y),
        fake_B=logit_of(fake_y),
        critic=play.critic(name, drop_penalty),
        encode=play.encoder(name),
        generate=_no_latents,
        z=real,
        key=play.key(penalty),
        memory={},
    )


def _no_latents(z: Array) -> Array:
    raise TypeError("a translation has no latents")


def from_pool(
    pool_Px: Array, pooled: Array, fresh_Bx: Array, key: Array
) -> tuple[Array, Array, Array]:
    """Each fresh translation, or with probability 1/2 an earlier one that it then replaces.

    The pool is filled first. Returns what is shown [B, ...], the pool and how many it holds.
    """
    size = len(pool_Px)
    if size == 0:
        return fresh_Bx, pool_Px, pooled

    def one(carry: tuple[Array, Array], each: tuple[Array, Array]) -> tuple:
        (pool, count), (fresh, key) = carry, each
        k_swap, k_place = jax.random.split(key)
        is_full = count >= size
        swaps = is_full & jax.random.bernoulli(k_swap)
        place = jnp.where(is_full, jax.random.randint(k_place, (), 0, size), count)
        shown = jnp.where(swaps, pool[place], fresh)
        stays = is_full & ~swaps
        pool = pool.at[place].set(jnp.where(stays, pool[place], lax.stop_gradient(fresh)))
        return (pool, jnp.minimum(count + 1, size)), shown

    keys, shown_Bx = jax.random.split(key, len(fresh_Bx)), fresh_Bx
    (pool_Px, pooled), shown_Bx = lax.scan(one, (pool_Px, pooled), (fresh_Bx, keys))
    return shown_Bx, pool_Px, pooled


def make_translations(play: Play, draw: Draw) -> dict:
    """The translations that all losses of a draw share."""
    to_b = play.precompute("gen_ab", draw.batch.other, TO_B)
    return to_b | play.precompute("gen_ba", draw.batch.x, TO_A)


def first_inputs(parts: Parts, key: Array) -> dict[str, Array]:
    """What the networks are initialised with."""
    x = jnp.zeros((2 * parts.decision_size, *parts.shape))
    seen = parts.view(x)
    return {"gen_ab": x, "gen_ba": x, "disc_a": seen, "disc_b": seen}


def both_ways(parts: Parts, state: State, key: Array, batch: Batch) -> Array:
    """a, gen_ab(a), b, gen_ba(b) side by side, of examples of each domain; [rows, columns, ...]."""
    a, b = domains(batch)
    to_b, to_a = translate(parts, "gen_ab", state, a), translate(parts, "gen_ba", state, b)
    return in_rows(a, to_b, b, to_a)
