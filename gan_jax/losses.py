"""Both players' losses, as pure functions of (params, state, draw), and what they are made of."""

import functools

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gan_jax.dynamics import Draw, Game, Metrics, Params
from gan_jax.game import MEMORY, Setup
from gan_jax.guard import either
from gan_jax.objectives import rescale_gradient
from gan_jax.terms import Case, Memory
from gan_jax.types import Array, GanState, Hypers, Player, PyTree

# What a draw's key is folded with, so that both players meet the same fakes, noise and masks.
LATENT, GEN_DROPOUT, REAL_DROPOUT, FAKE_DROPOUT, PENALTY, PENALTY_DROPOUT = range(6)
REAL_NOISE, FAKE_NOISE = range(6, 8)


def make_game(setup: Setup, hypers: Hypers) -> Game:
    """The game at these numbers."""

    def disc_update(player: Player, grads: PyTree, vars: PyTree) -> Player:
        disc = update(setup.disc_optimizer(hypers.disc), player, grads, vars)
        return clip_weights(setup, hypers, disc)

    return Game(
        disc_loss=functools.partial(disc_loss, setup, hypers),
        gen_loss=functools.partial(gen_loss, setup, hypers),
        make_fakes=functools.partial(make_fakes, setup),
        disc_update=disc_update,
        gen_update=functools.partial(update, setup.gen_optimizer(hypers.gen)),
    )


def make_draws(setup: Setup, real: Array, keys: Array) -> Draw:
    """A step's draws: reals [K, B, ...] and a key each, from which the latents follow.

    Further keys have draws of their own, with the reals from the first one on again.
    """

    def latent(key: Array) -> Array:
        return setup.latent(jax.random.fold_in(key, LATENT), real.shape[1])

    if len(keys) > len(real):
        real = real[jnp.arange(len(keys)) % len(real)]
    return Draw(real, jax.vmap(latent)(keys), keys)


def update(
    optimizer: optax.GradientTransformation, player: Player, grads: PyTree, vars: PyTree
) -> Player:
    """One step of a player's own guarded optimiser; with a refused one, vars stay as well."""
    updates, opt = optimizer.update(grads, player.opt, player.params)
    ok = opt.refused.times == player.opt.refused.times
    params = optax.apply_updates(player.params, updates)
    return player.replace(params=params, vars=either(ok, vars, player.vars), opt=opt)


def clip_weights(setup: Setup, hypers: Hypers, disc: Player) -> Player:
    """Every weight into [-c, c], where the config says so. Arjovsky et al. 2017, algorithm 1."""
    if not setup.clips:
        return disc
    c = hypers.game["clip_weights"]
    return disc.replace(params=jax.tree.map(lambda w: jnp.clip(w, -c, c), disc.params))


def disc_loss(
    setup: Setup, hypers: Hypers, params: Params, state: GanState, draw: Draw
) -> tuple[Array, tuple[PyTree, Metrics]]:
    """loss_scale * mean objective + weight * mean penalty, a function of gen's parameters too."""
    fake = make_fakes(setup, params, state, draw)[0]
    case, vars = look(setup, hypers, params, state, draw, fake, setup.one_pass)
    losses, memory = setup.objective(case, **hypers.objective)
    loss = hypers.game["loss_scale"] * losses.disc.mean()
    metrics = _disc_metrics(case, memory) | {"disc_loss": loss}
    if setup.penalty:
        penalty, memory = _penalty(setup, hypers, state, case._replace(memory=memory))
        loss, metrics["penalty"] = loss + hypers.penalty["weight"] * penalty, penalty
    return loss, ({**vars, MEMORY: lax.stop_gradient(memory)}, metrics)


def _penalty(setup: Setup, hypers: Hypers, state: GanState, case: Case) -> tuple[Array, Memory]:
    """The mean penalty; with penalty.every_steps n, in every n-th step, n times."""
    term = setup.penalty
    assert term
    numbers, every = _numbers(hypers.penalty), setup.penalty_every

    def now() -> tuple[Array, Memory]:
        penalty, memory = term(case, **numbers)
        return every * penalty.mean(), memory

    if every == 1:
        return now()
    return lax.cond(state.step % every == 0, now, lambda: (jnp.zeros(()), case.memory))


def gen_loss(
    setup: Setup, hypers: Hypers, params: Params, state: GanState, draw: Draw
) -> tuple[Array, tuple[PyTree, Metrics]]:
    """Mean objective of gen. Logits of reals cost nothing where it does not ask for them."""
    fake, vars = make_fakes(setup, params, state, draw)
    if setup.rescales:
        fake = rescale_gradient(fake, hypers.game["rescale_gradient"])
    case, _ = look(setup, hypers, params, state, draw, fake, together=False)
    loss = setup.objective(case, **hypers.objective)[0].gen.mean()
    metrics = {"gen_loss": loss}
    if setup.gen_penalty:
        loss += setup.gen_penalty(case, **_numbers(hypers.penalty)).mean()
    return loss, (vars, metrics)


def _numbers(penalty: dict[str, Array]) -> dict[str, Array]:
    return {name: value for name, value in penalty.items() if name != "weight"}


def make_fakes(setup: Setup, params: Params, state: GanState, draw: Draw) -> tuple[Array, PyTree]:
    """G(z) for the draw's noise, [B, ...], and gen's new vars; the draw's own if it has them."""
    if draw.fakes is not None:
        return draw.fakes
    key = jax.random.fold_in(draw.key, GEN_DROPOUT)
    return setup.gen.apply(params.gen, state.gen.vars, draw.z, key, train=True)


def look(
    setup: Setup,
    hypers: Hypers,
    params: Params,
    state: GanState,
    draw: Draw,
    fake: Array,
    together: bool,
) -> tuple[Case, PyTree]:
    """The draw as disc sees and judges it, and disc's new vars.

    together: reals and fakes in one pass, for a disc whose rows are independent: larger, faster
    products. Else one pass each, reals first.
    """

    def key(role: int) -> Array:
        return jax.random.fold_in(draw.key, role)

    memory = state.disc.vars[MEMORY]
    net_vars = {name: value for name, value in state.disc.vars.items() if name != MEMORY}

    def judge(x: Array, role: int, vars: PyTree) -> tuple[Array, PyTree]:
        return setup.disc.apply(params.disc, vars, x, key(role), train=True)

    real_x = setup.view(_noisy(setup, hypers, state, key(REAL_NOISE), draw.real))
    fake_x = setup.view(_noisy(setup, hypers, state, key(FAKE_NOISE), fake))
    if together:
        logits, vars = judge(jnp.concatenate([real_x, fake_x]), REAL_DROPOUT, net_vars)
        real_B, fake_B = jnp.split(logits, 2)
    else:
        real_B, vars = judge(real_x, REAL_DROPOUT, net_vars)
        fake_B, vars = judge(fake_x, FAKE_DROPOUT, vars)

    def generate(z: Array) -> Array:
        return setup.view(
            setup.gen.apply(params.gen, state.gen.vars, z, key(GEN_DROPOUT), train=True)[0]
        )

    def encode(x: Array) -> Array:
        assert setup.disc.encode
        return setup.disc.encode(params.disc, net_vars, x)

    return Case(
        real=real_x,
        fake=fake_x,
        real_B=real_B,
        fake_B=fake_B,
        critic=lambda x: judge(x, PENALTY_DROPOUT, net_vars)[0],
        encode=encode,
        generate=generate,
        z=draw.z,
        key=key(PENALTY),
        memory=memory,
    ), vars


def _noisy(setup: Setup, hypers: Hypers, state: GanState, key: Array, x: Array) -> Array:
    """x + std N(0, 1), std falling linearly to 0 over instance_noise_steps, where they are given.

    Instance noise, Sonderby et al. 2017, Arjovsky and Bottou 2017; in the units that disc sees.
    """
    if not setup.is_noisy:
        return x
    std, steps = hypers.game["instance_noise"], hypers.game["instance_noise_steps"]
    left = jnp.where(steps > 0, jnp.maximum(1 - state.step / jnp.maximum(steps, 1), 0), 1)
    return x + (std * left * jax.random.normal(key, x.shape)).astype(x.dtype)


def _disc_metrics(case: Case, memory: Memory) -> Metrics:
    real_B, fake_B = case.real_B, case.fake_B
    found = {
        "d_real": jax.nn.sigmoid(real_B).mean(),
        "d_fake": jax.nn.sigmoid(fake_B).mean(),
        "acc_real": (real_B > 0).mean(dtype=real_B.dtype),
        "acc_fake": (fake_B < 0).mean(dtype=fake_B.dtype),
    }
    return found | {name: memory[name] for name in ("balance",) if name in memory}
