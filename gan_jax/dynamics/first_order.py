"""Dynamics that need gradients only. v is each player's gradient of its own loss."""

from collections.abc import Callable, Iterable

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.dynamics.base import (
    Draw,
    Game,
    Params,
    Step,
    descend,
    field,
    move_disc,
    move_gen,
    only,
    params,
)
from gan_jax.types import Array, GanState, Player, PyTree


def simultaneous(game: Game, state: GanState, draws: Draw) -> Step:
    """Both gradients at the old parameters, on the same fakes and dropout masks. k is 1."""
    draw = only(draws)
    after_disc, disc_metrics = move_disc(game, state, draw)
    after_gen, gen_metrics = move_gen(game, state, draw)
    return after_gen.replace(disc=after_disc.disc), disc_metrics | gen_metrics


def alternating(
    game: Game, state: GanState, draws: Draw, *, k_disc: int = 1, k_gen: int = 1
) -> Step:
    """k_disc updates of disc, then k_gen of gen against the new disc. Goodfellow 2014, algorithm 1.

    draws holds max(k_disc, k_gen). Gen's first update meets the fakes of disc's last: they are
    still gen's own, and the compiler then makes them once. Each later one has a draw that gen has
    not met. Metrics are means over the updates of the step.
    """
    state, disc_metrics = _repeat(move_disc, game, state, draws, range(k_disc))
    last_first = [*reversed(range(k_disc)), *range(k_disc, k_gen)][:k_gen]
    state, gen_metrics = _repeat(move_gen, game, state, draws, last_first)
    return state, disc_metrics | gen_metrics


def _repeat(
    move: Callable[..., Step], game: Game, state: GanState, draws: Draw, order: Iterable[int]
) -> Step:
    order = list(order)
    if len(order) == 1:  # outside a loop the compiler sees what two updates share
        return move(game, state, jax.tree.map(lambda a: a[order[0]], draws))
    chosen = jax.tree.map(lambda a: a[jnp.asarray(order)], draws)
    state, metrics = lax.scan(lambda s, draw: move(game, s, draw), state, chosen)
    return state, jax.tree.map(lambda m: m.mean(0), metrics)


def unrolled(game: Game, state: GanState, draws: Draw, *, unroll_steps: int = 5) -> Step:
    """gen minimises its loss at disc_K(gen), where disc will be in K updates. Metz et al. 2017.

    disc_0 = disc, disc_i+1 = disc_i + its own optimiser's update on loss_disc(gen, disc_i), for
    K = unroll_steps, all on one draw. gen's gradient flows through the updates; disc_K is then
    thrown away and disc takes its ordinary update against the old gen. K = 0 is simultaneous.
    """
    draw = only(draws)
    after_disc, disc_metrics = move_disc(game, state, draw)
    tame = game._replace(
        disc_update=lambda player, v, vars: game.disc_update(player, _no_nan_at_0(v), vars)
    )

    def gen_loss(w: Params, state: GanState, draw: Draw):
        there = state.replace(gen=state.gen.replace(params=w.gen))
        # One gen in all K updates: made before their loop, it is gone back through once
        draw = draw._replace(fakes=game.make_fakes(w, there, draw))
        there, _ = lax.scan(
            lambda s, _: (move_disc(tame, s, draw)[0], None), there, length=unroll_steps
        )
        return game.gen_loss(params(there), there, draw)

    after_gen, gen_metrics = move_gen(game._replace(gen_loss=gen_loss), state, draw)
    return after_disc.replace(gen=after_gen.gen), disc_metrics | gen_metrics


def _no_nan_at_0(v: PyTree) -> PyTree:
    """v itself. The roots in Adam and RMSProp are infinitely steep at 0, where the gradient of a
    dead unit stays: 0 times infinity, NaN on the way back, is then 0."""
    return jax.tree.map(_identity, v)


@jax.custom_vjp
def _identity(v: Array) -> Array:
    return v


def _backward(v: Array, cotangent: Array) -> tuple[Array]:
    underflows = jnp.square(v) < 1e6 * jnp.finfo(v.dtype).tiny
    return (jnp.where(underflows & ~jnp.isfinite(cotangent), 0, cotangent),)


_identity.defvjp(lambda v: (v, v), _backward)


def extragradient(game: Game, state: GanState, draws: Draw) -> Step:
    """w' = w - eta v(w); w <- w - eta v(w'). Korpelevich 1976, Gidel et al. 2019, both on one draw.

    Another optimiser's update takes the place of -eta v, computed at w and again at w', from the
    old optimiser state both times: the state advances once, at w'.
    """
    ahead, _ = simultaneous(game, state, draws)
    v, (vars, metrics) = field(game, state, only(draws))(params(ahead))
    return descend(game, state, v, vars), metrics


def optimistic(game: Game, state: GanState, draws: Draw) -> Step:
    """w <- w - 2 eta v_t + eta v_t-1, with v_0 = 0. Daskalakis et al. 2018.

    That is w <- w + 2 u_t - u_t-1 with u the optimiser's updates, each at its own rate: with adam
    it is the paper's algorithm 1, optimistic Adam. The last u is state.extra["last_update"].
    """
    plain, metrics = simultaneous(game, state, draws)
    last = state.extra[LAST]
    gen, gen_u = _optimistic(state.gen, plain.gen, last["gen"])
    disc, disc_u = _optimistic(state.disc, plain.disc, last["disc"])
    extra = state.extra | {LAST: {"gen": gen_u, "disc": disc_u}}
    return plain.replace(gen=gen, disc=disc, extra=extra), metrics


def _optimistic(old: Player, new: Player, last: PyTree) -> tuple[Player, PyTree]:
    """new, but at w + 2 u - last, and u. Where new's update was refused w and last stay."""
    ok = new.opt.refused.times == old.opt.refused.times
    u = jax.tree.map(jnp.subtract, new.params, old.params)
    w = jax.tree.map(lambda w, u, last: w + u - last, new.params, u, last)
    w, u = jax.tree.map(lambda a, b: jnp.where(ok, a, b), (w, u), (old.params, last))
    return new.replace(params=w), u


LAST = "last_update"


def first_extra(name: str, gen: Player, disc: Player) -> dict[str, PyTree]:
    """What the named dynamics keep in state.extra, at the start of a run."""
    if name != optimistic.__name__:
        return {}
    return {LAST: jax.tree.map(jnp.zeros_like, {"gen": gen.params, "disc": disc.params})}
